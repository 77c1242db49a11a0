"""Every metric family, declared as data: its name, type, help, labels, and where it comes from.

Names that blackbox_exporter has for the same thing are its names. No label holds what a
server sent, so that their number is bounded by the configuration alone: a chain's issuer
and subject, which blackbox_exporter puts into labels, are on the page and in the API. One
exception: the host that discovery found for a wildcard or by a redirect is a target's host, of
a checked shape; there is one a wildcard, and ``[discovery] max_hosts`` for redirects.
"""

from __future__ import annotations

import ipaddress
import platform
import ssl
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from itertools import chain
from math import isfinite

from prometheus_client.core import Metric

from monitor import __version__
from monitor.diagnosis.network_path import network_path
from monitor.diagnosis.ways import ways_of
from monitor.model import (
    Addresses,
    Attempt,
    Cause,
    Connection,
    Family,
    Identity,
    Incident,
    Phase,
    State,
)
from monitor.net.proxy_audit import REQUIRED_NO_PROXY
from monitor.state import (
    Board,
    Dropped,
    DropReason,
    Histogram,
    MqttVitals,
    Record,
    WriteVitals,
)

Sample = tuple[tuple[str, ...], float]
"""Values of the family's labels, and the sample's value."""


class Kind(StrEnum):
    """The type of a family."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class TargetFamily:
    """A family with samples for each target. ``take`` gives the labels behind ``target``
    and ``group`` with their value."""

    name: str
    kind: Kind
    help: str
    take: Callable[[Record], Iterable[Sample]]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HistogramFamily:
    """A histogram for each target."""

    name: str
    help: str
    take: Callable[[Record], Histogram]


@dataclass(frozen=True, slots=True)
class MonitorFamily:
    """A family about the monitor itself."""

    name: str
    kind: Kind
    help: str
    take: Callable[[Board], Iterable[Sample]]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WriteFamily:
    """A family about each remote-write destination. ``take`` gives the labels behind
    ``destination`` with their value."""

    name: str
    kind: Kind
    help: str
    take: Callable[[WriteVitals], Iterable[Sample]]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MonitorHistogram:
    """A histogram about the monitor itself."""

    name: str
    help: str
    take: Callable[[Board], Histogram]


def families(board: Board) -> Iterator[Metric]:
    """Return every family that has samples, as of now. No sample is infinite or no number."""
    every = chain(about_targets(board.records.values()), about_the_monitor(board))
    return (metric for metric in every if metric.samples)


def about_targets(every: Collection[Record]) -> Iterator[Metric]:
    """Return the families that each target has series of; some may have no sample."""
    records = [r for r in every if not r.target.unknown]
    for family in TARGET_FAMILIES:
        labels = ("target", "group", *family.labels)
        metric = Metric(family.name, family.help, family.kind.value)
        for record in every if family.name in _FOR_EVERY_TARGET else records:
            own = (record.target.id, record.target.group)
            for values, value in family.take(record):
                _add(metric, family, _named(labels, (*own, *values)), value)
        yield metric
    for histogram in HISTOGRAM_FAMILIES:
        metric = Metric(histogram.name, histogram.help, Kind.HISTOGRAM.value)
        for record in records:
            if record.probes:
                mine = {"target": record.target.id, "group": record.target.group}
                _add_histogram(metric, mine, histogram.take(record))
        yield metric


def about_the_monitor(board: Board) -> Iterator[Metric]:
    """Return the families about the monitor itself; some may have no sample."""
    for family in MONITOR_FAMILIES:
        metric = Metric(family.name, family.help, family.kind.value)
        for values, value in family.take(board):
            _add(metric, family, _named(family.labels, values), value)
        yield metric
    for histogram in MONITOR_HISTOGRAMS:
        metric = Metric(histogram.name, histogram.help, Kind.HISTOGRAM.value)
        _add_histogram(metric, {}, histogram.take(board))
        yield metric
    yield from _about_remote_write(board)


def _about_remote_write(board: Board) -> Iterator[Metric]:
    for family in WRITE_FAMILIES:
        metric = Metric(family.name, family.help, family.kind.value)
        for name, vitals in board.writes.items():
            for values, value in family.take(vitals):
                _add(
                    metric, family, _named(("destination", *family.labels), (name, *values)), value
                )
        yield metric
    metric = Metric(WRITE_REQUESTS, "How long remote-write requests took.", Kind.HISTOGRAM.value)
    for name, vitals in board.writes.items():
        _add_histogram(metric, {"destination": name}, vitals.requests)
    yield metric


def _add(
    metric: Metric,
    family: TargetFamily | MonitorFamily | WriteFamily,
    labels: dict[str, str],
    value: float,
) -> None:
    suffix = "_total" if family.kind is Kind.COUNTER else ""
    if isfinite(value):
        metric.add_sample(f"{family.name}{suffix}", labels, value)


def _named(names: Iterable[str], values: Iterable[str]) -> dict[str, str]:
    return dict(zip(names, map(_printable, values), strict=True))


def _printable(value: str) -> str:
    """Take out what does not print: a lone surrogate of the environment has no encoding, and
    would cost the whole scrape."""
    return value if value.isprintable() else "".join(c if c.isprintable() else "?" for c in value)


def _add_histogram(metric: Metric, labels: Mapping[str, str], histogram: Histogram) -> None:
    total = 0
    for bound, count in zip((*histogram.bounds, None), histogram.counts, strict=True):
        total += count
        le = "+Inf" if bound is None else str(bound)
        metric.add_sample(f"{metric.name}_bucket", {**labels, "le": le}, total)
    metric.add_sample(f"{metric.name}_count", dict(labels), total)
    metric.add_sample(f"{metric.name}_sum", dict(labels), histogram.total)


def _one(value: float | None) -> Iterable[Sample]:
    return () if value is None else (((), value),)


def _of_mqtt(take: Callable[[MqttVitals], float]) -> Callable[[Board], Iterable[Sample]]:
    return lambda board: _one(float(take(board.mqtt))) if board.mqtt else ()


def _mqtt_dropped(board: Board) -> Iterable[Sample]:
    if board.mqtt is not None:
        for reason in Dropped:
            yield (reason.value,), float(board.mqtt.dropped[reason])


def _of_attempt(take: Callable[[Attempt], float | None]) -> Callable[[Record], Iterable[Sample]]:
    return lambda record: _one(take(record.attempt)) if record.attempt else ()


def _of_primary(
    take: Callable[[Connection], float | None],
) -> Callable[[Record], Iterable[Sample]]:
    def samples(record: Record) -> Iterable[Sample]:
        primary = record.attempt.primary if record.attempt else None
        return _one(take(primary)) if primary else ()

    return samples


def _info(record: Record) -> Iterable[Sample]:
    endpoint = record.target.endpoint
    values = (
        endpoint.host,
        str(endpoint.port),
        endpoint.protocol.value,
        str(endpoint.required).lower(),
        endpoint.wildcard or "",
        endpoint.one_of.partition("/")[0],
    )
    yield values, 1.0


def _wildcard(record: Record) -> Iterable[Sample]:
    stand_in = record.target.standin
    return [((stand_in.host, stand_in.found_by.value), 1.0)] if stand_in else []


def _states(record: Record) -> Iterable[Sample]:
    return [((state.value,), float(record.health.state is state)) for state in State]


def _ip_address_hash(connection: Connection) -> float | None:
    """FNV-1a of 32 bits over the address's bytes, as blackbox_exporter has it: tells that
    an address changed without an unbounded label."""
    try:
        packed = ipaddress.ip_address(connection.address).packed
    except ValueError:
        return None
    value = 0x811C9DC5
    for byte in packed:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return float(value)


_BLACKBOX_PHASES = {
    Phase.RESOLVE: "resolve",
    Phase.CONNECT: "connect",
    Phase.TLS: "tls",
    Phase.FIRST_BYTE: "processing",
    Phase.TRANSFER: "transfer",
}


def _http_phases(record: Record) -> Iterable[Sample]:
    if record.attempt is None or record.target.endpoint.prober != "http":
        return []
    phases = record.attempt.phases
    return [((name,), phases.get(phase, 0.0)) for phase, name in _BLACKBOX_PHASES.items()]


def _phases(record: Record) -> Iterable[Sample]:
    phases = record.attempt.phases if record.attempt else {}
    return [((phase.value,), seconds) for phase, seconds in phases.items()]


def _family_results(record: Record) -> Iterable[Sample]:
    connections = record.attempt.connections if record.attempt else ()
    for family in Family:
        results = [c.failure is None for c in connections if c.family is family]
        if results:
            yield (family.value,), float(any(results))


def _addresses(failed: bool) -> Callable[[Record], Iterable[Sample]]:
    def samples(record: Record) -> Iterable[Sample]:
        every = record.target.addresses is Addresses.ALL
        connections = record.attempt.connections if record.attempt and every else ()
        for family in Family:
            mine = [c for c in connections if c.family is family]
            if mine:
                counted = [c for c in mine if c.failure is not None] if failed else mine
                yield (family.value,), float(len(counted))

    return samples


def _tls_version(record: Record) -> Iterable[Sample]:
    primary = record.attempt.primary if record.attempt else None
    if primary and primary.tls and primary.tls.version in _TLS_VERSIONS:
        yield (_TLS_VERSIONS[primary.tls.version],), 1.0


_TLS_VERSIONS = {
    "TLSv1": "TLS 1.0",
    "TLSv1.1": "TLS 1.1",
    "TLSv1.2": "TLS 1.2",
    "TLSv1.3": "TLS 1.3",
}


def _tls_cipher(record: Record) -> Iterable[Sample]:
    primary = record.attempt.primary if record.attempt else None
    if primary and primary.tls and primary.tls.cipher:
        yield (primary.tls.cipher,), 1.0


def _earliest_expiry(connection: Connection) -> float | None:
    chain = connection.tls.chain if connection.tls else ()
    return min((certificate.not_after for certificate in chain), default=None)


def _way_results(record: Record) -> Iterable[Sample]:
    return [((way.value,), float(a.ok)) for way, a in ways_of(record.attempt).items()]


def _way_durations(record: Record) -> Iterable[Sample]:
    return [((way.value,), a.duration) for way, a in ways_of(record.attempt).items()]


def _network_path(record: Record) -> Iterable[Sample]:
    path = network_path(record.target, record.attempt)
    return [((path.value,), 1.0)] if path else []


def _failure_info(record: Record) -> Iterable[Sample]:
    cause = record.verdict.cause if record.verdict else None
    return [((cause.value,), 1.0)] if cause else []


def _failures(record: Record) -> Iterable[Sample]:
    return [((cause.value,), float(count)) for cause, count in record.failures.items()]


def _http_status(record: Record) -> Iterable[Sample]:
    if record.attempt is None:
        return ()
    primary = record.attempt.primary
    if primary is not None and primary.http is not None:
        return _one(float(primary.http.status))
    return _one(0.0 if record.target.endpoint.prober == "http" else None)


def _dns_lookups(record: Record) -> Iterable[Sample]:
    """The slowest answer of each name server that gave one. Servers are configured ones."""
    resolution = record.attempt.resolution if record.attempt else None
    slowest: dict[str, float] = {}
    for answer in resolution.answers if resolution else ():
        if answer.rcode is not None:
            slowest[answer.server] = max(answer.seconds, slowest.get(answer.server, 0.0))
    return [((server,), seconds) for server, seconds in slowest.items()]


def _verified(connection: Connection) -> float | None:
    verified = connection.tls.verified if connection.tls else None
    return None if verified is None else float(verified)


def _intercepted(record: Record) -> Iterable[Sample]:
    primary = record.attempt.primary if record.attempt else None
    if primary is None or primary.tls is None or record.verdict is None:
        return ()
    refused = record.verdict.cause is Cause.TLS_INTERCEPTED
    return _one(float(refused or "inspected_by" in record.verdict.evidence))


def _certificate_hash(connection: Connection) -> float | None:
    """The first 32 bits of the leaf's SHA-256: what a label would tell without bound."""
    chain = connection.tls.chain if connection.tls else ()
    return float(int(chain[0].sha256[:8], 16)) if chain else None


