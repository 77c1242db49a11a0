"""The result of one probe: facts only, no judgement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.model.starvation import Starvation


class Family(StrEnum):
    """An address family."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


class Phase(StrEnum):
    """A step of one probe, timed on its own."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    PROXY = "proxy"
    TLS = "tls"
    FIRST_BYTE = "first_byte"
    TRANSFER = "transfer"
    EXCHANGE = "exchange"
    TOKEN = "token"
    IDENTITY = "identity"
    CREDENTIALS = "credentials"


class FailureKind(StrEnum):
    """The observation when a phase failed: the raw fact that diagnosis starts from.

    The comment behind each kind gives the meaning of ``Failure.code``.
    """

    TIMEOUT = "timeout"  # code: none
    OS_ERROR = "os_error"  # errno is set; code: its symbolic name
    CLOSED = "closed"  # the peer ended the stream where an answer was due; code: none
    DNS_RCODE = "dns_rcode"  # code: the rcode's name, "SERVFAIL"
    DNS_NODATA = "dns_nodata"  # NOERROR with no address; code: none
    DNS_SINKHOLE = "dns_sinkhole"  # an answer that cannot be right; code: the address
    DNS_FORMAT = "dns_format"  # an answer that is not a valid DNS message; code: none
    DNS_ALIAS = "dns_alias"  # the aliases of a name lead nowhere; code: their end, "" for a loop
    DNS_LAME = "dns_lame"  # a server that cannot resolve (lame referral); code: none
    DNS_EDNS = "dns_edns"  # a server that refuses EDNS, as Go sends it; code: the rcode
    NO_SOURCE = "no_source"  # this host has no source address of the family; errno is set
    HOSTS_SINKHOLE = "hosts_sinkhole"  # the same by /etc/hosts; code: the address
    NO_FAMILY = "no_family"  # no address of the families that are probed; code: those it has
    TLS_VERIFY = "tls_verify"  # code: OpenSSL's X509_V_ERR number
    TLS_REJECTED_BY_GO = "tls_rejected_by_go"  # OpenSSL accepts the chain; code: "x509"
    TLS_PROTOCOL = "tls_protocol"  # code: OpenSSL's reason, "UNSUPPORTED_PROTOCOL"
    TLS_ALERT = "tls_alert"  # the peer ended the handshake with an alert; code: its number
    TLS_CLIENT_CERTIFICATE = "tls_client_certificate"  # it wants one; code: the alert's number
    TLS_LARGE_HELLO = "tls_large_hello"  # a small ClientHello is answered, Go's is not; code: none
    TLS_PLAINTEXT = "tls_plaintext"  # an answer that is not TLS; code: its protocol, or "unknown"
    PROXY_TLS = "proxy_tls"  # TLS with the proxy itself failed; code: as of the TLS kinds
    PROXY_STATUS = "proxy_status"  # CONNECT was answered with another status; code: it
    HTTP_STATUS = "http_status"  # a status that the endpoint does not expect; code: it
    HTTP_UNPROVEN = "http_unproven"  # expected status, proof header missing; code: status
    HTTP_FORMAT = "http_format"  # not HTTP/1.x, or past a bound; code: none
    HTTP2_BROKEN = "http2_broken"  # HTTP/2 fails where HTTP/1.1 works; code: the first failure's
    HTTP_TRUNCATED = "http_truncated"  # fewer body bytes than announced; code: none
    UDP_FORMAT = "udp_format"  # a datagram that is not the protocol's; code: none
    NTP_REFUSED = "ntp_refused"  # an answer without time; code: kiss code, UNSYNCHRONIZED
    CLOCK_SKEW = "clock_skew"  # code: offset in seconds, "+12.3"
    IMDS_HOP_LIMIT = "imds_hop_limit"  # the token never came, yet a GET was answered
    IMDS_DISABLED = "imds_disabled"  # code: the status, 403
    IMDS_V1_ONLY = "imds_v1_only"  # code: the status of the token request
    IMDS_STATUS = "imds_status"  # another status; code: it
    IMDS_FOREIGN = "imds_foreign"  # an answer that instance metadata never gives; code: none
    ENDPOINT_POLICY = "endpoint_policy"  # AWS names a VPC endpoint's policy; code: the status
    AWS_CREDENTIALS = "aws_credentials"  # none, or AWS refuses them; code: AWS's error code
    AWS_PERMISSION = "aws_permission"  # the role may not ask; code: AWS's error code
    AMI_NONE = "ami_none"  # the account sees no AMI of that name and owner; code: none
    AMI_REFUSED = "ami_refused"  # it may not be launched; code: AWS's error code
    INTERNAL = "internal"  # a bug of ours; code: the exception's class


@dataclass(frozen=True, slots=True)
class Failure:
    """The phase and the kind of a failure. ``message`` is safe to print: it contains no secret.

    ``icmp`` is the (type, code) of the ICMP error in the socket's error queue, if there was one.
    """

    phase: Phase
    kind: FailureKind
    message: str
    errno: int | None = None
    code: str | None = None
    icmp: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """The answer of one name server to one question.

    ``rcode`` is None if no valid response came (``failure`` has the reason). ``seconds`` is
    from the question sent to the response received, ``transport`` "udp" or "tcp". ``name`` is
    the name that was asked for, ``aliases`` the names that its aliases lead to, in order.
    ``extended`` holds Extended DNS Errors as (code, text) pairs (RFC 8914). ``edns_refused`` is
    the rcode by which the server refused EDNS, "" if it did not.
    """

    server: str
    qtype: str
    rcode: str | None
    addresses: tuple[str, ...]
    seconds: float
    transport: str = "udp"
    failure: Failure | None = None
    name: str = ""
    aliases: tuple[str, ...] = ()
    extended: tuple[tuple[int, str], ...] = ()
    edns_refused: str = ""

    @property
    def is_final(self) -> bool:
        """Whether Go's resolver asks no further server: the name has records, has none of
        this type, or does not exist."""
        kept = self.failure is None or self.failure.kind is FailureKind.DNS_ALIAS
        return kept and self.rcode in {"NOERROR", "NXDOMAIN"}


class ResolutionSource(StrEnum):
    """The source of a host's addresses."""

    DNS = "dns"
    HOSTS = "hosts"
    LITERAL = "literal"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Resolution:
    """A host's addresses (IPv4 first, in the order given) and every answer on the way.

    ``name`` is the absolute name that the addresses are of: not ``host`` if a search domain
    was appended.
    """

    host: str
    source: ResolutionSource
    addresses: tuple[str, ...]
    answers: tuple[DnsAnswer, ...] = ()
    failure: Failure | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class TcpFacts:
    """The kernel's figures of a connection (Linux ``struct tcp_info``), in seconds."""

    rtt: float
    rtt_variation: float
    min_rtt: float | None
    retransmits: int
    path_mtu: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate of a chain as the server sent it. Times are Unix seconds.

    ``has_names`` is whether it has a subjectAltName, ``self_issued`` whether subject and issuer
    are the same, ``names_issuer_url`` whether it names the URL of its issuer's certificate.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: float
    not_after: float
    serial: str
    sha256: str
    spki_sha256: str | None = None
    has_names: bool = True
    self_issued: bool = False
    names_issuer_url: bool = False


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """The negotiated parameters of a handshake and its certificates, leaf first.

    ``chain`` is what the server sent, ``verified_chain`` the path from its certificate to a
    trusted CA that the verification found. ``verified`` is None if verification was off;
    ``verify_error`` is the reason why it failed. ``verified_expiry`` is the time at which the
    first certificate of the verified chain expires (Unix seconds). ``anchor`` is the subject of
    the trusted CA at the end of the verified chain; ``anchor_public`` is False for a CA that was
    added to this host, and None if that is not known.
    """

    version: str | None
    cipher: str | None
    alpn: str | None
    verified: bool | None
    verify_error: str | None
    chain: tuple[Certificate, ...]
    verified_expiry: float | None = None
    anchor: str | None = None
    anchor_public: bool | None = None
    verified_chain: tuple[Certificate, ...] = ()

    @property
    def expires_at(self) -> float | None:
        """Expiry of the first certificate of the verified chain to expire, or of the chain sent
        if none was verified (Unix seconds)."""
        return min((c.not_after for c in self.verified_chain or self.chain), default=None)

    @property
    def extra(self) -> tuple[Certificate, ...]:
        """The certificates that the server sent and that the verification did not need."""
        needed = {certificate.sha256 for certificate in self.verified_chain}
        return tuple(c for c in self.chain if needed and c.sha256 not in needed)


