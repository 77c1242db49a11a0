"""Results of discovery: wildcard samples, chains, hosts missing from the allow-list."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol


class FoundBy(StrEnum):
    """The origin of a wildcard sample. Stable label values."""

    CHAIN = "chain"
    CATALOG = "catalog"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class BrokenStep:
    """The step at which a discovery chain failed: ``number`` (from 1) of ``steps``. ``asked`` is
    the request of that step, without a query. Later steps were not tried."""

    chain: str
    number: int
    steps: int
    asked: str
    cause: Cause
    detail: str
    remediation: str


@dataclass(frozen=True, slots=True)
class WildcardSample:
    """The concrete host and path that represent a wildcard, and how they were found.

    ``found_at`` is Unix seconds, None if no discovery was needed. ``steps`` are the requests of
    ``chain`` in order, without queries. ``broken`` is the reason why the latest run of the chain
    failed; the previous sample (or the one in the catalog) remains in use then.
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
    """The state of a discovery chain: the time of its last run and of its last success (Unix
    seconds, None: never), and the step at which it failed, if it did."""

    chain: str
    tried_at: float
    reached_at: float | None = None
    broken: BrokenStep | None = None


@dataclass(frozen=True, slots=True)
class UnlistedHost:
    """A host that endpoints redirect to and that no row covers: missing from the allow-list.

    ``sources`` are the ids of the targets that redirect there; ``first_seen`` and ``last_seen`` are
    Unix seconds. ``denial_reason`` is the reason why it is not probed, "" if it is.
    """

    host: str
    port: int
    protocol: Protocol
    sources: tuple[str, ...]
    first_seen: float
    last_seen: float
    denial_reason: str = ""
