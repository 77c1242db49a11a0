"""Distribution of targets over several monitors: rendezvous hashing. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from monitor.model.endpoint import Source
from monitor.model.settings import Shard
from monitor.model.target import Target


def share_of(targets: Iterable[Target], shard: Shard | None) -> tuple[Target, ...]:
    """Return the targets of the shard; all of them without sharding.

    Targets that a monitor derives itself (its name servers, hosts that its own targets redirect to)
    belong to every shard.
    """
    return tuple(t for t in targets if shard is None or _is_everybodys(t) or owns(shard, t.id))


def owns(shard: Shard, target_id: str) -> bool:
    """Return whether a target belongs to the shard. Each has exactly one owner, and with one shard
    more only that shard's part moves (Thaler and Ravishankar, "Using name-based mappings to
    increase hit rates")."""
    return max(range(1, shard.count + 1), key=lambda n: _weight(n, target_id)) == shard.number


def _weight(number: int, target_id: str) -> bytes:
    return hashlib.blake2b(f"{number} {target_id}".encode(), digest_size=8).digest()


def _is_everybodys(target: Target) -> bool:
    return target.endpoint.source is Source.DERIVED