def _key_hash(connection: Connection) -> float | None:
    """The first 32 bits of the SHA-256 of the leaf's public key."""
    leaf = connection.tls.chain[0] if connection.tls and connection.tls.chain else None
    return float(int(leaf.spki_sha256[:8], 16)) if leaf and leaf.spki_sha256 else None


def _http_version(connection: Connection) -> float | None:
    versions = {"1.0": 1.0, "1.1": 1.1}
    return versions.get(connection.http.version) if connection.http else None


def _content_length(connection: Connection) -> float | None:
    if connection.http is None:
        return None
    length = connection.http.content_length
    return -1.0 if length is None else float(length)


G, N = Kind.GAUGE, Kind.COUNTER

TARGET_FAMILIES: tuple[TargetFamily, ...] = (
    TargetFamily(
        "egress_target_info",
        G,
        "What a target is: always 1, joined on `target`.",
        _info,
        ("host", "port", "protocol", "required", "wildcard", "redundant_group"),
    ),
    TargetFamily(
        "egress_wildcard_info",
        G,
        "What stands for a wildcard, and who said so: always 1.",
        _wildcard,
        ("host", "found_by"),
    ),
    TargetFamily(
        "egress_wildcard_found_timestamp_seconds",
        G,
        "When discovery found what stands for a wildcard, in Unix time.",
        lambda r: _one(r.target.standin.found_at if r.target.standin else None),
    ),
    TargetFamily(
        "egress_target_state",
        G,
        "1 for the state that the target is in, 0 for the others.",
        _states,
        ("state",),
    ),
    TargetFamily(
        "egress_target_flapping",
        G,
        "Whether the target changes too often to be called up.",
        lambda r: _one(float(r.health.flapping) if r.probes else None),
    ),
    TargetFamily(
        "egress_latency_baseline_seconds",
        G,
        "What all phases of a probe usually take together; slow is told against it.",
        lambda r: _one(r.quality.whole.usual),
    ),
    TargetFamily(
        "egress_rtt_baseline_seconds",
        G,
        "The usual round-trip time of the target's path; slow is told against it.",
        lambda r: _one(r.quality.path.usual),
    ),
    TargetFamily(
        "egress_lossy_answers",
        G,
        "Of the target's last 20 answers, those that saw packets lost.",
        lambda r: _one(float(r.quality.lost.bit_count()) if r.probes else None),
    ),
    TargetFamily(
        "probe_success",
        G,
        "Whether the last probe reached the endpoint.",
        _of_attempt(lambda a: float(a.ok)),
    ),
    TargetFamily(
        "probe_duration_seconds",
        G,
        "How long the last probe took.",
        _of_attempt(lambda a: a.duration),
    ),
    TargetFamily(
        "probe_dns_lookup_time_seconds",
        G,
        "How long the name's lookup took in the last probe.",
        _of_attempt(lambda a: a.phases.get(Phase.RESOLVE)),
    ),
    TargetFamily(
        "probe_ip_protocol",
        G,
        "The IP version (4 or 6) that the last probe was made with.",
        _of_primary(lambda c: 6.0 if c.family is Family.IPV6 else 4.0),
    ),
    TargetFamily(
        "probe_ip_addr_hash",
        G,
        "A hash of the address that was probed, to see that it changed.",
        _of_primary(_ip_address_hash),
    ),
    TargetFamily(
        "probe_http_status_code",
        G,
        "The status of the last HTTP answer, 0 when none came.",
        _http_status,
    ),
    TargetFamily(
        "probe_http_version",
        G,
        "The HTTP version of the last answer.",
        _of_primary(_http_version),
    ),
    TargetFamily(
        "probe_http_content_length",
        G,
        "The Content-Length of the last HTTP answer in bytes, -1 when not announced.",
        _of_primary(_content_length),
    ),
    TargetFamily(
        "probe_http_ssl",
        G,
        "Whether TLS was used for the last HTTP answer.",
        _of_primary(lambda c: float(c.tls is not None) if c.http else None),
    ),
    TargetFamily(
        "probe_http_duration_seconds",
        G,
        "How long each phase of the last HTTP probe took.",
        _http_phases,
        ("phase",),
    ),
    TargetFamily(
        "probe_ssl_earliest_cert_expiry",
        G,
        "The earliest expiry among the certificates that were sent, in Unix time.",
        _of_primary(_earliest_expiry),
    ),
    TargetFamily(
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        G,
        "The expiry of the verified chain, in Unix time.",
        _of_primary(lambda c: c.tls.verified_expiry if c.tls else None),
    ),
    TargetFamily(
        "probe_tls_version_info",
        G,
        "The TLS version of the last probe: always 1.",
        _tls_version,
        ("version",),
    ),
    TargetFamily(
        "probe_tls_cipher_info",
        G,
        "The cipher suite of the last probe: always 1.",
        _tls_cipher,
        ("cipher",),
    ),
    TargetFamily(
        "egress_tls_key_hash",
        G,
        "A hash of the certificate's public key, to see that it changed: it outlives renewals.",
        _of_primary(_key_hash),
    ),
    TargetFamily(
        "egress_tls_intercepted",
        G,
        "Whether TLS is opened on the way, by a CA that this host trusts or one that it does not.",
        _intercepted,
    ),
    TargetFamily(
        "egress_tls_verified",
        G,
        "Whether the chain of the last probe was trusted; absent when it was not looked at.",
        _of_primary(_verified),
    ),
    TargetFamily(
        "egress_tls_certificate_hash",
        G,
        "The first 32 bits of the certificate's SHA-256, to see that it changed.",
        _of_primary(_certificate_hash),
    ),
    TargetFamily(
        "egress_path_success",
        G,
        "Whether the last probe reached the endpoint by each way that it tried: through a proxy, "
        "directly. Absent where no proxy is in it.",
        _way_results,
        ("path",),
    ),
    TargetFamily(
        "egress_path_duration_seconds",
        G,
        "How long the last probe took by each way that it tried.",
        _way_durations,
        ("path",),
    ),
    TargetFamily(
        "egress_network_path_info",
        G,
        "How an AWS API was reached, by the address that answered: always 1.",
        _network_path,
        ("path",),
    ),
    TargetFamily(
        "probe_failure_info",
        G,
        "1 while the last probe failed or was degraded, or the target flaps, with its cause.",
        _failure_info,
        ("cause",),
    ),
    TargetFamily(
        "probe_failures",
        N,
        "Probes that failed or were degraded, by cause.",
        _failures,
        ("cause",),
    ),
    TargetFamily("egress_probes", N, "Probes made.", lambda r: _one(float(r.probes))),
    TargetFamily(
        "egress_probes_skipped",
        N,
        "Slots that passed while the target's probe was still going on.",
        lambda r: _one(float(r.skipped)),
    ),
    TargetFamily(
        "egress_target_state_since_timestamp_seconds",
        G,
        "When the target came into its state, in Unix time.",
        lambda r: _one(r.health.since or None),
    ),
    TargetFamily(
        "egress_last_probe_timestamp_seconds",
        G,
        "When the last probe began, in Unix time.",
        _of_attempt(lambda a: a.started_at),
    ),
    TargetFamily(
        "egress_phase_duration_seconds",
        G,
        "How long each phase of the last probe took.",
        _phases,
        ("phase",),
    ),
    TargetFamily(
        "egress_tcp_rtt_seconds",
        G,
        "The kernel's smoothed round-trip time of the last probe's connection.",
        _of_primary(lambda c: c.tcp.rtt or None if c.tcp else None),
    ),
    TargetFamily(
        "egress_tcp_retransmits",
        G,
        "Segments that the kernel sent again on the last probe's connection.",
        _of_primary(lambda c: float(c.tcp.retransmits) if c.tcp else None),
    ),
    TargetFamily(
        "egress_tcp_path_mtu_bytes",
        G,
        "The path MTU of the last probe's connection as the kernel knows it.",
        _of_primary(lambda c: float(c.tcp.path_mtu) if c.tcp else None),
    ),
    TargetFamily(
        "egress_udp_rtt_seconds",
        G,
        "The round-trip time of the last probe's datagram, by kernel receive time.",
        _of_primary(lambda c: c.rtt if c.tcp is None else None),
    ),
    TargetFamily(
        "egress_udp_resends",
        G,
        "Datagrams that the last probe sent again because no reply came.",
        _of_primary(lambda c: None if c.resends is None else float(c.resends)),
    ),
    TargetFamily(
        "egress_family_success",
        G,
        "Whether the last probe reached the endpoint over each address family.",
        _family_results,
        ("family",),
    ),
    TargetFamily(
        "egress_addresses_tried",
        G,
        'Addresses of the name that the last probe tried, with addresses = "all".',
        _addresses(failed=False),
        ("family",),
    ),
    TargetFamily(
        "egress_addresses_failed",
        G,
        'Addresses of the name that failed in the last probe, with addresses = "all".',
        _addresses(failed=True),
        ("family",),
    ),
    TargetFamily(
        "egress_dns_lookup_duration_seconds",
        G,
        "The slowest answer of each name server to the last probe's questions.",
        _dns_lookups,
        ("server",),
    ),
    TargetFamily(
        "egress_clock_offset_seconds",
        G,
        "The endpoint's clock minus this host's.",
        _of_attempt(lambda a: a.clock_offset),
    ),
    TargetFamily(
        "egress_probe_loop_lag_seconds",
        G,
        "How late the event loop ran during the last probe: the error of its phases.",
        _of_attempt(lambda a: a.loop_lag),
    ),
)
_FOR_EVERY_TARGET = frozenset({"egress_target_info", "egress_target_state"})

