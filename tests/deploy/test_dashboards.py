"""The Grafana dashboards: as their code makes them, laid out, and every query has data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations

import pytest

from dashboards.__main__ import FOLDER, written
from dashboards.panels import state as worst_state
from tests.deploy.conftest import TARGET
from tests.internet.process import wait_until
from tests.internet.prometheus import Prometheus

Json = dict[str, object]
FILES = ("fleet.json", "monitor.json", "target.json")
FROM_THE_BOARD = (
    "egress_host_clock_offset_seconds",
    "egress_mqtt_",
    "egress_network_path_info",
    "egress_pulse",
    "egress_remote_write_",
)
"""What the monitor on loopback has nothing to say of: the realistic board has it."""

LIGHTHOUSE = "lighthouse-us01-udp"


def dashboard(name: str) -> Json:
    document: Json = json.loads((FOLDER / name).read_text())
    return document


def panels(document: Json) -> list[Json]:
    return list(document["panels"])  # type: ignore[call-overload]


def queries(document: Json) -> Iterator[str]:
    """Every query of a dashboard, those of its variables' values left out."""
    for panel in panels(document):
        for target in panel.get("targets", []):  # type: ignore[attr-defined]
            yield target["expr"]
    for annotation in document["annotations"]["list"]:  # type: ignore[index]
        yield annotation["expr"]


def label_queries(document: Json) -> Iterator[tuple[str, str]]:
    """The series and the label that each variable takes its values from."""
    for variable in document["templating"]["list"]:  # type: ignore[index]
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert found is not None, variable
            yield found[1], found[2]


@pytest.mark.parametrize("name", FILES)
def test_the_committed_file_is_what_the_code_makes(name: str):
    assert (FOLDER / name).read_text() == written()[name], "run `make dashboards`"


def test_there_are_no_other_files():
    assert {path.name for path in FOLDER.iterdir()} == set(FILES) == set(written())


@pytest.mark.parametrize("name", FILES)
def test_every_panel_says_what_it_shows_and_has_a_place_of_its_own(name: str):
    shown = [panel for panel in panels(dashboard(name)) if panel["type"] != "row"]
    assert all(panel["title"] and panel["description"] for panel in shown)
    cells = [
        {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        for place in (panel["gridPos"] for panel in shown)
    ]
    assert not any(one & other for one, other in combinations(cells, 2))
    assert all(x < 24 for cell in cells for x, _ in cell)


@pytest.mark.parametrize("name", FILES)
def test_links_lead_to_dashboards_that_are_there(name: str):
    uids = {dashboard(other)["uid"] for other in FILES}
    text = json.dumps(dashboard(name))
    assert set(re.findall(r"/d/([a-z-]+)", text)) <= uids


def filled(query: str, instance: str, target: str) -> str:
    """Put values in the place of a dashboard's variables, as Grafana does."""
    values = {
        "$instance": instance,
        "$target": target,
        "$job": ".*",
        "$group": ".*",
        "$__rate_interval": "1m",
        "$__range": "5m",
    }
    for name in sorted(values, key=len, reverse=True):
        query = query.replace(name, values[name])
    assert "$" not in query, query
    return query


def one(server: Prometheus, query: str) -> Json:
    """The only series of a query. A scrape that fails on a busy host ends it until the next one."""
    found: list[Json] = []
    wait_until(lambda: bool(found.extend(server.query(query)) or found), query)
    (series,) = found
    return series


@pytest.mark.parametrize("name", FILES)
def test_every_query_has_data_in_a_real_prometheus(name: str, scraper: tuple[Prometheus, str]):
    server, monitor = scraper
    for query in queries(dashboard(name)):
        instance = ".+" if any(metric in query for metric in FROM_THE_BOARD) else monitor
        matching = query.replace('instance="$instance"', f'instance=~"{instance}"')
        matching = matching.removesuffix(" > 0")  # what stands still is hidden
        tried = [filled(matching, instance, target) for target in (TARGET, LIGHTHOUSE)]
        wait_until(lambda tried=tried: any(map(server.query, tried)), tried[0])  # type: ignore[misc]


@pytest.mark.parametrize("name", FILES)
def test_every_variable_has_values(name: str, scraper: tuple[Prometheus, str]):
    server, monitor = scraper
    for series, label in label_queries(dashboard(name)):
        match = filled(series, monitor, TARGET)
        assert server.get(f"label/{label}/values", **{"match[]": match}), match


def test_what_a_target_is_down_for_is_seen_in_the_numbers(scraper: tuple[Prometheus, str]):
    server, monitor = scraper
    cause = one(server, f'egress_probe_failure_info{{instance="{monitor}"}}')
    assert cause["metric"]["cause"] == "http_status"  # type: ignore[index]
    document = dashboard("monitor.json")
    (state,) = [p for p in panels(document) if p["title"] == "State"]
    worst = one(server, filled(state["targets"][0]["expr"], monitor, TARGET))  # type: ignore[index]
    assert worst["value"][1] == "3", "down"  # type: ignore[index]


def test_an_unknown_target_does_not_hide_one_that_is_down(scraper: tuple[Prometheus, str]):
    server, monitor = scraper
    shown = f'egress_target_state{{instance="{monitor}"'
    unknown = f'(count by (instance, state) ({shown}, state="unknown"}}) > bool 0)'
    query = worst_state(f'instance="{monitor}"', "instance")
    with_unknown = query.replace(f'{shown}, state="unknown"}}', unknown)
    assert with_unknown != query
    worst = one(server, with_unknown)
    assert worst["value"][1] == "3", "down"  # type: ignore[index]


@pytest.mark.parametrize("name", FILES)
def test_every_column_of_a_table_has_a_heading(name: str):
    """Grafana excludes and orders columns by their names before they are renamed."""
    tables = [panel for panel in panels(dashboard(name)) if panel["type"] == "table"]
    assert tables
    for panel in tables:
        targets = panel["targets"]
        columns = {f"Value #{t['refId']}" for t in targets} if len(targets) > 1 else {"Value"}  # type: ignore[arg-type,attr-defined]
        for target in targets:  # type: ignore[attr-defined]
            kept = re.match(r"\w+ by \(([\w, ]+)\)", target["expr"])
            assert kept is not None, target["expr"]
            columns |= set(kept[1].split(", "))
        options = panel["transformations"][1]["options"]  # type: ignore[index]
        shown = columns - options["excludeByName"].keys()
        assert shown == set(options["renameByName"]), panel["title"]


@pytest.mark.parametrize("name", FILES)
def test_annotations_are_incidents_of_the_chosen_monitors(name: str):
    (annotation,) = dashboard(name)["annotations"]["list"]  # type: ignore[index]
    assert "$instance" in annotation["expr"]
