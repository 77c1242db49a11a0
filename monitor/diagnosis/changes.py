"""The difference between the last good and the first bad result of a target, and the changes of its
context meanwhile. Pure.

A change is an observation, not a cause: the report shows it next to the diagnosis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from monitor.diagnosis.evidence import clean
from monitor.diagnosis.issuers import issuer_of, leaf_of
from monitor.model.identity import Identity
from monitor.model.probe_result import ProbeResult
from monitor.model.settings import Settings

SHOWN = 3
"""Values of a list that a sentence names; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Change:
    """One aspect that differs. ``at`` is the time of the first result with the new value, in Unix
    seconds; ``before`` and ``after`` are safe to print."""

    aspect: str
    before: str
    after: str
    at: float

    @property
    def sentence(self) -> str:
        """The change in words, without the time."""
        return _SENTENCES[self.aspect].format(before=self.before, after=self.after)


_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "addresses": "the name resolves to {after} instead of {before}",
        "resolved_by": "the address comes from {after} instead of {before}",
        "name_servers": "the responding name server is {after} instead of {before}",
        "aliases": "the alias chain is {after} instead of {before}",
        "proxy": "the request goes {after} instead of {before}",
        "source": "the source address is {after} instead of {before}",
        "issuer": "the certificate is issued by {after} instead of {before}",
        "tls_version": "TLS negotiates {after} instead of {before}",
        "http_server": "the response comes from {after} instead of {before}",
        "path_mtu": "the path MTU is {after} bytes instead of {before}",
        "reload": "the configuration was reloaded with other values in {after}",
        "identity": "the {after} instead of {before}",
        "clock": "the clock of this host jumped by {after}: it was set, or the host was suspended",
        "egress_address": "the public address is {after} instead of {before}",
    }
)


def changes_between(good: ProbeResult, bad: ProbeResult) -> tuple[Change, ...]:
    """Return the aspects that both results have and that differ, the most informative first.

    An aspect that the bad result does not have (no TLS version after a failed connection) is the
    failure itself and not a change.
    """
    return tuple(_differing(good, bad))


def _differing(good: ProbeResult, bad: ProbeResult) -> Iterable[Change]:
    for aspect, read in _ASPECTS.items():
        before, after = read(good), read(bad)
        if before and after and not before & after:
            yield Change(aspect, _shown(before), _shown(after), bad.started_at)


def reloaded(before: Settings, after: Settings, at: float) -> tuple[Change, ...]:
    """Return the change of a reload that changed settings, by the names of their tables or keys."""
    names = [f.name for f in fields(Settings) if getattr(before, f.name) != getattr(after, f.name)]
    return (Change("reload", "", ", ".join(sorted(names)), at),) if names else ()


def moved(before: Identity, after: Identity, at: float) -> tuple[Change, ...]:
    """Return the changes of an identity's known values; what becomes known is not a change."""
    pairs = ((f.name, getattr(before, f.name), getattr(after, f.name)) for f in fields(Identity))
    return tuple(
        Change("identity", old, f"{name.replace('_', ' ')} is {new}", at)
        for name, old, new in pairs
        if old and new and old != new
    )


def clock_jumped(seconds: int, at: float) -> Change:
    """Return the change of a clock that was set by ``seconds``."""
    return Change("clock", "", f"{seconds:+d} s", at)


def _shown(values: frozenset[str]) -> str:
    ordered = sorted(values)
    more = f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
    return clean(", ".join(ordered[:SHOWN])) + more


def _addresses(result: ProbeResult) -> frozenset[str]:
    return frozenset(result.resolution.addresses) if result.resolution else frozenset()


def _resolved_by(result: ProbeResult) -> frozenset[str]:
    return _one(result.resolution.source.value if result.resolution else "")


def _name_servers(result: ProbeResult) -> frozenset[str]:
    answers = result.resolution.answers if result.resolution else ()
    return frozenset(answer.server for answer in answers if answer.rcode is not None)


def _aliases(result: ProbeResult) -> frozenset[str]:
    answers = result.resolution.answers if result.resolution else ()
    return _one(next((" -> ".join(a.aliases) for a in answers if a.aliases), ""))


def _proxy(result: ProbeResult) -> frozenset[str]:
    return _one(f"through {result.proxy}" if result.proxy else "directly")


def _source(result: ProbeResult) -> frozenset[str]:
    return frozenset(c.local for c in result.connections if c.local)


def _issuer(result: ProbeResult) -> frozenset[str]:
    leaf = leaf_of(result)
    return _one(issuer_of(leaf) if leaf else "")


def _tls_version(result: ProbeResult) -> frozenset[str]:
    primary = result.primary
    return _one(primary.tls.version or "" if primary and primary.tls else "")


def _http_server(result: ProbeResult) -> frozenset[str]:
    primary = result.primary
    return _one(primary.http.headers.get("server", "") if primary and primary.http else "")


def _path_mtu(result: ProbeResult) -> frozenset[str]:
    primary = result.primary
    return _one(str(primary.tcp.path_mtu or "") if primary and primary.tcp else "")


def _one(value: str) -> frozenset[str]:
    return frozenset((value,)) if value else frozenset()


_ASPECTS: Mapping[str, Callable[[ProbeResult], frozenset[str]]] = MappingProxyType(
    {
        "addresses": _addresses,
        "resolved_by": _resolved_by,
        "aliases": _aliases,
        "name_servers": _name_servers,
        "proxy": _proxy,
        "source": _source,
        "issuer": _issuer,
        "tls_version": _tls_version,
        "http_server": _http_server,
        "path_mtu": _path_mtu,
    }
)