HISTOGRAM_FAMILIES: tuple[HistogramFamily, ...] = (
    HistogramFamily(
        "egress_probe_duration_seconds", "How long probes took.", lambda record: record.durations
    ),
)


_IDENTITY_LABELS = tuple(field.name for field in fields(Identity))


def _identity(board: Board) -> Iterable[Sample]:
    yield tuple(getattr(board.identity, name) for name in _IDENTITY_LABELS), 1.0


def _build(_: Board) -> Iterable[Sample]:
    yield (__version__, platform.python_version(), ssl.OPENSSL_VERSION.split(" ")[1]), 1.0


def _targets(board: Board) -> Iterable[Sample]:
    counts = Counter((r.target.group, r.health.state) for r in board.records.values())
    groups = dict.fromkeys(r.target.group for r in board.records.values())
    return [((g, state.value), float(counts[g, state])) for g in groups for state in State]


def _incidents(board: Board) -> Iterable[Sample]:
    counts = Counter(map(_kind_of, board.incidents))
    return [(key, float(count)) for key, count in counts.items()]


def _affected(board: Board) -> Iterable[Sample]:
    counts: Counter[tuple[str, ...]] = Counter()
    for incident in board.incidents:
        counts[_kind_of(incident)] += len(incident.affected)
    return [(key, float(count)) for key, count in counts.items()]


