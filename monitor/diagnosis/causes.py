"""From what was seen in one probe to exactly one cause: a table of rules, read in order."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from monitor.diagnosis.evidence import clean, evidence_of, failed_connection
from monitor.diagnosis.http_rules import (
    Response,
    redirect_cause,
    response_of,
    status_cause,
    unproven_cause,
)
from monitor.diagnosis.lookups import lookup_used_the_time, unanswered
from monitor.diagnosis.proxy_path import hypothesis
from monitor.diagnosis.texts import explain
from monitor.diagnosis.tls_rules import alert_cause, inspector, verify_cause
from monitor.model.causes import Cause, CauseClass
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Protocol, Source
from monitor.model.probe_result import (
    Connection,
    Failure,
    FailureKind,
    HttpFacts,
    Phase,
    ProbeResult,
)
from monitor.model.target import Target
from monitor.net.sockets.address_selection import is_link_local_v6

C = Cause
K = FailureKind

CLOCK_TOLERANCE = 5.0
"""Seconds by which clocks may differ: AWS refuses signatures at 300, but 5 is never right."""

INSPECTED_BY = "inspected_by"
"""Name of the evidence that holds the trusted CA which intercepts TLS on the path."""


@dataclass(frozen=True, slots=True)
class Case:
    """Input of a rule: the failure, and the connection that it occurred on."""

    target: Target
    probe_result: ProbeResult
    failure: Failure
    connection: Connection | None

    @property
    def http(self) -> HttpFacts | None:
        return self.connection.http if self.connection else None

    @property
    def to_name_server(self) -> bool:
        """Whether the failing exchange was one with a name server: a lookup, or its probe."""
        if self.failure.phase is Phase.RESOLVE:
            return True
        exchange = self.failure.phase is Phase.EXCHANGE
        return exchange and self.target.endpoint.protocol is Protocol.DNS

    @property
    def response(self) -> Response | None:
        return response_of(self.target, self.probe_result, self.connection)

    @property
    def to_proxy(self) -> bool:
        """Whether the failure occurred on the way to the proxy itself."""
        return self.probe_result.proxy is not None and self.failure.phase in {
            Phase.RESOLVE,
            Phase.CONNECT,
        }


Rule = tuple[Callable[[Case], bool], Cause | Callable[[Case], Cause]]


def diagnose(target: Target, probe_result: ProbeResult) -> Diagnosis:
    """Return the diagnosis of a probe result; without a cause if nothing is wrong.

    Pure and total: every probe result has a diagnosis.
    """
    cause = _cause(target, probe_result)
    evidence = evidence_of(probe_result)
    inspector = _trusted_inspector(target, probe_result)
    if inspector:
        evidence = {**evidence, INSPECTED_BY: clean(inspector)}
    alternate_cause = _cause(target, probe_result.alternate) if probe_result.alternate else None
    if cause is None:
        return Diagnosis(None, evidence=evidence, alternate_cause=alternate_cause)
    detail, remediation = explain(cause, target, probe_result)
    alternate, other_remediation = hypothesis(probe_result)
    return Diagnosis(
        cause,
        f"{detail}{_behind_proxy(cause, probe_result)} {alternate}".rstrip(),
        f"{remediation} {other_remediation}".rstrip(),
        evidence,
        alternate_cause,
    )


def _cause(target: Target, probe_result: ProbeResult) -> Cause | None:
    failure = probe_result.failure
    if failure is None:
        return _degraded_cause(target, probe_result)
    case = Case(target, probe_result, failure, failed_connection(probe_result))
    return next(
        (cause(case) if callable(cause) else cause for applies, cause in _RULES if applies(case)),
        C.INTERNAL_ERROR,
    )


def _behind_proxy(cause: Cause, probe_result: ProbeResult) -> str:
    """Return the sentence that keeps the proxy in the picture after CONNECT; "" if it is named
    already, or was not passed."""
    failure, proxy = probe_result.failure, probe_result.proxy
    if not proxy or failure is None or cause.record.cause_class is CauseClass.PROXY:
        return ""
    passed = failure.phase in {Phase.TLS, Phase.FIRST_BYTE, Phase.TRANSFER}
    return f" This was seen through the proxy {proxy}, at it or behind it." if passed else ""


def _degraded_cause(target: Target, probe_result: ProbeResult) -> Cause | None:
    """Return what is wrong although the endpoint was reached; None if nothing is."""
    offset = probe_result.clock_offset
    if offset is not None and abs(offset) > CLOCK_TOLERANCE:
        return C.CLOCK_SKEW
    if probe_result.failed:
        return C.ADDRESS_FAILED
    if unanswered(probe_result.resolution):
        return C.DNS_PARTIAL
    return redirect_cause(response_of(target, probe_result, probe_result.primary))


def _errno_cause(case: Case) -> Cause:
    """Return what an error of the kernel means: by phase, origin and number.

    An error that an ICMP message caused came from the network. Without one the kernel of this
    host decided by itself, unless the number is that of an answer (a reset, a timeout).
    """
    failure, number = case.failure, case.failure.errno or 0
    if number in LOCAL_ERRNOS:
        return LOCAL_ERRNOS[number]
    if case.to_name_server:
        return C.DNS_TIMEOUT if number == errno.ETIMEDOUT else C.DNS_UNREACHABLE
    if number in _HOST_ERRNOS and failure.icmp is None:
        return _host_cause(case, number)
    return _network_cause(case, number)


def _network_cause(case: Case, number: int) -> Cause:
    """Return the cause of an error that may have come from the network."""
    failure = case.failure
    if failure.icmp is not None and failure.icmp in _PROHIBITED:
        return C.ADMIN_PROHIBITED
    if case.to_proxy:
        return C.PROXY_UNREACHABLE
    if number == errno.ECONNREFUSED and failure.phase is Phase.EXCHANGE:
        return C.UDP_PORT_UNREACHABLE
    if number in _BROKEN_ERRNOS:
        return _BROKEN.get(failure.phase, C.TCP_RESET)
    # An ICMP error of another kind comes from a router all the same, not from this host.
    other = C.LOCAL_ERROR if failure.icmp is None else C.HOST_UNREACHABLE
    return _ROUTE_ERRNOS.get(number, other)


LOCAL_ERRNOS: Mapping[int, Cause] = MappingProxyType(
    {
        errno.EADDRNOTAVAIL: C.LOCAL_PORT_EXHAUSTED,
        errno.EAGAIN: C.LOCAL_PORT_EXHAUSTED,
        errno.EMFILE: C.LOCAL_RESOURCE_EXHAUSTED,
        errno.ENFILE: C.LOCAL_RESOURCE_EXHAUSTED,
        errno.ENOBUFS: C.LOCAL_RESOURCE_EXHAUSTED,
        errno.ENOMEM: C.LOCAL_RESOURCE_EXHAUSTED,
    }
)
"""Errors of a host that has no means left, whatever it wants to reach. EADDRNOTAVAIL is one if
the host has an address of the family; else the failure is NO_SOURCE."""

_HOST_ERRNOS = frozenset({errno.EINVAL, errno.EACCES, errno.EPERM, errno.ENODEV})


def _host_cause(case: Case, number: int) -> Cause:
    """Return the cause of an error that the kernel gives before anything is sent: EINVAL for a
    blackhole route or a link-local address without a zone, EACCES for a prohibit route
    (ip-route(8)), EPERM for a packet filter on this host."""
    address = case.connection.address if case.connection else ""
    if number == errno.EPERM:
        return C.LOCAL_FIREWALL
    if number == errno.EACCES:
        return C.LOCAL_ROUTE_DISCARDS
    if is_link_local_v6(address):
        return C.PROXY_UNREACHABLE if case.to_proxy else C.ADDRESS_NEEDS_ZONE
    return C.LOCAL_ROUTE_DISCARDS if number == errno.EINVAL else C.LOCAL_ERROR


_ROUTE_ERRNOS: Mapping[int, Cause] = MappingProxyType(
    {
        errno.ENETUNREACH: C.NETWORK_UNREACHABLE,
        errno.ENETDOWN: C.NETWORK_UNREACHABLE,
        errno.EHOSTUNREACH: C.HOST_UNREACHABLE,
        errno.EHOSTDOWN: C.HOST_UNREACHABLE,
        errno.EACCES: C.ADMIN_PROHIBITED,
        errno.EPERM: C.ADMIN_PROHIBITED,
        errno.ECONNREFUSED: C.TCP_REFUSED,
        errno.ETIMEDOUT: C.TCP_TIMEOUT,
    }
)
_BROKEN_ERRNOS = frozenset(
    {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN, errno.EPROTO}
)
"""Errors by which the kernel reports that a peer ended the connection."""

_PROHIBITED = frozenset({(3, 9), (3, 10), (3, 13), (1, 1)})
"""ICMP (type, code) of administrative prohibition: RFC 1122 3.2.2.1, RFC 1812 5.2.7.1, and
ICMPv6's (RFC 4443 3.1)."""

