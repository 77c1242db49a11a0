"""The documents and tables that commands print: shape, units, and nothing secret.

Covers: monitor/present/discovery_view.py, monitor/present/terminal.py, monitor/present/formats.py
"""

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.catalog import build_targets
from monitor.cli.one_shot import incidents_of
from monitor.health.status import TargetStatus
from monitor.model.endpoint import Protocol
from monitor.model.identity import Identity
from monitor.model.settings import Problem, ScheduleSettings, Settings, TargetSettings
from monitor.model.state import State
from monitor.net.proxy.audit import ProxyAudit
from monitor.present.report import (
    check_document,
    encode,
    endpoints_document,
    error_document,
    milliseconds,
    validation_document,
    warnings_of,
)
from monitor.present.terminal import (
    WHOLE_LINES,
    console_for,
    print_endpoints,
    progress,
)
from tests.probe_results import FILTERED, REACHED, probe_result, target

SETTINGS = Settings(source=Path("config.toml"), region="eu-central-1", account_id="123456789012")
UP = TargetStatus.of(target("up"), State.UP, probe_result("up"), REACHED)
DOWN = TargetStatus.of(
    target("down", "jetbrains"), State.DOWN, probe_result("down", ok=False), FILTERED
)
NO_PROXIES = ProxyAudit()
BEHIND = ProxyAudit(https="proxy.corp:3128", missing=(".amazonaws.com",))
UNKNOWN = TargetStatus.of(target("later", missing_values=("region",)), State.UNKNOWN)


def parsed(document: Mapping[str, object]) -> dict[str, object]:
    value = json.loads(encode(document))
    assert isinstance(value, dict)
    return value


def test_the_check_document_has_the_agreed_shape() -> None:
    document = check_document(
        [UP, DOWN, UNKNOWN], incidents_of([UP, DOWN, UNKNOWN], 1.0), NO_PROXIES
    )
    read = parsed(document)
    assert list(read) == [
        "version",
        "summary",
        "proxies",
        "targets",
        "incidents",
        "gateways",
        "clock",
        "egress_addresses",
        "discovery",
        "redundant_groups",
    ]
    assert read["version"] == 1
    assert read["summary"] == {
        "ok": False,
        "targets": 3,
        "up": 1,
        "degraded": 0,
        "down": 1,
        "unknown": 1,
        "required_missing": 2,
        "covered_by_redundancy": 0,
    }
    assert isinstance(read["targets"], list)
    agreed = {
        "id": "down",
        "group": "jetbrains",
        "host": "down.example",
        "port": 443,
        "protocol": "https",
        "required": True,
        "state": "down",
        "cause": "tcp_timeout",
        "detail": "Nothing answers on the port.",
        "remediation": "Open the port.",
        "addresses": ["192.0.2.1"],
        "phases": {"resolve": 0.001, "connect": 0.012346},
        "rtt_seconds": 0.0119,
    }
    assert {key: read["targets"][1][key] for key in agreed} == agreed


def test_an_unknown_target_says_what_is_missing_and_has_no_cause() -> None:
    document = parsed(check_document([UNKNOWN], (), NO_PROXIES))
    assert isinstance(document["targets"], list)
    (shown,) = document["targets"]
    assert (shown["state"], shown["cause"], shown["addresses"]) == ("unknown", None, [])
    assert "region" in shown["detail"]
    assert "region" in shown["remediation"]
    assert (shown["phases"], shown["rtt_seconds"]) == ({}, None)


def test_incidents_say_what_they_affect() -> None:
    (incident,) = incidents_of([UP, DOWN], 1.0)
    document = parsed(check_document([UP, DOWN], [incident], NO_PROXIES))
    assert isinstance(document["incidents"], list)
    (shown,) = document["incidents"]
    assert (shown["cause"], shown["scope"], shown["affected"]) == (
        "tcp_timeout",
        "endpoint",
        ["down"],
    )


def test_the_endpoints_document_holds_the_whole_row() -> None:
    targets = build_targets(SETTINGS, Identity(), include_disabled=True)
    document = parsed(endpoints_document(SETTINGS, targets))
    assert document["profile"] == "standard"
    assert isinstance(document["endpoints"], list)
    rows = {row["id"]: row for row in document["endpoints"]}
    assert len(rows) == len(targets)
    layers = rows["registry-public-ecr-layers"]
    assert (layers["wildcard"], layers["host"]) == (
        "*.cloudfront.net",
        "d5l0dvt14r5h8.cloudfront.net",
    )
    assert layers["expect"] == {"statuses": "200-405", "headers": ["x-amz-cf-id"]}
    assert rows["registry-ghcr"]["enabled"] is False
    assert (rows["lighthouse-us01-udp"]["protocol"], rows["lighthouse-us01-udp"]["port"]) == (
        "udp",
        4242,
    )


