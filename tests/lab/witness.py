"""Watches what the monitor reports: incidents that open, and sentences that are untrue."""

from __future__ import annotations

import time
from typing import Any

from tests.lab.world import World
from tests.simulation.api_truth import Checker

CHECKED_EVERY = 0.5
Document = dict[str, Any]


class Witness:
    """Looks at a monitor from now on. ``opened`` are the sentences of incidents by id."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known = {i["id"] for i in self._all(self._document())}
        self._checker = Checker()
        self._due = 0.0
        self.opened: dict[str, str] = {}

    def look(self) -> list[Document]:
        """Return the open incidents, and note what opened and what is untrue."""
        document = self._document()
        for incident in self._all(document):
            if incident["id"] not in self._known and incident["cause"] != "starved_host":
                self.opened[incident["id"]] = f"{incident['scope']}: {incident['detail']}"
        if time.monotonic() >= self._due:
            self._check(document)
            self._due = time.monotonic() + CHECKED_EVERY
        return list(document.get("incidents", []))

    def _document(self) -> Document:
        return self._world.get("/api/v1/incidents") or {}

    @staticmethod
    def _all(document: Document) -> list[Document]:
        return [*document.get("incidents", []), *document.get("past", [])]

    def _check(self, before: Document) -> None:
        targets = (self._world.get("/api/v1/targets") or {}).get("targets", [])
        after = self._document()
        if not targets or before.get("incidents") != after.get("incidents"):
            return  # they changed in between: the documents are not of one moment
        self._checker.check(after["incidents"], targets, time.monotonic())

    @property
    def untrue(self) -> dict[str, str]:
        """The problems found, by kind."""
        return self._checker.untrue
