"""Which of several monitors watches a target: rendezvous hashing. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from monitor.model.endpoint import Source
from monitor.model.settings import Shard
from monitor.model.target import Target


def share_of(targets: Iterable[Target], shard: Shard | None) -> tuple[Target, ...]:
    """Return the targets that are the shard's to watch; all of them where there is none.

    What a monitor derives itself, its name servers and the hosts that its own targets redirect
    to, is everybody's.
    """
    return tuple(t for t in targets if shard is None or _is_everybodys(t) or owns(shard, t.id))


def owns(shard: Shard, target_id: str) -> bool:
    """Whether a target is the shard's: each has exactly one owner, and with one shard more only
    that one's share moves (Thaler and Ravishankar, "Using name-based mappings to increase hit
    rates")."""
    return max(range(1, shard.count + 1), key=lambda n: _weight(n, target_id)) == shard.number


def _weight(number: int, target_id: str) -> bytes:
    return hashlib.blake2b(f"{number} {target_id}".encode(), digest_size=8).digest()


def _is_everybodys(target: Target) -> bool:
    return target.endpoint.source is Source.DERIVED