@dataclass(frozen=True, slots=True)
class HttpFacts:
    """An HTTP response. Only headers from a fixed list are kept, each limited in length.
    ``date_offset`` is the clock in its Date header minus ours, in seconds; None if there is none or
    a cache responded."""

    version: str
    status: int
    headers: Mapping[str, str]
    content_length: int | None
    body_bytes: int
    body: bytes = field(repr=False, default=b"")
    redirect: str | None = None
    date_offset: float | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """The measurement of one address of the target, phase by phase (seconds).

    ``rtt`` is the best available round-trip time: the kernel's for TCP, by kernel receive
    timestamps for UDP. ``resends`` counts retransmitted datagrams, None for other protocols.
    ``proxy`` is ``host:port`` of the proxy that was dialed. ``sent`` and ``received`` are payload
    bytes on the wire (TLS records included). ``local`` is the source address, "" if unknown.
    """

    address: str
    port: int
    family: Family
    phases: Mapping[Phase, float]
    failure: Failure | None = None
    rtt: float | None = None
    resends: int | None = None
    proxy: str | None = None
    sent: int = 0
    received: int = 0
    local: str = ""
    tcp: TcpFacts | None = None
    tls: TlsFacts | None = None
    http: HttpFacts | None = None


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One finished probe of one target.

    ``started_at`` is Unix seconds, ``duration`` seconds. ``failure`` is None if the endpoint was
    reached; single connections may have failed even then (one family of two, one address of
    several). ``clock_offset`` is the peer's clock minus ours, in seconds, if the protocol reveals
    it. ``loop_lag`` is the largest event-loop lag during the probe: if it is not small compared
    with the phases, they are not trustworthy. ``starvation`` is set if this process did not run for
    a good part of the probe: the result is inadmissible then. ``proxy`` is ``host:port`` of the
    proxy to use; ``resolution`` is then that of the proxy's name. ``alternate`` is the result of
    the other proxy path, if both are compared; it never decides the state.
    """

    target_id: str
    started_at: float
    duration: float
    resolution: Resolution | None = None
    connections: tuple[Connection, ...] = ()
    failure: Failure | None = None
    proxy: str | None = None
    clock_offset: float | None = None
    loop_lag: float = 0.0
    starvation: Starvation | None = None
    alternate: ProbeResult | None = None

    @property
    def admissible(self) -> bool:
        """Whether the result is evidence about the network."""
        return self.starvation is None

    @property
    def ok(self) -> bool:
        return self.failure is None

    @property
    def primary(self) -> Connection | None:
        """The connection that counts: the first with the outcome of the whole measurement."""
        alike = (c for c in self.connections if c.failure == self.failure)
        return next(alike, next(iter(self.connections), None))

    @property
    def failed(self) -> tuple[Connection, ...]:
        """The connections that failed."""
        return tuple(c for c in self.connections if c.failure is not None)

    @property
    def phases(self) -> Mapping[Phase, float]:
        """The primary connection's phases, the resolve phase among them."""
        return self.primary.phases if self.primary else self._resolve_only()

    def _resolve_only(self) -> Mapping[Phase, float]:
        if self.failure and self.failure.phase is Phase.RESOLVE:
            return {Phase.RESOLVE: self.duration}
        return {}
