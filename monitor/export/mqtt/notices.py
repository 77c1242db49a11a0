"""Log lines about a broker, each once for as long as its state lasts."""

from __future__ import annotations

import structlog

log = structlog.get_logger(__name__)


class Notices:
    """Remembers across sessions what was logged about a broker."""

    def __init__(self) -> None:
        self._logged: dict[str, str] = {}

    def once(self, subject: str, event: str, **facts: object) -> None:
        """Log a warning about ``subject``, unless the last one about it was the same."""
        line = f"{event} {facts}"
        if self._logged.get(subject) != line:
            self._logged[subject] = line
            log.warning(event, **facts)

    def over(self, subject: str, event: str | None = None, **facts: object) -> None:
        """Note that what was logged about ``subject`` is over, and log ``event`` if it was."""
        if self._logged.pop(subject, None) and event:
            log.info(event, **facts)

    def clear(self) -> None:
        """Forget everything, because another broker is configured."""
        self._logged.clear()
