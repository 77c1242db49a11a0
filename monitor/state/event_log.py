"""Log lines of the daemon: one per event, with the fault, its cause and the remediation."""

from __future__ import annotations

from dataclasses import fields

import structlog

from monitor.model.identity import Identity
from monitor.state.events import Event

log = structlog.get_logger(__name__)


def log_event(event: Event) -> None:
    """Log an event as one line."""
    (log.warning if event.serious else log.info)(event.title, **event.facts)


def identity_fields(found: Identity) -> dict[str, str]:
    """Return the known parts of an identity as fields of a log line."""
    return {f.name: value for f in fields(Identity) if (value := getattr(found, f.name))}
