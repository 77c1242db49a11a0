"""The alerts: each fires and does not fire as it should, says what to do, and pages once."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from alerts import docs
from alerts.__main__ import written
from alerts.rule import ID
from monitor.model.causes import Cause
from monitor.present.alert_runbook import ALERTS
from tests.internet.process import program, wait_until
from tests.internet.prometheus import Prometheus

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "prometheus"
RULES = DEPLOY / "egress-monitor.rules.yaml"
LIST = DEPLOY / "egress-monitors.rules.yaml"
CASES = sorted(Path(__file__).parent.glob("rules*.test.yaml"))

Json = dict[str, object]


def alerts() -> dict[str, Json]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    return {rule["alert"]: rule for rule in rules if "alert" in rule}


def run(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_files_are_what_their_programs_take():
    run(program("promtool"), "check", "rules", str(RULES))
    run(program("promtool"), "check", "config", "--syntax-only", str(DEPLOY / "prometheus.yaml"))
    run(program("amtool"), "check-config", str(DEPLOY / "alertmanager.yaml"))


def test_the_files_are_as_their_code_writes_them():
    assert RULES.read_text() == written(), "run `make alerts`"
    assert (ROOT / "docs" / "alerts.md").read_text() == docs.written(), "run `make alerts`"


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.name)
def test_each_alert_fires_and_does_not_fire_as_its_cases_show(tmp_path: Path, cases: Path):
    document = yaml.safe_load(RULES.read_text())
    for group in document["groups"]:
        for rule in group["rules"]:
            rule.pop("annotations", None)
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(document))
    shutil.copy(cases, tmp_path)
    run(program("promtool"), "test", "rules", cases.name, cwd=tmp_path)


def test_the_links_that_ask_prometheus_are_filled_in(tmp_path: Path):
    shutil.copy(RULES, tmp_path / "rules.yaml")
    shutil.copy(Path(__file__).with_name("annotations.test.yaml"), tmp_path)
    run(program("promtool"), "test", "rules", "annotations.test.yaml", cwd=tmp_path)


def test_each_alert_has_cases_of_both_kinds():
    cases = [
        case
        for path in CASES
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == set(alerts())
    quiet = {case["alertname"] for case in cases if not case["exp_alerts"]}
    assert set(alerts()) - quiet == set()


def test_the_runbook_has_an_entry_for_each_alert_and_no_other():
    assert set(ALERTS) == set(alerts())


FLEET = {"EgressEndpointDownEverywhere", "EgressAlternativeDownEverywhere", "EgressMonitorAbsent"}
"""Alerts that are about no single runner."""


@pytest.mark.parametrize("name", sorted(set(alerts()) - FLEET))
def test_each_alert_about_a_monitor_carries_runner_account_and_region(name: str):
    expr = str(alerts()[name]["expr"])
    for label in ("runner_id", "account_id", "region"):
        assert label in expr or "instance_group:egress_required" in expr


def test_no_rule_compares_a_monitors_clock_with_the_evaluations():
    with_time = {name for name, rule in alerts().items() if "time()" in str(rule["expr"])}
    assert with_time == {"EgressCertificateExpiry"}
    assert "timestamp(" not in RULES.read_text()


@pytest.mark.parametrize("name", alerts())
def test_each_alert_shows_what_is_wrong_and_links_to_page_and_runbook(name: str):
    rule = alerts()[name]
    assert rule["labels"]["severity"] in {"critical", "warning"}  # type: ignore[index]
    texts = rule["annotations"]
    assert isinstance(texts, dict)
    assert set(texts) == {"summary", "description", "page_url", "runbook_url"}
    assert "REPLACE" not in str(texts)
    entry = re.search(r"/runbook/(\{\{ \$labels\.cause \}\}|\w+)", texts["runbook_url"])
    assert entry
    assert entry[1] in {name, "{{ $labels.cause }}", *(cause.value for cause in Cause)}


def test_the_list_of_expected_monitors_is_rules_too(tmp_path: Path):
    """The example in comments is valid as it stands."""
    text = LIST.read_text()
    run(program("promtool"), "check", "rules", str(LIST))
    example = text.replace("    rules: []\n", "    rules:\n").replace(
        "    # - record", "    - record"
    )
    example = re.sub(r"^    #   ", "      ", example, flags=re.MULTILINE)
    (tmp_path / "list.yaml").write_text(example)
    run(program("promtool"), "check", "rules", str(tmp_path / "list.yaml"))
    (rule,) = yaml.safe_load(example)["groups"][0]["rules"]
    assert {"job", *ID.split(", ")} == set(rule["labels"])


def test_a_real_breakage_raises_one_alert_whose_words_are_filled_in(
    scraper: tuple[Prometheus, str],
):
    server, monitor = scraper
    mine = f'ALERTS{{alertname="EgressIncident", instance="{monitor}"}}'
    wait_until(lambda: bool(server.query(mine)), "the alert is raised", 20)
    (alert,) = server.query(mine)
    assert alert["metric"]["cause"] == "http_status"  # type: ignore[index]
    wait_until(lambda: bool(said(server, monitor)), "its words are filled in", 10)
    (text,) = said(server, monitor)
    assert text["summary"] == f"Egress of {monitor} is broken: http_status (scope endpoint)"
    assert text["page_url"] == f"http://{monitor}/"
    assert text["runbook_url"] == f"http://{monitor}/runbook/http_status"


def said(server: Prometheus, monitor: str) -> list[dict[str, str]]:
    """What Prometheus has to say to an Alertmanager of the monitor's incidents."""
    data = server.get("alerts")
    assert isinstance(data, dict)
    return [
        alert["annotations"]
        for alert in data["alerts"]
        if alert["labels"]["alertname"] == "EgressIncident"
        and alert["labels"]["instance"] == monitor
    ]