def _kind_of(incident: Incident) -> tuple[str, ...]:
    return incident.cause.value, incident.scope.value, incident.state.value


def _no_proxy(board: Board) -> Iterable[Sample]:
    if board.proxies.in_use:
        for entry in REQUIRED_NO_PROXY:
            yield (entry,), float(entry in board.proxies.missing)


def _redundant_groups(board: Board) -> Iterable[Sample]:
    groups = board.redundant_groups
    return [((g.name, state.value), float(g.state is state)) for g in groups for state in State]


def _gateway_latencies(board: Board) -> Iterable[Sample]:
    latencies = [((g.name,), g.latency) for g in board.gateways if g.state is not State.DOWN]
    return [(labels, latency) for labels, latency in latencies if latency is not None]


def _preferred_gateways(board: Board) -> Iterable[Sample]:
    return [((gateway.name,), float(gateway.preferred)) for gateway in board.gateways]


def _chains(board: Board) -> Iterable[Sample]:
    return [((c.chain,), float(c.broken is None)) for c in board.chains.values()]


def _chains_reached(board: Board) -> Iterable[Sample]:
    return [((c.chain,), c.reached_at) for c in board.chains.values() if c.reached_at]


def _chains_broken(board: Board) -> Iterable[Sample]:
    broken = [chain.broken for chain in board.chains.values() if chain.broken]
    return [((b.chain, str(b.number), b.cause.value), 1.0) for b in broken]


