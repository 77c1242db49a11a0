"""Logs: one JSON object a line, and no secret in it."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from monitor.daemon.logging import configure, hook_exceptions
from monitor.model.secret import Secret
from monitor.model.settings import LogFormat, LogSettings


class Memory(io.StringIO):
    """A log's output that can be read back."""

    dropped_line: Callable[[int], str]

    def last(self) -> dict[str, Any]:
        return dict(json.loads(self.getvalue().splitlines()[-1]))


@pytest.fixture
def output() -> Iterator[Memory]:
    handlers, level = logging.root.handlers[:], logging.root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield Memory()
    structlog.reset_defaults()
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


def test_a_line_is_a_json_object_with_time_and_level(output: Memory):
    configure(LogSettings(LogFormat.JSON), output)
    structlog.get_logger().warning("target is down", target="a", cause="tcp_timeout")
    line = json.loads(output.getvalue())
    assert line["event"] == "target is down"
    assert (line["level"], line["target"]) == ("warning", "a")
    assert line["timestamp"].endswith("Z")


def test_secrets_do_not_get_into_a_line(output: Memory):
    configure(LogSettings(LogFormat.JSON), output)
    structlog.get_logger().info(
        "see https://u:hunter2@h.test/p?token=hunter2#hunter2",
        urls=("http://user:hun@ter2@proxy.test/?hunter2", ["https://h.test/?hunter2"]),
        url="http://user:hunter2@proxy.test:3128/path?X-Amz-Signature=hunter2 and more",
        password=str(Secret("hunter2")),
        raw=repr(Secret("hunter2")),
    )
    out = output.getvalue()
    assert "hunter2" not in out
    assert "ter2@" not in out
    assert "http://proxy.test:3128/path and more" in out


def test_the_level_is_kept_to_and_console_is_for_people(output: Memory):
    configure(LogSettings(LogFormat.CONSOLE, "warning"), output)
    structlog.get_logger().info("not shown")
    structlog.get_logger().error("shown", why="x")
    out = output.getvalue()
    assert "not shown" not in out
    assert "shown" in out
    assert "why" in out


def test_an_exception_is_in_the_line(output: Memory):
    configure(LogSettings(LogFormat.JSON), output)
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger().exception("prober failed")
    line = json.loads(output.getvalue())
    assert "ValueError: broken" in line["exception"]


def test_the_standard_library_s_loggers_and_warnings_go_the_same_way(output: Memory):
    configure(LogSettings(LogFormat.JSON), output)
    logging.getLogger("asyncio").error("Task exception was never retrieved")
    assert output.last() | {"timestamp": ""} == {
        "event": "Task exception was never retrieved",
        "level": "error",
        "logger": "asyncio",
        "timestamp": "",
    }
    logging.getLogger("x").error("%d broken arguments", "one")
    assert output.last()["event"] == "log record dropped"
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", stacklevel=1)
    assert "old" in output.last()["event"]
    logging.getLogger("aiohttp.access").info("not shown")
    assert "not shown" not in output.getvalue()


def test_exceptions_that_nothing_catches_are_lines(output: Memory):
    configure(LogSettings(LogFormat.JSON), output)
    hook_exceptions()

    def fail() -> None:
        raise ValueError("in a thread")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert "ValueError: in a thread" in output.last()["exception"]

    class Broken:
        def __del__(self) -> None:
            raise ValueError("in a finalizer")

    Broken()
    assert "ValueError: in a finalizer" in output.last()["exception"]


@pytest.mark.parametrize("form", [LogFormat.JSON, LogFormat.CONSOLE])
def test_a_value_that_cannot_be_rendered_costs_no_more_than_its_line(
    output: Memory, form: LogFormat
):
    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError("no")

        __str__ = __repr__

    configure(LogSettings(form), output)
    structlog.get_logger().error("odd value", value=Hostile())
    assert "odd value" in output.getvalue()


@pytest.mark.parametrize("form", [LogFormat.JSON, LogFormat.CONSOLE])
def test_dropped_lines_are_reported_in_the_form_of_the_log(output: Memory, form: LogFormat):
    configure(LogSettings(form), output)
    line = output.dropped_line(17)
    assert line.endswith("\n")
    assert "log lines dropped" in line
    if form is LogFormat.JSON:
        assert json.loads(line)["lines"] == 17
