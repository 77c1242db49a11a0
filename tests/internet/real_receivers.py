"""Real remote-write receivers: Prometheus 2 and 3, and VictoriaMetrics of Debian and current."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.internet.process import accepts, free_port, peer, program, running

Samples = dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]
"""Times (Unix milliseconds) and values by the labels of the series."""


@dataclass(frozen=True)
class RealReceiver:
    """A receiver at a port of loopback, with its data in ``folder``."""

    kind: str
    folder: Path
    port: int

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.base}/api/v1/write"

    @property
    def in_order(self) -> bool:
        """Whether it takes the samples of a series in order only."""
        return self.kind.startswith("prometheus")

    @contextmanager
    def started(self) -> Iterator[None]:
        """Run it for the length of the block; what it stored stays."""
        self.folder.mkdir(exist_ok=True)
        command = (self._prometheus if self.in_order else self._victoria_metrics)()
        path = "/-/ready" if self.in_order else "/health"
        with running(command, self.folder / "log", lambda: self._is_ready(path)):
            yield

    def samples(self, name: str) -> Samples:
        """Return what it stored of the series with a name, of the last hour."""
        if self.in_order:
            query = urllib.parse.quote(f"{name}[1h]")
            found = json.loads(get(f"{self.base}/api/v1/query?query={query}"))["data"]["result"]
            return {
                labels_of(s["metric"]): [(round(at * 1000), float(v)) for at, v in s["values"]]
                for s in found
            }
        get(f"{self.base}/internal/force_flush")
        lines = get(f"{self.base}/api/v1/export?match[]={name}").splitlines()
        rows = [json.loads(line) for line in lines]
        return {
            labels_of(r["metric"]): list(zip(r["timestamps"], r["values"], strict=True))
            for r in rows
        }

    def _is_ready(self, path: str) -> bool:
        try:
            return accepts(self.port) and bool(get(f"{self.base}{path}"))
        except OSError:
            return False

    def _prometheus(self) -> list[str]:
        (self.folder / "prometheus.yml").touch()
        return [
            program("prometheus") if self.kind == "prometheus-2" else peer("prometheus"),
            f"--config.file={self.folder}/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.enable-remote-write-receiver",
        ]

    def _victoria_metrics(self) -> list[str]:
        debian = self.kind == "victoria-metrics-debian"
        return [
            program("victoria-metrics") if debian else peer("victoria-metrics"),
            f"-storageDataPath={self.folder}/data",
            f"-httpListenAddr=127.0.0.1:{self.port}",
        ]


KINDS = ("prometheus-2", "prometheus-3", "victoria-metrics-debian", "victoria-metrics")


def real_receiver(kind: str, folder: Path, port: int = 0) -> RealReceiver:
    """Return a receiver of a kind that is not started yet."""
    return RealReceiver(kind, folder / kind, port or free_port())


def labels_of(metric: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(metric.items()))


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return bytes(answer.read())
