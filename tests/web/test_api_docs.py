"""docs/api.md names every field of every document, and no other.

Covers: monitor/web/documents.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from monitor.incidents.incident_log import IncidentRecord
from monitor.web import api
from tests.stores import NOW, realistic_board, remembered

TEXT = (Path(__file__).parents[2] / "docs/api.md").read_text()
WHOLE = {
    "phases",
    "evidence",
    "evidence_in_words",
    "proxy_paths",
    "broken",
    "wildcard_sample",
    "certificate",
    "alternatives",
    "tls",
    "http",
    "past",
}
"""Fields whose inside the words beside them tell. Of ``proxies`` "http" is a plain value."""

BOARD = remembered(realistic_board())
RECORD = BOARD.statuses["app-gitpod-io"]


def documented(path: str) -> set[str]:
    """Return the fields that the section of a path has in its table."""
    (section,) = (s for s in re.split("\n### (?:GET|POST) ", TEXT)[1:] if s.startswith(f"{path}\n"))
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


def fields(value: object, at: str = "") -> Iterator[str]:
    """The fields of a document, as they are written in the tables."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{at}{name}"
            if name not in WHOLE:
                yield from fields(inner, f"{at}{name}.")
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner, f"{at.removesuffix('.')}[].")


def test_the_targets() -> None:
    document = json.loads("".join(api.targets_pieces(BOARD, NOW)))
    assert set(fields(document)) == documented("/api/v1/targets")


def test_one_target() -> None:
    of_each = {f.removeprefix("targets[].") for f in documented("/api/v1/targets") if "[]" in f}
    shown = set(fields(api.target_document(RECORD))) - {"version"} - of_each
    assert shown == documented("/api/v1/targets/{id}")


def test_a_target_s_history() -> None:
    shown = set(fields(api.history_document(RECORD, NOW)))
    assert shown == documented("/api/v1/targets/{id}/history")


def test_incidents() -> None:
    assert set(fields(json.loads("".join(api.incidents_pieces(BOARD, NOW))))) == documented(
        "/api/v1/incidents"
    )
    of_each = {f.removeprefix("incidents[].") for f in documented("/api/v1/incidents") if "[]" in f}
    for incident_record in (*BOARD.incident_log, IncidentRecord(BOARD.incidents[0])):
        assert set(
            fields(api.incident_document(BOARD, incident_record, NOW))
        ) == of_each | documented("/api/v1/incidents/{id}")


def test_gateways_are_as_among_the_targets() -> None:
    shown = set(fields(api.gateways_document(BOARD, NOW))) - {"version", "generated_at"}
    assert shown == {f for f in documented("/api/v1/targets") if f.startswith("gateways")}
