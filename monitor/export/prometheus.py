"""Writes the board in Prometheus' text format or OpenMetrics, as the scraper asks."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from monitor.export.families import families
from monitor.state import Board


class BoardCollector(Collector):
    """Collects what the board says at the moment of the scrape."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def describe(self) -> list[Metric]:
        """Nothing: registering must not collect."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Return the families."""
        return families(self._board)


class Exposition:
    """The metrics of one board, ready to be asked for."""

    def __init__(self, board: Board) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(BoardCollector(board))
        ProcessCollector(registry=self._registry)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the metrics and their content type, by the request's Accept header."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type