def test_a_query_is_never_printed() -> None:
    override = TargetSettings(path="/p?token=hunter2")
    settings = replace(SETTINGS, targets={"vscode-unpkg": override})
    targets = build_targets(settings, Identity())
    out = io.StringIO()
    print_endpoints(console_for(out), targets)
    assert "hunter2" not in encode(endpoints_document(settings, targets)) + out.getvalue()


def test_a_listing_in_a_file_has_whole_lines_and_counts_what_is_probed() -> None:
    settings = replace(SETTINGS, region="")
    targets = build_targets(settings, Identity(), include_disabled=True)
    out = io.StringIO()
    print_endpoints(console_for(out, WHOLE_LINES), targets)
    lines = out.getvalue().splitlines()
    assert all(line == line.rstrip() for line in lines)
    (line,) = (line for line in lines if line.startswith("  jetbrains-download "))
    assert "https://download.jetbrains.com:443/idea/" in line
    assert line.endswith("download hosts.")
    assert lines[-1].startswith("region is not known here, so 9 targets stay unknown")


def test_problems_are_told_part_by_part_and_as_a_line() -> None:
    problem = Problem("config.toml", "schedule.interval", "it is 0", "write a positive number")
    document = parsed(error_document([problem]))
    assert document == {
        "version": 1,
        "error": {
            "problems": [
                {
                    "file": "config.toml",
                    "key": "schedule.interval",
                    "what": "it is 0",
                    "remediation": "write a positive number",
                    "message": str(problem),
                }
            ]
        },
    }


def test_a_sound_configuration_has_no_warnings() -> None:
    assert warnings_of(SETTINGS, build_targets(SETTINGS, Identity()), NO_PROXIES) == ()


def test_a_value_that_nobody_knows_is_told_once() -> None:
    settings = replace(SETTINGS, region="", account_id="")
    targets = build_targets(settings, Identity())
    region, account = sorted(warnings_of(settings, targets, NO_PROXIES), reverse=True)
    assert region.startswith("region is not known here, so 9 targets stay unknown")
    assert account.startswith("account_id is not known here, so 1 target stays unknown")
    document = parsed(
        validation_document(settings, targets, warnings_of(settings, targets, NO_PROXIES))
    )
    assert document["ok"] is True
    assert document["targets"] == {"enabled": 50, "required": 49, "unknown": 9, "off": 0}


@pytest.mark.parametrize(
    ("schedule", "key"),
    [
        (ScheduleSettings(interval=30.0, timeout=29.0, max_in_flight=10), "max_in_flight"),
        (
            ScheduleSettings(interval=1.0, timeout=0.5, max_connections_per_second=20.0),
            "max_connections_per_second",
        ),
    ],
)
def test_more_than_the_bounds_allow_is_a_warning(schedule: ScheduleSettings, key: str) -> None:
    settings = replace(SETTINGS, schedule=schedule)
    (warning,) = warnings_of(settings, build_targets(settings, Identity()), NO_PROXIES)
    assert f"schedule.{key}" in warning


def proxied() -> list[TargetStatus]:
    """One target through a proxy, one directly, and one that no HTTP proxy takes."""
    through = replace(UP, probe_result=replace(probe_result("up"), proxy="proxy.corp:3128"))
    node = replace(target("node"), endpoint=replace(target("node").endpoint, protocol=Protocol.UDP))
    return [through, DOWN, TargetStatus.of(node, State.UP, probe_result("node"), REACHED)]


def test_the_check_document_tells_ways_and_missing_entries() -> None:
    document = parsed(check_document(proxied(), (), BEHIND))
    assert document["proxies"] == {
        "http": None,
        "https": "proxy.corp:3128",
        "no_proxy_missing": [".amazonaws.com"],
        "warnings": list(BEHIND.warnings),
    }
    assert isinstance(document["targets"], list)
    keys = ("proxy", "proxy_path", "may_be_proxied")
    assert [tuple(shown[key] for key in keys) for shown in document["targets"]] == [
        ("proxy.corp:3128", "proxy", True),
        (None, "direct", True),
        (None, "direct", False),
    ]


def test_no_progress_bar_without_a_terminal() -> None:
    out = io.StringIO()
    with progress(out) as on_result:
        on_result(UP)
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (0.00123, "1.2 ms"), (0.25, "250 ms"), (10.0, "10000 ms")]
)
def test_durations_are_short(seconds: float | None, text: str) -> None:
    assert milliseconds(seconds) == text
