"""Resolution of the catalog and the configuration into the targets of one monitor. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from monitor.catalog.loader import load_catalog
from monitor.catalog.templating import fill, fill_host, unknown_in, values_of
from monitor.catalog.wildcard_samples import (
    NOTHING,
    REDIRECTS,
    DiscoveryState,
    address_policy_of,
    redirect_rows,
    wildcard_sample_for,
)
from monitor.model.discovery import FoundBy, WildcardSample
from monitor.model.endpoint import (
    DEFAULT_PROBERS,
    Endpoint,
    Expectation,
    Protocol,
    Source,
    StatusSet,
)
from monitor.model.identity import FARGATE, Identity
from monitor.model.settings import GroupSettings, Settings, TargetSettings
from monitor.model.target import AddressPolicy, Launch, Target

EXTRA_REGISTRIES = "extra_registries"
MANAGEMENT_PLANE = "management_plane"
RESOLVER = "resolver"


_REGISTRY_ANSWER = Expectation(StatusSet(((200, 200), (401, 401))))
_ENDPOINT_OVERRIDES = (
    "enabled",
    "required",
    "protocol",
    "host",
    "port",
    "path",
    "method",
    "expect",
    "redundancy_group",
)
_NONE_ON_FARGATE = "Not applicable: a task on Fargate has no instance metadata."


def build_targets(
    settings: Settings,
    identity: Identity,
    servers: Sequence[str] = (),
    include_disabled: bool = False,
    found: DiscoveryState = NOTHING,
) -> tuple[Target, ...]:
    """Return every target of the profile, with overrides applied and placeholders filled in.

    ``servers`` are the name servers in use, as ``address:port``; ``found`` holds wildcard samples
    and hosts that redirects lead to. With ``include_disabled``, disabled targets are included,
    their ``endpoint.enabled`` being False.

    Raises:
        CatalogError: if the shipped catalog is malformed.
    """
    values = values_of(settings, identity)
    original = endpoints_of(settings)
    rows = [_overridden(_here(row, identity), settings) for row in original]
    wildcard_samples = {
        row.id: wildcard_sample_for(before, row, found, settings)
        for before, row in zip(original, rows, strict=True)
        if row.wildcard
    }
    if settings.dns.probe_servers:
        query = _management_host(rows)
        rows += [_overridden(row, settings) for row in _resolver_rows(servers, query)]
    filled = [replace(row, host=fill_host(row.host, values)) for row in rows]
    rows += [_overridden(row, settings) for row in redirect_rows(found.hosts, filled)]
    chosen = (row for row in rows if include_disabled or row.enabled)
    targets = (_target(row, settings, values, wildcard_samples.get(row.id)) for row in chosen)
    launch = Launch(
        values.get("region", ""),
        settings.ami.subnet_id or identity.subnet_id,
        settings.ami.instance_type,
    )
    return tuple(_launched(t, launch) if t.endpoint.prober == "ami" else t for t in targets)


def _launched(target: Target, launch: Launch) -> Target:
    """Add the parameters of the launch dry run; without a region no request can be signed."""
    missing = target.missing_values if launch.region else ("region",)
    return replace(target, launch=launch, missing_values=missing)


def endpoints_of(settings: Settings) -> tuple[Endpoint, ...]:
    """Return the rows of the profile: the catalog's, the named registries', the user's.

    A row's overrides are not applied yet, except that a named registry is enabled.
    """
    named = {host.lower() for host in settings.registries}
    known = load_catalog()
    catalog = [_switched_on(row, named) for row in known]
    hosts = {row.host for row in known if row.group == EXTRA_REGISTRIES}
    added = [_registry(host) for host in dict.fromkeys(settings.registries) if host not in hosts]
    rows = (*catalog, *added, *settings.endpoints)
    return tuple(row for row in rows if settings.profile in row.profiles)


def schedule_of(endpoint: Endpoint, settings: Settings) -> tuple[float, float]:
    """Return interval and timeout (seconds): the target's, else the group's, else the row's, else
    the global ones."""
    target = settings.targets.get(endpoint.id, TargetSettings())
    group = settings.groups.get(endpoint.group, GroupSettings())
    every = settings.schedule
    return (
        _first(target.interval, group.interval, endpoint.interval, every.interval),
        _first(target.timeout, group.timeout, endpoint.timeout, every.timeout),
    )


def _first(*choices: float | None) -> float:
    return next(choice for choice in choices if choice is not None)


def _switched_on(row: Endpoint, named: set[str]) -> Endpoint:
    chosen = row.group == EXTRA_REGISTRIES and row.host in named
    return replace(row, enabled=True) if chosen else row


def _registry(host: str) -> Endpoint:
    name, port = _split_port(host)
    return Endpoint(
        id=f"registry-{_slug(host)}",
        group=EXTRA_REGISTRIES,
        host=name,
        port=port or 443,
        protocol=Protocol.HTTPS,
        prober=DEFAULT_PROBERS[Protocol.HTTPS],
        path="/v2/",
        expect=_REGISTRY_ANSWER,
        source=Source.CONFIG,
        note="A registry that the configuration names.",
    )


def _slug(host: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in host.lower()).split())


def _split_port(host: str) -> tuple[str, int | None]:
    """Split ``name:port``, ``[v6]:port`` or a bare name or address."""
    name, colon, port = host.rpartition(":")
    if colon and port.isdecimal() and (":" not in name or name.endswith("]")):
        return name.strip("[]"), int(port)
    return host.strip("[]"), None


def _resolver_rows(servers: Iterable[str], query: str) -> Iterator[Endpoint]:
    split = [_split_port(server) for server in dict.fromkeys(servers)]
    times = Counter(address for address, _ in split)
    for address, port in split:
        yield Endpoint(
            id=f"dns-{address}" if times[address] == 1 else f"dns-{address}-{port or 53}",
            group=RESOLVER,
            host=address,
            port=port or 53,
            protocol=Protocol.DNS,
            prober=DEFAULT_PROBERS[Protocol.DNS],
            required=False,
            query=query,
            source=Source.DERIVED,
            note="A name server in use. Not required by itself: another one may answer.",
        )


def _management_host(rows: Iterable[Endpoint]) -> str:
    ranked = sorted((r for r in rows if r.group == MANAGEMENT_PLANE), key=lambda r: not r.enabled)
    return ranked[0].host


def _here(row: Endpoint, identity: Identity) -> Endpoint:
    """Disable endpoints that do not exist where this monitor runs."""
    if row.prober == "imds" and identity.launch_type == FARGATE:
        return replace(row, enabled=False, note=_NONE_ON_FARGATE)
    return row


def _overridden(row: Endpoint, settings: Settings) -> Endpoint:
    changes: dict[str, Any] = {}
    for override in (settings.groups.get(row.group), settings.targets.get(row.id)):
        for name in _ENDPOINT_OVERRIDES:
            value = getattr(override, name, None)
            if value is not None:
                changes[name] = value
    return replace(row, **changes) if changes else row


def _target(
    row: Endpoint,
    settings: Settings,
    values: Mapping[str, str],
    wildcard_sample: WildcardSample | None,
) -> Target:
    override = settings.targets.get(row.id, TargetSettings())
    interval, timeout = schedule_of(row, settings)
    host, path = (
        (wildcard_sample.host, wildcard_sample.path) if wildcard_sample else (row.host, row.path)
    )
    filled = replace(row, host=fill_host(host, values), path=fill(path, values))
    if wildcard_sample is not None and wildcard_sample.found_by is FoundBy.CHAIN:
        filled = replace(
            filled, note=f"Wildcard sample: found by requesting {wildcard_sample.steps[-1]}."
        )
    group = settings.groups.get(row.group, GroupSettings())
    named_by_a_server = row.group == REDIRECTS or (
        wildcard_sample is not None
        and wildcard_sample.found_by is FoundBy.CHAIN
        and wildcard_sample.host != row.host
    )
    return Target(
        endpoint=filled,
        interval=interval,
        timeout=timeout,
        address=override.address,
        connect_port=override.connect_port,
        missing_values=unknown_in(f"{row.host} {row.path}", values),
        addresses=override.addresses or group.addresses or settings.addresses,
        wildcard_sample=wildcard_sample,
        address_policy=address_policy_of(settings) if named_by_a_server else AddressPolicy.ANY,
        proxy=override.proxy or group.proxy,
    )
