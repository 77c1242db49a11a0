"""Metric families of each target: the last probe and counters."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

from monitor.diagnosis.network_path import network_path
from monitor.diagnosis.proxy_path import proxy_paths_of
from monitor.export.metrics.family import HistogramFamily, Kind, Sample, TargetFamily, one
from monitor.health.status import TargetStatus
from monitor.model.causes import Cause
from monitor.model.probe_result import Connection, Family, Phase, ProbeResult
from monitor.model.state import State
from monitor.model.target import Addresses


def _of_probe_result(
    take: Callable[[ProbeResult], float | None],
) -> Callable[[TargetStatus], Iterable[Sample]]:
    return lambda status: one(take(status.probe_result)) if status.probe_result else ()


def _of_primary(
    take: Callable[[Connection], float | None],
) -> Callable[[TargetStatus], Iterable[Sample]]:
    def samples(status: TargetStatus) -> Iterable[Sample]:
        primary = status.probe_result.primary if status.probe_result else None
        return one(take(primary)) if primary else ()

    return samples


def _info(status: TargetStatus) -> Iterable[Sample]:
    endpoint = status.target.endpoint
    values = (
        endpoint.host,
        str(endpoint.port),
        endpoint.protocol.value,
        str(endpoint.required).lower(),
        endpoint.wildcard or "",
        endpoint.redundancy_group.partition("/")[0],
    )
    yield values, 1.0


def _wildcard(status: TargetStatus) -> Iterable[Sample]:
    wildcard_sample = status.target.wildcard_sample
    return (
        [((wildcard_sample.host, wildcard_sample.found_by.value), 1.0)] if wildcard_sample else []
    )


def _states(status: TargetStatus) -> Iterable[Sample]:
    return [((state.value,), float(status.health.state is state)) for state in State]


def _ip_address_hash(connection: Connection) -> float | None:
    """Return the 32-bit FNV-1a hash of the address, as blackbox_exporter does: it shows that an
    address changed without an unbounded label."""
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


def _http_phases(status: TargetStatus) -> Iterable[Sample]:
    if status.probe_result is None or status.target.endpoint.prober != "http":
        return []
    phases = status.probe_result.phases
    return [((name,), phases.get(phase, 0.0)) for phase, name in _BLACKBOX_PHASES.items()]


def _phases(status: TargetStatus) -> Iterable[Sample]:
    phases = status.probe_result.phases if status.probe_result else {}
    return [((phase.value,), seconds) for phase, seconds in phases.items()]


def _family_results(status: TargetStatus) -> Iterable[Sample]:
    connections = status.probe_result.connections if status.probe_result else ()
    for family in Family:
        results = [c.failure is None for c in connections if c.family is family]
        if results:
            yield (family.value,), float(any(results))


def _addresses(failed: bool) -> Callable[[TargetStatus], Iterable[Sample]]:
    def samples(status: TargetStatus) -> Iterable[Sample]:
        probe_result = status.probe_result
        every = status.target.addresses is Addresses.ALL
        shown = probe_result is not None and (every or (probe_result.ok and probe_result.failed))
        connections = probe_result.connections if probe_result and shown else ()
        for family in Family:
            mine = [c for c in connections if c.family is family]
            if mine:
                counted = [c for c in mine if c.failure is not None] if failed else mine
                yield (family.value,), float(len(counted))

    return samples


def _tls_version(status: TargetStatus) -> Iterable[Sample]:
    primary = status.probe_result.primary if status.probe_result else None
    if primary and primary.tls and primary.tls.version in _TLS_VERSIONS:
        yield (_TLS_VERSIONS[primary.tls.version],), 1.0


_TLS_VERSIONS = {
    "TLSv1": "TLS 1.0",
    "TLSv1.1": "TLS 1.1",
    "TLSv1.2": "TLS 1.2",
    "TLSv1.3": "TLS 1.3",
}


def _tls_cipher(status: TargetStatus) -> Iterable[Sample]:
    primary = status.probe_result.primary if status.probe_result else None
    if primary and primary.tls and primary.tls.cipher:
        yield (primary.tls.cipher,), 1.0


def _earliest_expiry(connection: Connection) -> float | None:
    chain = connection.tls.chain if connection.tls else ()
    return min((certificate.not_after for certificate in chain), default=None)


def _proxy_path_results(status: TargetStatus) -> Iterable[Sample]:
    return [
        ((proxy_path.value,), float(a.ok))
        for proxy_path, a in proxy_paths_of(status.probe_result).items()
    ]


def _proxy_path_durations(status: TargetStatus) -> Iterable[Sample]:
    return [
        ((proxy_path.value,), a.duration)
        for proxy_path, a in proxy_paths_of(status.probe_result).items()
    ]


def _network_path(status: TargetStatus) -> Iterable[Sample]:
    path = network_path(status.target, status.probe_result)
    return [((path.value,), 1.0)] if path else []


def _failure_info(status: TargetStatus) -> Iterable[Sample]:
    cause = status.diagnosis.cause if status.diagnosis else None
    return [((cause.value,), 1.0)] if cause else []


def _failures(status: TargetStatus) -> Iterable[Sample]:
    return [((cause.value,), float(count)) for cause, count in status.failures.items()]


def _http_status(status: TargetStatus) -> Iterable[Sample]:
    if status.probe_result is None:
        return ()
    primary = status.probe_result.primary
    if primary is not None and primary.http is not None:
        return one(float(primary.http.status))
    return one(0.0 if status.target.endpoint.prober == "http" else None)


def _dns_lookups(status: TargetStatus) -> Iterable[Sample]:
    """Return the slowest answer per name server. The servers are configured ones."""
    resolution = status.probe_result.resolution if status.probe_result else None
    slowest: dict[str, float] = {}
    for answer in resolution.answers if resolution else ():
        if answer.rcode is not None:
            slowest[answer.server] = max(answer.seconds, slowest.get(answer.server, 0.0))
    return [((server,), seconds) for server, seconds in slowest.items()]


def _verified(connection: Connection) -> float | None:
    verified = connection.tls.verified if connection.tls else None
    return None if verified is None else float(verified)


def _intercepted(status: TargetStatus) -> Iterable[Sample]:
    primary = status.probe_result.primary if status.probe_result else None
    if primary is None or primary.tls is None or status.diagnosis is None:
        return ()
    refused = status.diagnosis.cause is Cause.TLS_INTERCEPTED
    return one(float(refused or "inspected_by" in status.diagnosis.evidence))


def _certificate_hash(connection: Connection) -> float | None:
    """Return the first 32 bits of the leaf's SHA-256, instead of an unbounded label."""
    chain = connection.tls.chain if connection.tls else ()
    return float(int(chain[0].sha256[:8], 16)) if chain else None


