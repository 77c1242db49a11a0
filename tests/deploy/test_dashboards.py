"""The Grafana dashboards: as their code makes them, laid out, and every query has data."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import combinations
from threading import Thread

import pytest

from dashboards.__main__ import FOLDER, written
from monitor.export.prometheus import render
from tests.boards import realistic_board
from tests.internet.process import accepts, running, wait_until
from tests.internet.prometheus import Prometheus, prometheus
from tests.internet.whole import whole_internet
from tests.test_small_internet import environment

Json = dict[str, object]
FILES = ("fleet.json", "monitor.json", "target.json")
NOT_ON_LOOPBACK = ("egress_network_path_info",)
"""What a small internet on loopback can't show: the realistic board has it."""

TARGET, LIGHTHOUSE = "vscode-marketplace", "lighthouse-us01-udp"


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


@pytest.fixture(scope="module")
def scraper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, str]]:
    """A Prometheus that scrapes a monitor with an incident open, and a realistic board."""
    folder = tmp_path_factory.mktemp("dashboards")
    with ExitStack() as stack:
        internet = stack.enter_context(whole_internet(folder))
        config = internet.config()
        table = f"[targets.{json.dumps(TARGET)}]\n"
        broken = config.read_text().replace(table, f'{table}expect_status = "599"\n')
        config.write_text(broken)
        where = internet.url("").removeprefix("http://")
        command = [sys.executable, "-m", "monitor", "run", "--config", str(config)]
        port = int(where.rpartition(":")[2])
        stack.enter_context(
            running(command, folder / "log", lambda: accepts(port), env=environment())
        )
        board = stack.enter_context(serving_a_realistic_board())
        server = stack.enter_context(
            prometheus(folder / "prometheus", {"egress-monitor": [where, board]})
        )
        here = f'{{instance="{where}"}}'
        ready = (
            f"egress_incident_active{here} and on () rate(egress_probes_total{here}[5s]) > 0 "
            f"and on () rate(probe_failures_total{here}[5s]) > 0"
        )
        wait_until(lambda: bool(server.query(ready)), "an incident has been scraped", 20)
        yield server, where


@contextmanager
def serving_a_realistic_board() -> Iterator[str]:
    """Serve the metrics of a board on which every family has samples; yields the address."""
    text = render(realistic_board())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def filled(query: str, instance: str, target: str) -> str:
    """Put values in the place of a dashboard's variables, as Grafana does."""
    values = {
        "$instance": instance,
        "$target": target,
        "$job": ".*",
        "$group": ".*",
        "$__rate_interval": "5s",
        "$__range": "5m",
    }
    for name in sorted(values, key=len, reverse=True):
        query = query.replace(name, values[name])
    assert "$" not in query, query
    return query


@pytest.mark.parametrize("name", FILES)
def test_every_query_has_data_in_a_real_prometheus(name: str, scraper: tuple[Prometheus, str]):
    server, monitor = scraper
    for query in queries(dashboard(name)):
        instance = ".+" if any(metric in query for metric in NOT_ON_LOOPBACK) else monitor
        matching = query.replace('instance="$instance"', f'instance=~"{instance}"')
        tried = [filled(matching, instance, target) for target in (TARGET, LIGHTHOUSE)]
        assert any(server.query(text) for text in tried), tried[0]


@pytest.mark.parametrize("name", FILES)
def test_every_variable_has_values(name: str, scraper: tuple[Prometheus, str]):
    server, monitor = scraper
    for series, label in label_queries(dashboard(name)):
        match = filled(series, monitor, TARGET)
        assert server.get(f"label/{label}/values", **{"match[]": match}), match


def test_what_a_target_is_down_for_is_seen_in_the_numbers(scraper: tuple[Prometheus, str]):
    server, monitor = scraper
    (cause,) = server.query(f'probe_failure_info{{instance="{monitor}"}}')
    assert cause["metric"]["cause"] == "http_status"  # type: ignore[index]
    document = dashboard("monitor.json")
    (state,) = [p for p in panels(document) if p["title"] == "State"]
    (worst,) = server.query(filled(state["targets"][0]["expr"], monitor, TARGET))  # type: ignore[index]
    assert worst["value"][1] == "2", "down"  # type: ignore[index]
