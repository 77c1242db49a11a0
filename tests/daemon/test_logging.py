"""Logs: one JSON object a line, and no secret in it."""

from __future__ import annotations

import json

import pytest
import structlog

from monitor.daemon.logging import configure
from monitor.model.secret import Secret
from monitor.model.settings import LogFormat, LogSettings


@pytest.fixture(autouse=True)
def _as_it_was():
    yield
    structlog.reset_defaults()


def test_a_line_is_a_json_object_with_time_and_level(capsys: pytest.CaptureFixture[str]):
    configure(LogSettings(LogFormat.JSON))
    structlog.get_logger().warning("target is down", target="a", cause="tcp_timeout")
    line = json.loads(capsys.readouterr().out)
    assert line["event"] == "target is down"
    assert (line["level"], line["target"]) == ("warning", "a")
    assert line["timestamp"].endswith("Z")


def test_secrets_do_not_get_into_a_line(capsys: pytest.CaptureFixture[str]):
    configure(LogSettings(LogFormat.JSON))
    structlog.get_logger().info(
        "see https://u:hunter2@h.test/p?token=hunter2#hunter2",
        urls=("http://user:hun@ter2@proxy.test/?hunter2", ["https://h.test/?hunter2"]),
        url="http://user:hunter2@proxy.test:3128/path?X-Amz-Signature=hunter2 and more",
        password=str(Secret("hunter2")),
        raw=repr(Secret("hunter2")),
    )
    out = capsys.readouterr().out
    assert "hunter2" not in out
    assert "ter2@" not in out
    assert "http://proxy.test:3128/path and more" in out


def test_the_level_is_kept_to_and_console_is_for_people(capsys: pytest.CaptureFixture[str]):
    configure(LogSettings(LogFormat.CONSOLE, "warning"))
    structlog.get_logger().info("not shown")
    structlog.get_logger().error("shown", why="x")
    out = capsys.readouterr().out
    assert "not shown" not in out
    assert "shown" in out
    assert "why" in out


def test_an_exception_is_in_the_line(capsys: pytest.CaptureFixture[str]):
    configure(LogSettings(LogFormat.JSON))
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger().exception("prober failed")
    line = json.loads(capsys.readouterr().out)
    assert "ValueError: broken" in line["exception"]