_BROKEN: Mapping[Phase, Cause] = MappingProxyType(
    {
        Phase.TLS: C.TLS_RESET_ON_HELLO,
        Phase.PROXY: C.PROXY_UPSTREAM_FAILED,
        Phase.RESOLVE: C.DNS_UNREACHABLE,
        Phase.EXCHANGE: C.UDP_NO_REPLY,
    }
)
"""The meaning of a connection that is reset or closed by phase; elsewhere tcp_reset."""

_TIMEOUTS: Mapping[Phase, Cause] = MappingProxyType(
    {
        Phase.RESOLVE: C.DNS_TIMEOUT,
        Phase.CONNECT: C.TCP_TIMEOUT,
        Phase.PROXY: C.PROXY_UPSTREAM_FAILED,
        Phase.TLS: C.TLS_TIMEOUT_ON_HELLO,
        Phase.FIRST_BYTE: C.HTTP_TIMEOUT,
        Phase.TRANSFER: C.HTTP_TIMEOUT,
        Phase.TOKEN: C.HTTP_TIMEOUT,
        Phase.IDENTITY: C.HTTP_TIMEOUT,
        Phase.EXCHANGE: C.UDP_NO_REPLY,
        Phase.CREDENTIALS: C.AWS_NO_CREDENTIALS,
    }
)