MONITOR_FAMILIES: tuple[MonitorFamily, ...] = (
    MonitorFamily(
        "egress_build_info",
        G,
        "What runs: always 1.",
        _build,
        ("version", "python", "openssl"),
    ),
    MonitorFamily(
        "egress_identity_info",
        G,
        "Where it runs, as far as it is known: always 1.",
        _identity,
        _IDENTITY_LABELS,
    ),
    MonitorFamily(
        "egress_incident_active",
        G,
        "Open incidents, by cause, by what their failures share, and by how bad they are.",
        _incidents,
        ("cause", "scope", "state"),
    ),
    MonitorFamily(
        "egress_incident_affected_targets",
        G,
        "Targets that the open incidents affect.",
        _affected,
        ("cause", "scope", "state"),
    ),
    MonitorFamily(
        "egress_host_clock_offset_seconds",
        G,
        "The others' clock minus this host's: by NTP, else by the dates of several sites' answers.",
        lambda b: _one(b.clock.offset if b.clock else None),
    ),
    MonitorFamily(
        "egress_host_clock_offset_uncertainty_seconds",
        G,
        "By how much egress_host_clock_offset_seconds may be wrong.",
        lambda b: _one(b.clock.uncertainty if b.clock else None),
    ),
    MonitorFamily(
        "egress_gateway_latency_seconds",
        G,
        "The median of a gateway's last round-trip times.",
        _gateway_latencies,
        ("gateway",),
    ),
    MonitorFamily(
        "egress_gateway_preferred",
        G,
        "Whether a runner would pick the gateway: the nearest one that answers.",
        _preferred_gateways,
        ("gateway",),
    ),
    MonitorFamily(
        "egress_redundant_group_state",
        G,
        "1 for the state that the redundant group is in, 0 for the others: degraded while one "
        "alternative at least works.",
        _redundant_groups,
        ("redundant_group", "state"),
    ),
    MonitorFamily("egress_targets", G, "Targets by group and state.", _targets, ("group", "state")),
    MonitorFamily(
        "egress_no_proxy_missing",
        G,
        "1 for each entry that a runner's NO_PROXY needs and lacks, 0 for those it has; absent "
        "without a proxy.",
        _no_proxy,
        ("entry",),
    ),
    MonitorFamily(
        "egress_discovery_success",
        G,
        "Whether the last run of a discovery chain came to its end.",
        _chains,
        ("chain",),
    ),
    MonitorFamily(
        "egress_discovery_last_success_timestamp_seconds",
        G,
        "When a discovery chain last came to its end, in Unix time.",
        _chains_reached,
        ("chain",),
    ),
    MonitorFamily(
        "egress_discovery_failure_info",
        G,
        "1 while a discovery chain is broken, with the step and its cause.",
        _chains_broken,
        ("chain", "step", "cause"),
    ),
    MonitorFamily(
        "egress_unlisted_redirect_hosts",
        G,
        "Hosts that endpoints redirect to and that no row covers.",
        lambda b: _one(float(len(b.unlisted))),
    ),
    MonitorFamily(
        "egress_probes_in_flight",
        G,
        "Probes going on, those waiting for a place among them.",
        lambda b: _one(float(b.vitals.in_flight)),
    ),
    MonitorFamily(
        "egress_last_completed_timestamp_seconds",
        G,
        "When a probe was last finished, in Unix time.",
        lambda b: _one(b.vitals.last_completed_at or None),
    ),
    MonitorFamily(
        "egress_config_last_reload_successful",
        G,
        "Whether the last reload of the configuration worked.",
        lambda b: _one(float(b.vitals.last_reload_ok)),
    ),
    MonitorFamily(
        "egress_config_last_reload_success_timestamp_seconds",
        G,
        "When the configuration in force was read, in Unix time.",
        lambda b: _one(b.vitals.last_reload_success_at or None),
    ),
    MonitorFamily(
        "egress_trust_last_reload_successful",
        G,
        "Whether the files of trusted CAs could be used when they last changed.",
        lambda b: _one(float(b.vitals.trust_ok)),
    ),
    MonitorFamily(
        "egress_config_reloads",
        N,
        "Reloads of the configuration that were asked for.",
        lambda b: _one(float(b.vitals.reloads)),
    ),
    MonitorFamily(
        "egress_config_reload_failures",
        N,
        "Reloads that kept the old configuration because the new one was wrong.",
        lambda b: _one(float(b.vitals.reload_failures)),
    ),
    MonitorFamily(
        "egress_mqtt_connected",
        G,
        "Whether the MQTT broker is connected.",
        _of_mqtt(lambda mqtt: mqtt.connected),
    ),
    MonitorFamily(
        "egress_mqtt_connections",
        N,
        "Connections that the MQTT broker accepted: all but one are reconnects.",
        _of_mqtt(lambda mqtt: mqtt.sessions),
    ),
    MonitorFamily(
        "egress_mqtt_client_id_conflicts",
        N,
        "Connections lost because another client came with the same id, or as if so.",
        _of_mqtt(lambda mqtt: mqtt.conflicts),
    ),
    MonitorFamily(
        "egress_mqtt_published",
        N,
        "Messages that the MQTT broker took.",
        _of_mqtt(lambda mqtt: mqtt.published),
    ),
    MonitorFamily(
        "egress_mqtt_events_pending",
        G,
        "Events that the MQTT broker has still to take.",
        _of_mqtt(lambda mqtt: mqtt.pending),
    ),
    MonitorFamily(
        "egress_mqtt_events_dropped",
        N,
        "Events that were not published, by reason.",
        _mqtt_dropped,
        ("reason",),
    ),
)

