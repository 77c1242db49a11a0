"""Structured logs on standard output: JSON for machines, a console form for people."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from monitor.model.settings import LogFormat, LogSettings

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_URL = re.compile(
    r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)(?:[^/\s?#]*@)?(?P<rest>[^\s?#\"']*)(?:[?#][^\s\"']*)?"
)


def configure(settings: LogSettings) -> None:
    """Set structlog up for the whole process. Logs go to standard output, as containers
    have it; ``AUTO`` writes JSON unless that is a terminal."""
    console = settings.format is LogFormat.CONSOLE or (
        settings.format is LogFormat.AUTO and sys.stdout.isatty()
    )
    renderer: Any = structlog.processors.JSONRenderer()
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    if console:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=False,
    )


def redact(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Take userinfo and query strings out of every URL in an event's values."""
    for key, value in event.items():
        event[key] = _redacted(value)
    return event


def _redacted(value: object) -> object:
    if isinstance(value, str):
        return _URL.sub(r"\g<scheme>\g<rest>", value) if "://" in value else value
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value
