"""Delays for failed logins: each further failure of a client is answered later. Pure.

Correct credentials are never delayed, so a client cannot lock out another one behind the same
address (NAT, reverse proxy).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

FIRST_DELAY = 0.25
"""Delay of the answer to a client's first failed login, in seconds. It doubles per failure."""

MAXIMUM_DELAY = 4.0
"""Maximum delay of an answer, in seconds: less than the deadline of a response."""

FORGET_AFTER = 60.0
"""Time without a failed login after which a client's failures are forgotten, in seconds."""

CLIENTS_LIMIT = 1024
"""Maximum number of clients whose failures are counted; the oldest is forgotten first."""


@dataclass(slots=True)
class FailedLogins:
    """Failed logins per client. Times are monotonic seconds."""

    _clients: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict)

    def delay(self, client: str, now: float) -> float:
        """Count a failed login; return the time to wait before it is answered, in seconds."""
        failures, last = self._clients.pop(client, (0, now))
        if now - last >= FORGET_AFTER:
            failures = 0
        self._clients[client] = (failures + 1, now)
        while len(self._clients) > CLIENTS_LIMIT:
            self._clients.popitem(last=False)
        return min(MAXIMUM_DELAY, FIRST_DELAY * 2.0 ** min(failures, 16))
