"""The alerts: each fires and does not fire as it should, says what to do, and pages once."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from monitor.model.causes import Cause
from tests.internet.process import program, wait_until
from tests.internet.prometheus import Prometheus

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "prometheus"
RULES = DEPLOY / "egress-monitor.rules.yaml"
CASES = Path(__file__).with_name("rules.test.yaml")

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


def test_each_alert_fires_and_does_not_fire_as_its_cases_say(tmp_path: Path):
    document = yaml.safe_load(RULES.read_text())
    for group in document["groups"]:
        for rule in group["rules"]:
            rule.pop("annotations", None)
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(document))
    shutil.copy(CASES, tmp_path)
    run(program("promtool"), "test", "rules", CASES.name, cwd=tmp_path)


def test_each_alert_has_cases_of_both_kinds():
    cases = [
        c for test in yaml.safe_load(CASES.read_text())["tests"] for c in test["alert_rule_test"]
    ]
    fires = {case["alertname"] for case in cases if case["exp_alerts"]}
    assert fires == set(alerts())


@pytest.mark.parametrize("name", alerts())
def test_each_alert_says_what_is_wrong_and_where_to_read_on(name: str):
    rule = alerts()[name]
    assert rule["labels"]["severity"] in {"critical", "warning"}  # type: ignore[index]
    texts = rule["annotations"]
    assert isinstance(texts, dict)
    assert set(texts) == {"summary", "description", "runbook_url"}
    page, _, anchor = texts["runbook_url"].removeprefix("REPLACE_WITH_DOCS_URL/").partition("/#")
    known = headings(ROOT / "docs" / f"{page}.md")
    if "$labels.cause" in anchor:
        assert known >= {cause.value for cause in Cause}
    else:
        assert anchor in known


def headings(path: Path) -> set[str]:
    """The anchors that a Markdown file's headings have."""
    lines = path.read_text().splitlines()
    titles = [line.lstrip("# ") for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


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
    assert text["description"].startswith("1 targets are affected.")
    assert text["runbook_url"].endswith("/causes/#http_status")


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
