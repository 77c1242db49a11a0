"""The public addresses of this host, one set per way out: what a service on the other side sees."""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.diagnosis.changes import Change
from monitor.diagnosis.proxy_path import ProxyPath

LIMIT = 16
"""Addresses kept per way out: 16. A NAT gateway has at most 8."""

RECENT_CHECKS = 24
"""Checks for which an address stays known: 24. A NAT gateway with several addresses chooses one for
each connection; the return of a known one is not a change."""

_WORDS = {ProxyPath.DIRECT: "directly", ProxyPath.PROXY: "through the proxy"}


@dataclass(frozen=True, slots=True)
class EgressAddress:
    """One public address. ``since`` is the time of the first check that saw it, ``seen_at`` that of
    the last one (Unix seconds)."""

    address: str
    since: float
    seen_at: float

    @property
    def ipv6(self) -> bool:
        """Whether it is an IPv6 address."""
        return ":" in self.address


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one check: the address, or the reason for which there is none."""

    address: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class EgressPath:
    """One way out. ``addresses`` are the recent ones, the latest first. ``failure`` is the reason
    for which the last check learned none, "" if it did; ``checked_at`` is its time (Unix seconds).
    ``changes`` counts new addresses after the first."""

    proxy_path: ProxyPath
    addresses: tuple[EgressAddress, ...] = ()
    failure: str = ""
    checked_at: float = 0.0
    changes: int = 0

    @property
    def current(self) -> tuple[EgressAddress, ...]:
        """The latest address of each family, the latest first."""
        families: dict[bool, EgressAddress] = {}
        for address in self.addresses:
            families.setdefault(address.ipv6, address)
        return tuple(families.values())

    @property
    def in_words(self) -> str:
        """The way out in words: "directly" or "through the proxy"."""
        return _WORDS[self.proxy_path]

    def taken_in(
        self, answer: Answer, now: float, interval: float
    ) -> tuple[EgressPath, Change | None]:
        """Return the way out after a check, and the change if the address is new.

        ``now`` is Unix seconds, ``interval`` the time between two checks in seconds. A check that
        failed leaves the addresses as they were.
        """
        if not answer.address:
            return replace(self, failure=answer.failure, checked_at=now), None
        recent = [a for a in self.addresses if now - a.seen_at <= RECENT_CHECKS * interval]
        same = next((a for a in recent if a.address == answer.address), None)
        before = next((a for a in self.current if a.ipv6 is (":" in answer.address)), None)
        seen = replace(same, seen_at=now) if same else EgressAddress(answer.address, now, now)
        addresses = (seen, *(a for a in recent if a is not same))[:LIMIT]
        after = replace(self, addresses=addresses, failure="", checked_at=now)
        if same is not None or before is None or before.address == answer.address:
            return after, None
        change = Change("egress_address", before.address, f"{answer.address} {self.in_words}", now)
        return replace(after, changes=self.changes + 1), change


def egress_lines(paths: tuple[EgressPath, ...]) -> tuple[str, ...]:
    """Return the public addresses in one line, and one line per way out whose check failed."""
    known = [
        f"{' and '.join(a.address for a in path.current)} {path.in_words}"
        for path in paths
        if path.addresses
    ]
    lines = [f"Public address: {', '.join(known)}."] if known else []
    lines += [
        f"The public address {path.in_words} could not be checked: {path.failure}"
        for path in paths
        if path.failure
    ]
    return tuple(lines)
