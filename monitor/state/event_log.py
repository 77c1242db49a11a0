"""The lines that the daemon logs: one a change, with what broke, why, and what to do."""

from __future__ import annotations

from dataclasses import fields

import structlog

from monitor.model.identity import Identity
from monitor.state.events import Event

log = structlog.get_logger(__name__)


def log_event(event: Event) -> None:
    """Say an event in a line."""
    (log.warning if event.serious else log.info)(event.title, **event.facts)


def identity_fields(found: Identity) -> dict[str, str]:
    """Return what is known of an identity, as fields of a line."""
    return {f.name: value for f in fields(Identity) if (value := getattr(found, f.name))}