def _timeout_cause(case: Case) -> Cause:
    """Return the cause of a timeout: that of the phase which used the time, not of the last."""
    if case.to_name_server:
        return C.DNS_TIMEOUT
    if case.failure.phase is not Phase.RESOLVE and lookup_used_the_time(
        case.connection, case.target.timeout
    ):
        return C.DNS_SLOW
    if case.to_proxy:
        return C.PROXY_UNREACHABLE
    return _TIMEOUTS[case.failure.phase]


def _rcode_cause(case: Case) -> Cause:
    rcodes = {"NXDOMAIN": C.DNS_NXDOMAIN, "REFUSED": C.DNS_REFUSED}
    return rcodes.get(case.failure.code or "", C.DNS_SERVFAIL)


def _verify_cause(case: Case) -> Cause:
    return verify_cause(
        case.target.host, case.failure, case.connection, case.probe_result.started_at
    )


def _trusted_inspector(target: Target, probe_result: ProbeResult) -> str:
    """Return the CA that intercepts TLS to the target and that this host trusts; "" for none.
    That is legitimate: a fact, not a fault.

    A CA that was added to this host vouches for hosts of its own organization, which are in the
    configuration, but not for the public services of the catalog.
    """
    connection = probe_result.primary if probe_result.ok else None
    if by_name := inspector(connection):
        return by_name
    tls = connection.tls if connection else None
    added = tls is not None and tls.anchor_public is False
    public_service = target.endpoint.source is not Source.CONFIG
    return (tls.anchor or "a CA of this host") if tls and added and public_service else ""


def _is_tunnel_break(case: Case) -> bool:
    """Whether the tunnel of a proxy broke before TLS stood in it: at the proxy, or behind it."""
    failure = case.failure
    if case.probe_result.proxy is None or failure.phase is not Phase.TLS:
        return False
    broken = failure.kind is K.OS_ERROR and failure.errno in _BROKEN_ERRNOS | {errno.ETIMEDOUT}
    return broken or failure.kind in {K.TIMEOUT, K.CLOSED}


def _proxy_cause(case: Case) -> Cause:
    status = (case.failure.code or "").partition(" ")[0]
    if status in {"401", "407"}:  # tinyproxy answers 401 to a wrong login
        return C.PROXY_AUTH_REQUIRED
    return C.PROXY_UPSTREAM_FAILED if status.startswith("5") else C.PROXY_DENIED


def _status_cause(case: Case) -> Cause:
    if case.failure.code == "407":
        return C.PROXY_AUTH_REQUIRED
    return status_cause(case.response)


def _unproven_cause(case: Case) -> Cause:
    return unproven_cause(case.response)


def _closed_cause(case: Case) -> Cause:
    if case.to_proxy:
        return C.PROXY_UNREACHABLE
    if case.failure.phase in {Phase.FIRST_BYTE, Phase.TRANSFER, Phase.TOKEN, Phase.IDENTITY}:
        return C.HTTP_PROTOCOL
    return _BROKEN.get(case.failure.phase, C.TCP_RESET)


_DNS_KINDS = frozenset(
    {
        K.DNS_RCODE,
        K.DNS_NODATA,
        K.DNS_SINKHOLE,
        K.DNS_FORMAT,
        K.DNS_ALIAS,
        K.HOSTS_SINKHOLE,
        K.NO_FAMILY,
    }
)


def _is_of_the_proxy(case: Case) -> bool:
    """Whether the proxy has no address or does not answer as a proxy; nothing is known of the
    target then."""
    failure = case.failure
    if case.to_proxy and failure.kind in _DNS_KINDS:
        return True
    rubbish = failure.kind is K.HTTP_FORMAT and failure.phase is Phase.PROXY
    return rubbish or failure.kind is K.PROXY_TLS


