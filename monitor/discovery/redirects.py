"""The redirect audit: hosts that endpoints redirect to and that the allow-list misses. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from monitor.catalog.coverage import covered
from monitor.catalog.wildcard_samples import REDIRECTS, address_policy_of
from monitor.common.host_name import to_ascii
from monitor.common.identifiers import is_address
from monitor.discovery.walk import RedirectSeen
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.discovery import UnlistedHost
from monitor.model.endpoint import Endpoint, Protocol
from monitor.model.probe_result import ProbeResult
from monitor.model.settings import Settings
from monitor.model.target import AddressPolicy, Target
from monitor.net.sockets.address_policy import denial_reason

PER_SOURCE = 4
"""Hosts that one endpoint may add: at most 4, so that a hostile one cannot use up all room."""

SOURCES_KEPT = 8

UNRELATED_SITES = 3
"""Unrelated sites that redirect to one host and show that it is a login page of the network (a
captive portal), not a missing row: 3."""

_NAME = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
"""Pattern of a host name (RFC 1123) in lower case whose last label starts with a letter, so that it
is not an unusual spelling of an address."""

_PRIVATE_ZONES = ("localhost", "local", "internal", "home.arpa", "onion", "alt", "invalid")
"""Zones that the public DNS does not have (RFC 6761, 6762, 7686, 8375, 9476; ``internal`` by
ICANN's decision of 2024, and AWS's private names)."""

_PORTS = {Protocol.HTTPS: 443, Protocol.HTTP: 80}


@dataclass(frozen=True, slots=True)
class Place:
    """The destination of a redirect."""

    protocol: Protocol
    host: str
    port: int


def place_of(url: str) -> Place | None:
    """Parse the destination of a redirect; None unless it is an HTTP URL of a valid host."""
    try:
        parts = urlsplit(url)
        protocol = Protocol(parts.scheme)
        port = _PORTS[protocol] if parts.port is None else parts.port
        host = to_ascii(parts.hostname or "")
    except (ValueError, KeyError):
        return None
    usable = port and len(host) <= 253 and (_NAME.fullmatch(host) or _is_address(host))
    return Place(protocol, host, port) if usable else None


def refusal(host: str, address_policy: AddressPolicy) -> str:
    """Return the reason why a host that a server named is not probed; "" if it is."""
    if _is_address(host):
        return denial_reason(host, address_policy)
    private = "." not in host or any(host == z or host.endswith(f".{z}") for z in _PRIVATE_ZONES)
    return "a private network's name" if private and address_policy is AddressPolicy.PUBLIC else ""


_OF_STRANGERS = frozenset(
    {Cause.HTTP_FOREIGN_REDIRECT, Cause.HTTP_BLOCKED_PAGE, Cause.CAPTIVE_PORTAL}
)
"""Causes of responses that a device on the path wrote: their destination needs no rule."""


def redirect_seen_in(
    target: Target, probe_result: ProbeResult | None, diagnosis: Diagnosis | None = None
) -> RedirectSeen | None:
    """Return the redirect that a target's last response was; None if it was none, or none that has
    to be on the allow-list. Redirects of an unlisted host are not followed."""
    if diagnosis is not None and diagnosis.cause in _OF_STRANGERS:
        return None
    primary = probe_result.primary if probe_result else None
    if primary is None or primary.http is None or primary.http.redirect is None:
        return None
    if not target.endpoint.audited or target.group == REDIRECTS:
        return None
    return RedirectSeen(target.id, primary.http.redirect)


def noted(
    hosts: Sequence[UnlistedHost],
    redirect_seen: RedirectSeen,
    targets: Iterable[Target],
    now: float,
    settings: Settings,
) -> tuple[UnlistedHost, ...]:
    """Return the unlisted hosts after one more redirect: added, refreshed ``now`` (Unix seconds),
    or left out because the list is full."""
    place = place_of(redirect_seen.url)
    targets = tuple(targets)
    listed = _listed(targets)
    if place is None or covered(listed, place.host, place.port):
        return tuple(hosts)
    known = next((h for h in hosts if (h.host, h.port) == (place.host, place.port)), None)
    if known is not None:
        sources = _with(known.sources, redirect_seen.source, targets)
        again = _judged(replace(known, last_seen=now, sources=sources), targets, settings)
        return tuple(again if host is known else host for host in hosts)
    of_source = sum(redirect_seen.source in host.sources for host in hosts)
    if len(hosts) >= settings.discovery.max_hosts or of_source >= PER_SOURCE:
        return tuple(hosts)
    sources = (redirect_seen.source,)
    new = UnlistedHost(place.host, place.port, place.protocol, sources, now, now)
    return (*hosts, _judged(new, targets, settings))


def remembered(
    hosts: Iterable[UnlistedHost],
    targets: Iterable[Target],
    now: float,
    settings: Settings,
) -> tuple[UnlistedHost, ...]:
    """Return the hosts that are still unlisted and were redirected to recently."""
    targets = tuple(targets)
    listed = _listed(targets)
    kept = [
        _judged(host, targets, settings)
        for host in hosts
        if now - host.last_seen <= settings.discovery.forget_after
        and not covered(listed, host.host, host.port)
    ]
    return tuple(kept[: settings.discovery.max_hosts]) if settings.discovery.audit_redirects else ()


def _judged(host: UnlistedHost, targets: Sequence[Target], settings: Settings) -> UnlistedHost:
    """Return the host with the reason why it is not probed."""
    reason = refusal(host.host, address_policy_of(settings))
    sites = {_site(t) for t in targets if t.id in host.sources}
    if not reason and len(sites) >= UNRELATED_SITES:
        reason = "a page that unrelated hosts redirect to, such as a login page of the network"
    return replace(host, denial_reason=reason)


def _listed(targets: Iterable[Target]) -> list[Endpoint]:
    """Return the allow-list: the enabled rows, without those that the audit added."""
    return [t.endpoint for t in targets if t.endpoint.enabled and t.group != REDIRECTS]


def _with(sources: tuple[str, ...], source: str, targets: Sequence[Target]) -> tuple[str, ...]:
    """Add a source. In a full list, one of another site replaces one whose site has more."""
    if source in sources:
        return sources
    kept = list(sources)
    if len(kept) >= SOURCES_KEPT:
        sites = {t.id: _site(t) for t in targets}
        counts = Counter(sites.get(name) for name in kept)
        spare = max(kept, key=lambda name: counts[sites.get(name)])
        if sites.get(source) in counts or counts[sites.get(spare)] < 2:
            return sources
        kept.remove(spare)
    return tuple(sorted((*kept, source)))


def _site(target: Target) -> tuple[str, ...]:
    return tuple(target.host.split(".")[-2:])


def _is_address(host: str) -> bool:
    return "%" not in host and is_address(host)
