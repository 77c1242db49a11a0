"""The check for other programs: valid, complete, and nothing in it is taken for markup."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from xml.etree import ElementTree

from monitor.cli.one_shot import incidents_of
from monitor.health.status import TargetStatus
from monitor.model.diagnosis import Diagnosis
from monitor.model.state import State
from monitor.net.proxy.audit import ProxyAudit
from monitor.present import check_formats
from tests.probe_results import FILTERED, REACHED, probe_result, target

UP = TargetStatus.of(target("up"), State.UP, probe_result("up"), REACHED)
DOWN = TargetStatus.of(
    target("down", "jetbrains"), State.DOWN, probe_result("down", ok=False), FILTERED
)
OPTIONAL = TargetStatus.of(
    target("extra", "jetbrains", required=False),
    State.DOWN,
    probe_result("extra", ok=False),
    FILTERED,
)
SLOW = TargetStatus.of(target("slow"), State.DEGRADED, probe_result("slow"), FILTERED)
UNKNOWN = TargetStatus.of(target("later", missing_values=("region",)), State.UNKNOWN)
EVERY = (UP, DOWN, OPTIONAL, SLOW, UNKNOWN)
HOSTILE = replace(
    DOWN, diagnosis=Diagnosis(FILTERED.cause, "a|b\n<script>\x00\ud800 `x`", "=1+1 | *do*")
)


def suites(statuses: tuple[TargetStatus, ...]) -> dict[str, ElementTree.Element]:
    root = ElementTree.fromstring(check_formats.junit(statuses))
    assert root.tag == "testsuites"
    return {suite.get("name", ""): suite for suite in root}


def test_junit_fails_exactly_what_makes_the_command_fail():
    found = suites(EVERY)
    cases = {case.get("name"): case for suite in found.values() for case in suite}
    told = {name: [child.tag for child in case] for name, case in cases.items()}
    assert told == {
        "up": [],
        "down": ["failure"],
        "extra": ["skipped"],
        "slow": ["system-out"],
        "later": ["error"],
    }
    counts = {name: found["jetbrains"].get(name) for name in ("tests", "failures", "skipped")}
    assert counts == {"tests": "2", "failures": "1", "skipped": "1"}
    (failure,) = cases["down"]
    assert failure.get("type") == "tcp_timeout"
    assert "Open the port." in (failure.text or "")


def test_junit_is_xml_whatever_a_peer_sent():
    (suite,) = suites((HOSTILE,)).values()
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message", "").startswith("a|b")


def test_csv_has_every_target_with_its_cause():
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(check_formats.csv(EVERY)))}
    assert set(rows) == {"up", "down", "extra", "slow", "later"}
    assert (rows["down"]["cause"], rows["down"]["required"]) == ("tcp_timeout", "yes")
    assert (rows["up"]["addresses"], rows["up"]["rtt_seconds"]) == ("192.0.2.1", "0.011900")
    assert "region" in rows["later"]["detail"]


def test_csv_holds_no_formula_and_no_broken_line():
    (row,) = csv.DictReader(io.StringIO(check_formats.csv((HOSTILE,))))
    assert row["remediation"].startswith("'=")
    assert "\n" not in row["detail"]


def test_markdown_names_incidents_first_and_then_every_group_in_the_requirements_order():
    text = check_formats.markdown(EVERY, incidents_of(EVERY, 1.0), ProxyAudit())
    assert text.index("Open the port.") < text.index("## vscode") < text.index("## jetbrains")
    assert text.count("\n| ✘ down |") == 2
    assert "required ones were not reached" in text
    assert "confidence: likely" in text


def test_markdown_keeps_a_table_whatever_a_peer_sent():
    text = check_formats.markdown((HOSTILE,), (), ProxyAudit())
    (row,) = [line for line in text.splitlines() if line.startswith("| ✘")]
    assert row.replace("\\|", "").count("|") == 7
    assert "<script>" not in text