MONITOR_HISTOGRAMS: tuple[MonitorHistogram, ...] = (
    MonitorHistogram(
        "egress_loop_lag_seconds",
        "How late the event loop ran, measured ten times a second.",
        lambda b: b.vitals.loop_lag,
    ),
    MonitorHistogram(
        "egress_schedule_lateness_seconds",
        "How long after its time a probe was started.",
        lambda b: b.vitals.lateness,
    ),
)


def _lost(vitals: WriteVitals) -> float:
    return float(vitals.dropped[DropReason.REFUSED] + vitals.dropped[DropReason.UNWRITTEN])


WRITE_REQUESTS = "egress_remote_write_request_duration_seconds"
WRITE_FAMILIES: tuple[WriteFamily, ...] = (
    WriteFamily(
        "egress_remote_write_samples_pending",
        G,
        "Samples in the queue that the receiver has not accepted yet.",
        lambda w: _one(float(w.pending)),
    ),
    WriteFamily(
        "egress_remote_write_samples_queued",
        N,
        "Samples that were put into the queue.",
        lambda w: _one(float(w.queued)),
    ),
    WriteFamily(
        "egress_remote_write_samples",
        N,
        "Samples that the receiver accepted.",
        lambda w: _one(float(w.sent)),
    ),
    WriteFamily(
        "egress_remote_write_samples_retried",
        N,
        "Samples that were sent again because a request failed.",
        lambda w: _one(float(w.retried)),
    ),
    WriteFamily(
        "egress_remote_write_samples_failed",
        N,
        "Samples that the receiver refused for good.",
        lambda w: _one(_lost(w)),
    ),
    WriteFamily(
        "egress_remote_write_samples_dropped",
        N,
        "Samples that never reached the receiver, by reason.",
        lambda w: [((reason.value,), float(count)) for reason, count in w.dropped.items()],
        ("reason",),
    ),
    WriteFamily(
        "egress_remote_write_requests_failed",
        N,
        "Requests that failed, by how.",
        lambda w: [((failure.value,), float(count)) for failure, count in w.failures.items()],
        ("failure",),
    ),
    WriteFamily(
        "egress_remote_write_corrupt_records",
        N,
        "Damaged places in the queue that were skipped.",
        lambda w: _one(float(w.corrupt_records)),
    ),
    WriteFamily(
        "egress_remote_write_queue_bytes",
        G,
        "What the queue takes on disk, or in memory where there is none.",
        lambda w: _one(float(w.queue_bytes)),
    ),
    WriteFamily(
        "egress_remote_write_queue_on_disk",
        G,
        "Whether the queue is on disk; 0: what waits in it is lost with this process.",
        lambda w: _one(float(w.on_disk)),
    ),
    WriteFamily(
        "egress_remote_write_oldest_pending_timestamp_seconds",
        G,
        "When the oldest sample was measured that waits, in Unix time; absent when none does.",
        lambda w: _one(w.oldest_pending_at or None),
    ),
    WriteFamily(
        "egress_remote_write_highest_sent_timestamp_seconds",
        G,
        "When the newest sample was measured that the receiver accepted, in Unix time.",
        lambda w: _one(w.newest_sent_at or None),
    ),
    WriteFamily(
        "egress_remote_write_protocol_info",
        G,
        "The version of Remote-Write that is spoken: always 1.",
        lambda w: [((w.version,), 1.0)] if w.version else [],
        ("version",),
    ),
)
