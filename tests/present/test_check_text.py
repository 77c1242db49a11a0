"""The text of a check: the verdict first, nothing wider than the terminal, what is up is folded.

Covers: monitor/present/endpoint_text.py, monitor/state/check_result.py
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.cli.one_shot import incidents_of, worst_first
from monitor.health.status import TargetStatus
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.incident import Incident, Scope
from monitor.model.state import State
from monitor.present.check_text import CheckReport, check_lines, text_of
from tests.probe_results import FILTERED, REACHED, probe_result, target

UP = [
    TargetStatus.of(target(f"up-{n}", group), State.UP, probe_result(f"up-{n}"), REACHED)
    for n, group in enumerate(["vscode"] * 5 + ["aws_api"] * 3)
]
DOWN = TargetStatus.of(
    target("download", "jetbrains"), State.DOWN, probe_result("download", ok=False), FILTERED
)
SLOW = TargetStatus.of(
    target("mirror", "jetbrains"), State.DEGRADED, probe_result("mirror"), FILTERED
)


def report(*statuses: TargetStatus, **changes: object) -> CheckReport:
    found = CheckReport(statuses, incidents_of(statuses, 1000.0))
    return replace(found, **changes)  # type: ignore[arg-type]


def shown(found: CheckReport, width: int = 80, **options: bool) -> list[str]:
    return text_of(check_lines(found, width, **options)).splitlines()


def test_the_verdict_is_first_and_everything_that_is_up_is_one_line() -> None:
    assert shown(report(*UP)) == [
        "✔ Every required endpoint was reached.",
        "  8 targets: 8 up.",
        "",
        "✔ up: vscode 5, aws_api 3",
    ]


def test_an_outage_begins_with_its_impact() -> None:
    lines = shown(report(*UP, DOWN, impact="New environments cannot start."))
    assert lines[:2] == [
        "✘ New environments cannot start.",
        "  9 targets: 8 up, 1 down. 1 required one was not reached.",
    ]
    assert lines[3].startswith("✘ down  Nothing answers on the port.")
    assert any("What to do: Open the port." in line for line in lines)
    assert any("Confidence: likely" in line for line in lines)
    assert "✘ jetbrains: 1 down" in lines


def test_all_unfolds_and_quiet_ends_after_the_verdict() -> None:
    assert len(shown(report(*UP), quiet=True)) == 2
    lines = shown(report(*UP), everything=True)
    assert sum("up-" in line and "example" not in line for line in lines) == len(UP)


def test_targets_that_an_incident_explains_are_counted_and_others_are_listed() -> None:
    other = TargetStatus.of(target("fine", "jetbrains"), State.UP, probe_result("fine"), REACHED)
    later = TargetStatus.of(target("later", "scm", missing_values=("region",)), State.UNKNOWN)
    lines = shown(report(DOWN, other, later))
    assert "✘ jetbrains: 1 down, 1 up" in lines
    assert not any("https://download.example" in line for line in lines)
    assert "? scm: 1 unknown" in lines
    assert "  ? unknown   later" in lines


def test_folded_remarks_are_counted() -> None:
    found = report(*UP, notes=("Proxy: none.",), folded_notes=("one", "two"))
    assert shown(found)[-2:] == [
        "Proxy: none.",
        "2 remarks on discovery are hidden; --all shows them.",
    ]
    assert shown(found, everything=True)[-2:] == ["one", "two"]


def test_problems_that_stop_nothing_required_are_not_an_outage() -> None:
    assert shown(report(*UP, SLOW))[0] == "▲ Every required endpoint was reached, with problems."


LONG = Incident(
    "id", Cause.TLS_RESET_ON_HELLO, Scope.GROUP, "gateway" * 30, State.DOWN, 0.0,
    tuple(f"target-with-a-long-name-{n}" for n in range(12)),
    "TLS to *.gitpod.dev is reset " * 6, "Ask the firewall team to allow it. " * 5,
)  # fmt: skip


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200, 250])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    found = report(*UP, DOWN, SLOW, incidents=[LONG], notes=["A remark " * 40])
    for options in ({}, {"everything": True}):
        assert max(map(len, shown(found, width, **options))) <= width


@given(st.text(max_size=300), st.integers(1, 300))
def test_text_of_a_peer_never_breaks_the_layout(text: str, width: int) -> None:
    diagnosis = Diagnosis(Cause.HTTP_STATUS, text, text)
    status = replace(DOWN, diagnosis=diagnosis)
    incident = replace(LONG, detail=text, remediation=text, subject=text)
    lines = shown(report(status, incidents=[incident]), width)
    assert max(map(len, lines)) <= max(width, 20)
    assert "\x1b" not in "".join(lines)


def test_long_lists_of_targets_name_three_and_count_the_rest() -> None:
    text = " ".join(shown(report(DOWN, incidents=[LONG])))
    assert "target-with-a-long-name-2 and 9 more" in " ".join(text.split())


def test_the_verdict_of_a_long_report_is_repeated_where_the_terminal_ends() -> None:
    found = report(*UP, DOWN, incidents=[LONG] * 3, impact="New environments cannot start.")
    lines = shown(found)
    assert len(lines) > 24
    again = text_of(check_lines(found, 80, height=24)).splitlines()
    assert again[: len(lines) + 1] == [*lines, ""]
    assert again[-2:] == lines[:2]
    short = report(*UP)
    assert text_of(check_lines(short, 80, height=24)) == text_of(check_lines(short, 80))


def test_a_group_and_its_number_stay_on_one_line() -> None:
    for width in range(20, 60):
        lines = shown(report(*UP), width)
        groups = lines[lines.index("") + 1 :]
        assert not any(line.strip()[0].isdigit() for line in groups), groups


def test_incidents_that_are_down_and_wide_come_first() -> None:
    narrow = replace(LONG, id="a", affected=("one",), subject="a")
    degraded = replace(LONG, id="b", state=State.DEGRADED, subject="b")
    assert worst_first([degraded, narrow, LONG]) == (LONG, narrow, degraded)


def test_a_listed_target_shows_its_address_and_who_inspects_its_tls() -> None:
    inspected = replace(REACHED, evidence={"inspected_by": "CN=Proxy CA"})
    status = TargetStatus.of(target("a"), State.UP, probe_result("a"), inspected)
    assert "    https://a.example:443, inspected by CN=Proxy CA" in shown(
        report(status), everything=True
    )


def test_an_incident_of_the_host_itself_affects_no_target() -> None:
    (incident,) = incidents_of([DOWN], 1000.0)
    lines = shown(report(DOWN, incidents=(replace(incident, affected=()),)))
    assert any(line.endswith("; affects no target") for line in lines)
