"""Rows and targets from discovery, in addition to those of the catalog. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from monitor.catalog.coverage import covered, matches
from monitor.model.discovery import BrokenStep, FoundBy, UnlistedHost, WildcardSample
from monitor.model.endpoint import Endpoint, Expectation, Protocol, Source, StatusSet
from monitor.model.settings import Settings, TargetSettings
from monitor.model.target import AddressPolicy

REDIRECTS = "redirects"
"""The group of hosts that redirects lead to and that no row covers."""

REDIRECT_PREFIX = "redirect-"
_ID_LIMIT = 99
_ANY_ANSWER = Expectation(StatusSet(((200, 402), (404, 406), (408, 499))))


@dataclass(frozen=True, slots=True)
class DiscoveryState:
    """The state of discovery: wildcard samples and broken chains by the id of the wildcard's row,
    and the hosts missing from the allow-list."""

    wildcard_samples: Mapping[str, WildcardSample] = field(default_factory=dict)
    broken: Mapping[str, BrokenStep] = field(default_factory=dict)
    hosts: tuple[UnlistedHost, ...] = ()


NOTHING = DiscoveryState()


def wildcard_sample_for(
    original: Endpoint, row: Endpoint, found: DiscoveryState, settings: Settings
) -> WildcardSample:
    """Return the sample for the wildcard of a row. ``original`` is the catalog's row; ``row`` is
    the same with the overrides of the configuration, which take precedence."""
    if is_named(row.id, settings):
        return WildcardSample(row.host, row.path, FoundBy.CONFIG)
    if not settings.discovery.enabled:
        return WildcardSample(row.host, row.path, FoundBy.CATALOG)
    broken = found.broken.get(row.id)
    known = found.wildcard_samples.get(row.id)
    if known and matches(original.wildcard or "", known.host, known.path):
        return replace(known, broken=broken)
    return WildcardSample(row.host, row.path, FoundBy.CATALOG, broken=broken)


def is_named(row_id: str, settings: Settings) -> bool:
    """Return whether the configuration itself names the sample of a wildcard."""
    target = settings.targets.get(row_id, TargetSettings())
    return target.host is not None or target.path is not None


def address_policy_of(settings: Settings) -> AddressPolicy:
    """Return the addresses that may be dialed for a host that a server named."""
    return AddressPolicy.PRIVATE if settings.discovery.allow_private else AddressPolicy.PUBLIC


def redirect_rows(hosts: Iterable[UnlistedHost], rows: Iterable[Endpoint]) -> Iterator[Endpoint]:
    """Return a row for each probed host that ``rows`` do not cover."""
    every = list(rows)
    listed, taken = [row for row in every if row.enabled], {row.id for row in every}
    for host in hosts:
        row = _redirect_row(host)
        if (
            not host.denial_reason
            and row.id not in taken
            and not covered(listed, host.host, host.port)
        ):
            yield row


def redirect_id(host: str, port: int) -> str:
    """Return the id of a redirect's host: stable across runs and unique."""
    name = f"{REDIRECT_PREFIX}{host.replace(':', '-')}"
    name += "" if port == 443 else f"-{port}"
    if len(name) <= _ID_LIMIT:
        return name
    digest = hashlib.blake2b(name.encode(), digest_size=6).hexdigest()
    return f"{name[: _ID_LIMIT - len(digest) - 1]}-{digest}"


def _redirect_row(host: UnlistedHost) -> Endpoint:
    """Return the row of a host of which nothing is known: a verified TLS handshake, because its
    response to a bare request may be a refusal; without TLS, any response."""
    secure = host.protocol is Protocol.HTTPS
    return Endpoint(
        id=redirect_id(host.host, host.port),
        group=REDIRECTS,
        host=host.host,
        port=host.port,
        protocol=host.protocol,
        prober="tls" if secure else "http",
        expect=_ANY_ANSWER,
        required=False,
        source=Source.DERIVED,
        note=f"{', '.join(host.sources)} redirects here, and no row of the allow-list covers it.",
    )
