"""Waits between two tries of a request. Pure."""

from __future__ import annotations

from random import Random

LONGEST_WAIT = 10.0
"""Seconds between two tries at most while a receiver is away or overloaded."""

LONGEST_DENIED_WAIT = 30.0
"""Seconds between two tries at most while a receiver, or a proxy, denies access."""

_FIRST, _FIRST_DENIED = 0.4, 5.0
_JITTER = 0.25


def backoff(failures: int, random: Random, *, denied: bool = False) -> float:
    """Return the seconds to wait after ``failures`` failures in a row: twice as long each time,
    with jitter, so that monitors that failed together do not come back together."""
    first = _FIRST_DENIED if denied else _FIRST
    longest = LONGEST_DENIED_WAIT if denied else LONGEST_WAIT
    wait = min(first * 2.0 ** min(failures - 1, 16), longest)
    return wait * (1 - _JITTER * random.random())
