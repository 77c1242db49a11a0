"""A Prometheus that has what the files of deploy/ are held against."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from monitor.export.metrics.exposition import render
from monitor.state.pulses import PulseMetrics
from monitor.state.self_metrics import RemoteWriteMetrics
from tests.internet.process import accepts, running, wait_until
from tests.internet.prometheus import Prometheus, prometheus
from tests.internet.whole import whole_internet
from tests.stores import NOW, realistic_board
from tests.test_small_internet import environment

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "egress-monitor.rules.yaml"
TARGET = "vscode-marketplace"
"""The target that the monitor finds broken."""


@pytest.fixture(scope="package")
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
        store = stack.enter_context(serving_a_realistic_board())
        server = stack.enter_context(
            prometheus(
                folder / "prometheus",
                {"egress-monitor": [where, store]},
                interval="1s",  # also the limit of a scrape, which a busy host may need
                rules=[RULES],
            )
        )
        here = f'{{instance="{where}"}}'
        ready = (
            f"egress_incident_active{here} and on () rate(egress_probes_total{here}[1m]) > 0 "
            f"and on () rate(egress_probe_failures_total{here}[1m]) > 0 "
            "and on () min(count_over_time(egress_build_info[1m])) > 2"
        )
        wait_until(lambda: bool(server.query(ready)), "an incident has been scraped", 90)
        yield server, where


@contextmanager
def serving_a_realistic_board() -> Iterator[str]:
    """Serve the metrics of a board on which every family has samples; yields the address."""
    store = realistic_board()
    store.writes["central"] = RemoteWriteMetrics(pending=40, sent=850, oldest_pending_at=NOW - 20)
    pulses = store.pulses.setdefault(("tcp", "443", "ipv4"), PulseMetrics(sent=90, failed=1))
    pulses.observe(0.012, 0.011)
    text = render(store)

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
