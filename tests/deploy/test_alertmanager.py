"""Alertmanager's example: what becomes one page, and what is inhibited, asked by amtool."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.internet.process import accepts, free_port, program, running, wait_until

CONFIG = Path(__file__).parents[2] / "deploy" / "prometheus" / "alertmanager.yaml"
HERE = {"job": "e", "account_id": "1", "runner_id": "r", "region": "eu", "instance": "m"}
THERE = {**HERE, "account_id": "2", "runner_id": "s"}
EXPLAINED = {"explained_by": "endpoint_down_everywhere"}


def amtool(*arguments: str) -> str:
    command = [program("amtool"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"alertname": "EgressIncident", "severity": "critical"}, "pager"),
        ({"alertname": "EgressEndpointDownEverywhere", "severity": "critical"}, "pager"),
        ({"alertname": "EgressMonitorMissing", "severity": "critical"}, "pager"),
        ({"alertname": "EgressDegraded", "severity": "warning"}, "tickets"),
        ({"alertname": "Other", "severity": "critical"}, "tickets"),
    ],
)
def test_critical_alerts_go_to_the_pager(labels: dict[str, str], receiver: str):
    text = [f"{name}={value}" for name, value in labels.items()]
    assert amtool("config", "routes", "test", f"--config.file={CONFIG}", *text).strip() == receiver


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    """Return the URL of an Alertmanager with the example's configuration."""
    port = free_port()
    command = [
        program("prometheus-alertmanager"),
        f"--config.file={CONFIG}",
        f"--storage.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with running(command, tmp_path / "log", lambda: accepts(port)):
        yield f"http://127.0.0.1:{port}"


def add(url: str, name: str, labels: dict[str, str]) -> None:
    text = [f"{key}={value}" for key, value in {"alertname": name, **labels}.items()]
    amtool("alert", "add", f"--alertmanager.url={url}", *text)


def names(url: str, *options: str) -> list[str]:
    """Return the alerts that ``amtool alert query`` shows, with the account of each."""
    output = amtool(
        "alert", "query", f"--alertmanager.url={url}", "--output=json", *(options or ("--active",))
    )
    found = [each["labels"] for each in json.loads(output)]
    return sorted(f"{each['alertname']} {each.get('account_id', '')}".strip() for each in found)


def test_an_endpoint_that_is_down_everywhere_inhibits_what_it_explains(alertmanager: str):
    url = alertmanager
    add(url, "EgressIncident", {**HERE, **EXPLAINED, "cause": "http_status"})
    add(url, "EgressIncident", {**THERE, "cause": "tcp_timeout"})
    add(url, "EgressDegraded", {**HERE, **EXPLAINED, "cause": "http_status"})
    add(url, "EgressBudgetBurnFast", {**HERE, "group": "g", "instance": "other"})
    add(url, "EgressBudgetBurnFast", {**THERE, "group": "h", "instance": "other"})
    wait_until(lambda: len(names(url)) == 4, "all but the degradation are active")
    everywhere = {"job": "e", "group": "g", "explains": "endpoint_down_everywhere"}
    add(url, "EgressEndpointDownEverywhere", {**everywhere, "host": "h.test"})
    expected = ["EgressBudgetBurnFast 2", "EgressEndpointDownEverywhere", "EgressIncident 2"]
    wait_until(lambda: names(url) == expected, f"active: {names(url)}")
    assert "EgressIncident 1" in names(url, "--inhibited")


def test_an_incident_inhibits_its_symptoms_at_the_same_monitor_only(alertmanager: str):
    url = alertmanager
    for name in ("EgressDegraded", "EgressBudgetBurnFast", "EgressBudgetBurnSlow"):
        add(url, name, HERE)
        add(url, name, THERE)
    wait_until(lambda: len(names(url)) == 6, "all are active")
    add(url, "EgressIncident", {**HERE, "cause": "tcp_timeout"})
    expected = [
        "EgressBudgetBurnFast 2", "EgressBudgetBurnSlow 2", "EgressDegraded 2", "EgressIncident 1",
    ]  # fmt: skip
    wait_until(lambda: names(url) == expected, f"active: {names(url)}")


def test_if_no_monitor_reports_single_ones_do_not_page(alertmanager: str):
    url = alertmanager
    add(url, "EgressMonitorMissing", {**HERE, "severity": "critical"})
    add(url, "EgressMonitorGone", {**THERE, "severity": "critical"})
    add(url, "EgressMqttDisconnected", {**HERE, "severity": "warning"})
    wait_until(lambda: len(names(url)) == 2, "the missing monitor's warning is inhibited")
    add(url, "EgressMonitorAbsent", {"severity": "critical"})
    wait_until(lambda: names(url) == ["EgressMonitorAbsent"], f"active: {names(url)}")


def test_all_incidents_of_one_monitor_are_one_group_and_accounts_stay_apart(alertmanager: str):
    url = alertmanager
    for cause in ("tcp_timeout", "http_status"):
        add(url, "EgressIncident", {**HERE, "cause": cause, "severity": "critical"})
        add(url, "EgressIncident", {**THERE, "cause": cause, "severity": "critical"})
    for host in ("a.test", "b.test"):
        labels = {"job": "e", "host": host, "severity": "critical"}
        add(url, "EgressEndpointDownEverywhere", labels)
    wait_until(lambda: len(names(url)) == 6, "all are active")
    sizes = sorted(group_sizes(url))
    assert sizes == [2, 2, 2]


def group_sizes(url: str) -> list[int]:
    """Return how many alerts each group has: amtool does not show groups, the API does."""
    with urllib.request.urlopen(f"{url}/api/v2/alerts/groups", timeout=10) as answer:
        return [len(group["alerts"]) for group in json.load(answer)]
