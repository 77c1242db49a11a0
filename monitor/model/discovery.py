"""Results of discovery: wildcard samples, chains, hosts missing from the allow-list."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol


class FoundBy(StrEnum):
    """Who named what stands for a wildcard. Stable label values."""

    CHAIN = "chain"
    CATALOG = "catalog"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class BrokenStep:
    """Where a discovery chain broke: at step ``number`` (from 1) of ``steps``. ``asked`` is
    what that step asked for, without a query; nothing is said of the steps behind it."""

    chain: str
    number: int
    steps: int
    asked: str
    cause: Cause
    detail: str
    remediation: str


@dataclass(frozen=True, slots=True)
class WildcardSample:
    """The concrete host and path that stand for a wildcard, and how they were found.

    ``found_at`` is Unix seconds, None where nobody had to look. ``steps`` is what ``chain``
    asked for, in order, without queries. ``broken`` says why the chain's latest run found
    nothing; what was found before it (or the catalogue's own) still stands then.
    """

    host: str
    path: str
    found_by: FoundBy
    found_at: float | None = None
    chain: str = ""
    steps: tuple[str, ...] = ()
    broken: BrokenStep | None = None


@dataclass(frozen=True, slots=True)
class ChainState:
    """How a discovery chain stands: when it was last gone through, when it last reached its
    end (Unix seconds, None: never), and where it broke if it did."""

    chain: str
    tried_at: float
    reached_at: float | None = None
    broken: BrokenStep | None = None


@dataclass(frozen=True, slots=True)
class UnlistedHost:
    """A host that endpoints redirect to and that no row covers: the allow-list misses it.

    ``sources`` are the ids of the targets that redirect there, ``first_seen`` and
    ``last_seen`` Unix seconds. ``denial_reason`` says why it is not probed, "" where it is.
    """

    host: str
    port: int
    protocol: Protocol
    sources: tuple[str, ...]
    first_seen: float
    last_seen: float
    denial_reason: str = ""