def _ntp_cause(case: Case) -> Cause:
    unsynchronized = case.failure.code == "UNSYNCHRONIZED"
    return C.NTP_UNSYNCHRONIZED if unsynchronized else C.NTP_REFUSED


def _metadata_cause(case: Case) -> Cause:
    """By the statuses that the EC2 user guide documents ("Use the Instance Metadata Service",
    query throttling and error codes); any other one is not an answer of instance metadata."""
    statuses = {
        "400": C.IMDS_REJECTED,
        "401": C.IMDS_REJECTED,
        "429": C.IMDS_THROTTLED,
        "503": C.IMDS_THROTTLED,
    }
    code = case.failure.code or ""
    failed = code.startswith("5") and code != _NETWORK_LOGIN
    return statuses.get(code, C.IMDS_REJECTED if failed else C.IMDS_FOREIGN)


_NETWORK_LOGIN = "511"


def _kind(*kinds: FailureKind) -> Callable[[Case], bool]:
    wanted = frozenset(kinds)
    return lambda case: case.failure.kind in wanted


_RULES: tuple[Rule, ...] = (
    (_kind(K.INTERNAL), C.INTERNAL_ERROR),
    (_is_of_the_proxy, C.PROXY_UNREACHABLE),
    (_is_tunnel_break, C.PROXY_TUNNEL_FAILED),
    (_kind(K.TIMEOUT), _timeout_cause),
    (_kind(K.OS_ERROR), _errno_cause),
    (_kind(K.CLOSED), _closed_cause),
    (_kind(K.DNS_RCODE), _rcode_cause),
    (_kind(K.DNS_NODATA), C.DNS_NODATA),
    (_kind(K.DNS_SINKHOLE), C.DNS_SINKHOLED),
    (_kind(K.DNS_FORMAT), C.DNS_SERVFAIL),
    (_kind(K.DNS_ALIAS), C.DNS_ALIAS_BROKEN),
    (_kind(K.DNS_LAME), C.DNS_LAME),
    (_kind(K.DNS_EDNS), C.DNS_EDNS_REFUSED),
    (_kind(K.HOSTS_SINKHOLE), C.HOSTS_FILE_SINKHOLED),
    (_kind(K.NO_FAMILY), C.NO_ADDRESS_OF_FAMILY),
    (_kind(K.NO_SOURCE), C.LOCAL_ADDRESS_MISSING),
    (_kind(K.NTP_REFUSED), _ntp_cause),
    (_kind(K.TLS_VERIFY), _verify_cause),
    (_kind(K.TLS_REJECTED_BY_GO), C.TLS_REJECTED_BY_GO),
    (_kind(K.TLS_CLIENT_CERTIFICATE), C.TLS_CLIENT_CERTIFICATE_REQUIRED),
    (_kind(K.TLS_ALERT), lambda case: alert_cause(case.failure)),
    (_kind(K.TLS_LARGE_HELLO), C.TLS_LARGE_CLIENT_HELLO),
    (_kind(K.TLS_PLAINTEXT), C.TLS_NOT_SPOKEN),
    (_kind(K.TLS_PROTOCOL), C.TLS_PROTOCOL),
    (_kind(K.PROXY_STATUS), _proxy_cause),
    (_kind(K.HTTP_STATUS), _status_cause),
    (_kind(K.HTTP_UNPROVEN), _unproven_cause),
    (_kind(K.HTTP_FORMAT), C.HTTP_PROTOCOL),
    (_kind(K.HTTP2_BROKEN), C.HTTP2_BROKEN),
    (_kind(K.HTTP_TRUNCATED), C.HTTP_TRUNCATED),
    (_kind(K.UDP_FORMAT), C.UDP_NOT_SPOKEN),
    (_kind(K.CLOCK_SKEW), C.CLOCK_SKEW),
    (_kind(K.IMDS_HOP_LIMIT), C.IMDS_HOP_LIMIT),
    (_kind(K.IMDS_DISABLED), C.IMDS_DISABLED),
    (_kind(K.IMDS_V1_ONLY), C.IMDS_V1_ONLY),
    (_kind(K.IMDS_STATUS), _metadata_cause),
    (_kind(K.IMDS_FOREIGN), C.IMDS_FOREIGN),
    (_kind(K.ENDPOINT_POLICY), C.VPC_ENDPOINT_DENIED),
    (_kind(K.AWS_CREDENTIALS), C.AWS_NO_CREDENTIALS),
    (_kind(K.AWS_PERMISSION), C.AWS_PERMISSION_DENIED),
    (_kind(K.AMI_NONE), C.AMI_NOT_VISIBLE),
    (_kind(K.AMI_REFUSED), C.AMI_NOT_LAUNCHABLE),
)
