"""Structured logs on standard output: JSON for machines, a console form for people."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Callable, MutableMapping, Sequence
from types import TracebackType
from typing import Any, Protocol, TextIO, cast

import structlog
from structlog.typing import Processor

from monitor.common.redact import redact as without_secrets
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


class LogOutput(Protocol):
    """The stream that log lines go to."""

    dropped_line: Callable[[int], str]

    def write(self, text: str, /) -> int: ...

    def flush(self) -> None: ...

    def isatty(self) -> bool: ...


def configure(settings: LogSettings, output: LogOutput) -> None:
    """Set up logging of the whole process to ``output``, which must not block: structlog, the
    standard library's loggers and warnings, and exceptions that nothing catches. ``AUTO`` writes
    JSON unless ``output`` is a terminal."""
    console = settings.format is LogFormat.CONSOLE or (
        settings.format is LogFormat.AUTO and output.isatty()
    )
    renderer: Processor = structlog.processors.JSONRenderer()
    if console:
        renderer = structlog.dev.ConsoleRenderer(colors=output.isatty())
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
        _never_failing(renderer),
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", output)),
        cache_logger_on_first_use=False,
    )
    output.dropped_line = lambda count: f"{_rendered(processors, _dropped(count))}\n"
    logging.root.handlers[:] = [_Forward()]
    logging.root.setLevel(logging.WARNING)
    logging.captureWarnings(True)


def hook_exceptions() -> None:
    """Log exceptions that nothing catches. Python's own hooks write to standard error, and a
    reader that does not read would hold the thread, which may be the event loop's."""

    def log_uncaught(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        structlog.get_logger(__name__).error("uncaught exception", exc_info=(kind, error, trace))

    def log_in_thread(found: threading.ExceptHookArgs) -> None:
        if found.exc_value is not None:
            log_uncaught(found.exc_type, found.exc_value, found.exc_traceback)

    def log_unraisable(found: sys.UnraisableHookArgs) -> None:
        if found.exc_value is not None:
            log_uncaught(found.exc_type, found.exc_value, found.exc_traceback)

    sys.excepthook = log_uncaught
    threading.excepthook = log_in_thread
    sys.unraisablehook = log_unraisable


class _Forward(logging.Handler):
    """Hands records of the standard library's loggers (asyncio's, aiohttp's) to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            structlog.get_logger(record.name).log(
                max(record.levelno, logging.WARNING),
                record.getMessage().strip(),
                logger=record.name,
                **({"exc_info": record.exc_info} if record.exc_info else {}),
            )
        except Exception:  # noqa: BLE001 - a line that cannot be formatted must not end anything
            structlog.get_logger(record.name).warning("log record dropped", logger=record.name)


def _never_failing(render: Processor) -> Processor:
    """Return a renderer that replaces what cannot be rendered: a log line never raises."""

    def safely(logger: object, method: str, event: MutableMapping[str, Any]) -> Any:  # noqa: ANN401
        name = event.get("event")
        try:
            return render(logger, method, event)
        except Exception:  # noqa: BLE001 - whatever a value's own repr raises
            return json.dumps({"event": str(name), "level": method, "unprintable": True})

    return safely


def _rendered(processors: Sequence[Processor], event: dict[str, Any]) -> str:
    line: Any = event
    for processor in processors:
        line = processor(None, "warning", line)
    return str(line)


def _dropped(count: int) -> dict[str, Any]:
    return {
        "event": "log lines dropped",
        "lines": count,
        "reason": "the output of the log took nothing for a while",
        "remediation": "check the reader of standard output: the log driver, or the disk",
    }


def redact(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Take secrets that are in use out of an event's values, and userinfo and query strings out of
    every URL in them."""
    for key, value in event.items():
        event[key] = _redacted(value)
    return event


def _redacted(value: object) -> object:
    if isinstance(value, str):
        value = without_secrets(value)
        return _URL.sub(r"\g<scheme>\g<rest>", value) if "://" in value else value
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value
