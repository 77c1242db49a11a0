"""Confidence of an incident in words, the same on every page, in every report and ticket. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from monitor.model.incident import LIKELY, PROVEN, Incident

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        PROVEN: "proven (a follow-up probe decided it)",
        LIKELY: "likely (no follow-up probe decided it)",
    }
)


def confidence_in_words(incident: Incident) -> str:
    """Return the confidence; a rival explanation is shown with what would separate the two."""
    return _WORDS.get(incident.confidence, incident.confidence)