def _key_hash(connection: Connection) -> float | None:
    """Return the first 32 bits of the SHA-256 of the leaf's public key."""
    leaf = connection.tls.chain[0] if connection.tls and connection.tls.chain else None
    return float(int(leaf.spki_sha256[:8], 16)) if leaf and leaf.spki_sha256 else None


def _http_version(connection: Connection) -> float | None:
    versions = {"1.0": 1.0, "1.1": 1.1, "2.0": 2.0}
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
        "Attributes of a target: always 1, joined on `target`.",
        _info,
        ("host", "port", "protocol", "required", "wildcard", "redundant_group"),
    ),
    TargetFamily(
        "egress_wildcard_info",
        G,
        "The sample of a wildcard and its origin: always 1.",
        _wildcard,
        ("host", "found_by"),
    ),
    TargetFamily(
        "egress_wildcard_found_timestamp_seconds",
        G,
        "Time at which discovery found the sample of a wildcard, in Unix seconds.",
        lambda r: one(r.target.wildcard_sample.found_at if r.target.wildcard_sample else None),
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
        "Whether the target flaps: it changes state too often to be reported as up.",
        lambda r: one(float(r.health.flapping) if r.probes else None),
    ),
    TargetFamily(
        "egress_latency_baseline_seconds",
        G,
        "Usual duration of all phases of a probe: the baseline of the cause slow.",
        lambda r: one(r.quality.whole.usual),
    ),
    TargetFamily(
        "egress_rtt_baseline_seconds",
        G,
        "Usual round-trip time to the target: the baseline of the cause slow.",
        lambda r: one(r.quality.path.usual),
    ),
    TargetFamily(
        "egress_probes_with_packet_loss",
        G,
        "Number of the last 20 answers of the target with packet loss.",
        lambda r: one(float(r.quality.lost.bit_count()) if r.probes else None),
    ),
    TargetFamily(
        "probe_success",
        G,
        "Whether the last probe reached the endpoint.",
        _of_probe_result(lambda a: float(a.ok)),
    ),
    TargetFamily(
        "probe_duration_seconds",
        G,
        "Duration of the last probe.",
        _of_probe_result(lambda a: a.duration),
    ),
    TargetFamily(
        "probe_dns_lookup_time_seconds",
        G,
        "Duration of the name resolution of the last probe.",
        _of_probe_result(lambda a: a.phases.get(Phase.RESOLVE)),
    ),
    TargetFamily(
        "probe_ip_protocol",
        G,
        "IP version (4 or 6) of the last probe.",
        _of_primary(lambda c: 6.0 if c.family is Family.IPV6 else 4.0),
    ),
    TargetFamily(
        "probe_ip_addr_hash",
        G,
        "Hash of the probed address: it shows that the address changed.",
        _of_primary(_ip_address_hash),
    ),
    TargetFamily(
        "probe_http_status_code",
        G,
        "Status of the last HTTP response; 0 without a response.",
        _http_status,
    ),
    TargetFamily(
        "probe_http_version",
        G,
        "HTTP version of the last response.",
        _of_primary(_http_version),
    ),
    TargetFamily(
        "probe_http_content_length",
        G,
        "Content-Length of the last HTTP response in bytes; -1 without the header.",
        _of_primary(_content_length),
    ),
    TargetFamily(
        "probe_http_ssl",
        G,
        "Whether TLS was used for the last HTTP response.",
        _of_primary(lambda c: float(c.tls is not None) if c.http else None),
    ),
    TargetFamily(
        "probe_http_duration_seconds",
        G,
        "Duration of each phase of the last HTTP probe.",
        _http_phases,
        ("phase",),
    ),
    TargetFamily(
        "probe_ssl_earliest_cert_expiry",
        G,
        "The earliest expiry among all certificates that the server sent, those included that no "
        "verification needs, in Unix time.",
        _of_primary(_earliest_expiry),
    ),
    TargetFamily(
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        G,
        "Time at which the first certificate of the verified chain expires, in Unix seconds.",
        _of_primary(lambda c: c.tls.verified_expiry if c.tls else None),
    ),
    TargetFamily(
        "probe_tls_version_info",
        G,
        "TLS version of the last probe: always 1.",
        _tls_version,
        ("version",),
    ),
    TargetFamily(
        "probe_tls_cipher_info",
        G,
        "Cipher suite of the last probe: always 1.",
        _tls_cipher,
        ("cipher",),
    ),
    TargetFamily(
        "egress_tls_key_hash",
        G,
        "Hash of the certificate's public key: it shows that the key changed.",
        _of_primary(_key_hash),
    ),
    TargetFamily(
        "egress_tls_intercepted",
        G,
        "Whether a middlebox intercepts TLS, with a CA that this host trusts or not.",
        _intercepted,
    ),
    TargetFamily(
        "egress_tls_verified",
        G,
        "Whether the chain of the last probe was trusted; absent if it was not verified.",
        _of_primary(_verified),
    ),
    TargetFamily(
        "egress_tls_certificate_hash",
        G,
        "First 32 bits of the certificate's SHA-256: they show that it changed.",
        _of_primary(_certificate_hash),
    ),
    TargetFamily(
        "egress_path_success",
        G,
        "Whether the last probe reached the endpoint by each way that it tried: through a proxy, "
        "directly. Absent where no proxy is in it.",
        _proxy_path_results,
        ("proxy_path",),
    ),
    TargetFamily(
        "egress_path_duration_seconds",
        G,
        "Duration of the last probe by proxy path.",
        _proxy_path_durations,
        ("proxy_path",),
    ),
    TargetFamily(
        "egress_network_path_info",
        G,
        "Network path to an AWS API, by the address that answered: always 1.",
        _network_path,
        ("network_path",),
    ),
    TargetFamily(
        "egress_probe_failure_info",
        G,
        "1 while the last probe failed or was degraded, or the target flaps, with its cause.",
        _failure_info,
        ("cause",),
    ),
    TargetFamily(
        "egress_probe_failures",
        N,
        "Probes that failed or were degraded, by cause.",
        _failures,
        ("cause",),
    ),
    TargetFamily("egress_probes", N, "Probes made.", lambda r: one(float(r.probes))),
    TargetFamily(
        "egress_probes_skipped",
        N,
        "Scheduled probes skipped because the previous one was still in progress.",
        lambda r: one(float(r.skipped)),
    ),
    TargetFamily(
        "egress_target_state_since_timestamp_seconds",
        G,
        "Time at which the target entered its state, in Unix seconds.",
        lambda r: one(r.health.since or None),
    ),
    TargetFamily(
        "egress_last_probe_timestamp_seconds",
        G,
        "Time at which the last probe started, in Unix seconds.",
        _of_probe_result(lambda a: a.started_at),
    ),
    TargetFamily(
        "egress_phase_duration_seconds",
        G,
        "Duration of each phase of the last probe.",
        _phases,
        ("phase",),
    ),
    TargetFamily(
        "egress_tcp_rtt_seconds",
        G,
        "Smoothed round-trip time of the last probe's connection, by the kernel.",
        _of_primary(lambda c: c.tcp.rtt or None if c.tcp else None),
    ),
    TargetFamily(
        "egress_tcp_retransmits",
        G,
        "Segments retransmitted on the last probe's connection.",
        _of_primary(lambda c: float(c.tcp.retransmits) if c.tcp else None),
    ),
    TargetFamily(
        "egress_tcp_path_mtu_bytes",
        G,
        "Path MTU of the last probe's connection, by the kernel.",
        _of_primary(lambda c: float(c.tcp.path_mtu) if c.tcp else None),
    ),
    TargetFamily(
        "egress_udp_rtt_seconds",
        G,
        "Round-trip time of the last probe's datagram, by the kernel's receive timestamp.",
        _of_primary(lambda c: c.rtt if c.tcp is None else None),
    ),
    TargetFamily(
        "egress_udp_resends",
        G,
        "Datagrams that the last probe sent again because there was no reply.",
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
        "Addresses dialed in the last probe, with addresses = 'all' or if one of them failed.",
        _addresses(failed=False),
        ("family",),
    ),
    TargetFamily(
        "egress_addresses_failed",
        G,
        "Addresses that failed in the last probe, next to one that works unless all are dialed.",
        _addresses(failed=True),
        ("family",),
    ),
    TargetFamily(
        "egress_dns_lookup_duration_seconds",
        G,
        "Slowest answer per name server to the queries of the last probe.",
        _dns_lookups,
        ("server",),
    ),
    TargetFamily(
        "egress_clock_offset_seconds",
        G,
        "The endpoint's clock minus this host's.",
        _of_probe_result(lambda a: a.clock_offset),
    ),
    TargetFamily(
        "egress_probe_loop_lag_seconds",
        G,
        "Event-loop lag during the last probe: the error of its phases.",
        _of_probe_result(lambda a: a.loop_lag),
    ),
)
FOR_EVERY_TARGET = frozenset({"egress_target_info", "egress_target_state"})

HISTOGRAM_FAMILIES: tuple[HistogramFamily, ...] = (
    HistogramFamily(
        "egress_probe_duration_seconds", "How long probes took.", lambda status: status.durations
    ),
)
