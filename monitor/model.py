"""The words that everything speaks: endpoints, targets, attempts, causes, verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Secret:
    """A value that never prints itself: not by repr, str, format, or in a log."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the one place that has to send it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))


class Profile(StrEnum):
    """Which rows of the catalogue apply: the kind of runner."""

    STANDARD = "standard"
    ENTERPRISE = "enterprise"


class Protocol(StrEnum):
    """What is spoken with an endpoint. ``UDP`` is the Nebula exchange: the one UDP
    protocol whose reachability an unauthenticated client can prove."""

    HTTPS = "https"
    HTTP = "http"
    TLS = "tls"
    TCP = "tcp"
    UDP = "udp"
    DNS = "dns"
    NTP = "ntp"


DEFAULT_PROBERS: Mapping[Protocol, str] = MappingProxyType(
    {
        Protocol.HTTPS: "http",
        Protocol.HTTP: "http",
        Protocol.TLS: "tls",
        Protocol.TCP: "tcp",
        Protocol.UDP: "nebula",
        Protocol.DNS: "dns",
        Protocol.NTP: "ntp",
    }
)
"""The prober (a module of ``monitor.probes``) that a protocol is probed by unless the
catalogue names another one."""

DEFAULT_PORTS: Mapping[Protocol, int] = MappingProxyType(
    {
        Protocol.HTTPS: 443,
        Protocol.HTTP: 80,
        Protocol.TLS: 443,
        Protocol.UDP: 4242,
        Protocol.DNS: 53,
        Protocol.NTP: 123,
    }
)


class Source(StrEnum):
    """Where an endpoint comes from."""

    CATALOG = "catalog"
    CONFIG = "config"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class StatusSet:
    """HTTP statuses that count as an answer of the endpoint, as closed ranges."""

    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, status: int) -> bool:
        return any(low <= status <= high for low, high in self.ranges)

    def __str__(self) -> str:
        return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in self.ranges)

    @classmethod
    def parse(cls, text: str) -> StatusSet:
        """Read ``"200-399,401"``.

        Raises:
            ValueError: if a part is no status (100..599) or no rising range of them.
        """
        ranges = []
        for part in text.split(","):
            low, _, high = part.strip().partition("-")
            first, last = int(low), int(high or low)
            if not 100 <= first <= last <= 599:
                raise ValueError(f"{part.strip()!r} is no HTTP status range")
            ranges.append((first, last))
        return cls(tuple(ranges))


@dataclass(frozen=True, slots=True)
class Expectation:
    """What answer counts as the endpoint's own.

    ``headers``: lower-case names; when not empty, one of them has to be in the answer
    (the proof that the service itself replied, and not a block page).
    """

    statuses: StatusSet = StatusSet(((200, 399),))
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the catalogue or of the user's configuration, before it is resolved.

    ``host`` and ``path`` may hold ``{region}`` and ``{account_id}``. ``wildcard`` is the
    row as the requirement writes it (``*.cloudfront.net``, or host and path for a path
    wildcard); ``host`` and ``path`` are then the concrete stand-in for it. For DNS ``host``
    is the name server's address and ``query`` the name that it is asked for; for an AMI
    ``query`` is its owner and name, ``OWNER/NAME``. A row with an ``interval`` (and a
    ``timeout``, both seconds) of its own is expensive to probe: that is never done out of its
    turn, to judge another one. ``gateway``
    names the gateway that it belongs to; the latency of a gateway is that of its
    ``gateway_entry``. ``audited``: where the endpoint redirects to has to be on the allow-list
    as well. ``one_of`` is the redundant group it is in, and the alternative within it, as
    ``group/alternative``: one alternative that works suffices.
    """

    id: str
    group: str
    host: str
    port: int
    protocol: Protocol
    prober: str
    path: str = "/"
    method: str = "GET"
    expect: Expectation = Expectation()
    required: bool = True
    enabled: bool = True
    profiles: frozenset[Profile] = frozenset(Profile)
    interval: float | None = None
    timeout: float | None = None
    query: str = ""
    wildcard: str | None = None
    gateway: str = ""
    gateway_entry: bool = False
    audited: bool = True
    one_of: str = ""
    source: Source = Source.CATALOG
    note: str = ""


class Addresses(StrEnum):
    """Which of a name's addresses are probed: the first of each family, as most clients do,
    or all, so that one dead address among several is found."""

    FIRST = "first"
    ALL = "all"


class Reach(StrEnum):
    """Which addresses may be dialled for a host. ``PRIVATE``: all but link-local ones, at
    which a cloud's instance metadata is; ``PUBLIC``: those of the public internet."""

    ANY = "any"
    PRIVATE = "private"
    PUBLIC = "public"


class FoundBy(StrEnum):
    """Who named what stands for a wildcard. Stable label values."""

    CHAIN = "chain"
    CATALOG = "catalog"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class BrokenStep:
    """Where a discovery chain broke: at step ``number`` (from 1) of ``steps``. ``asked`` is
    what that step asked for, without a query; nothing is said of the steps behind it."""

    chain: str
    number: int
    steps: int
    asked: str
    cause: Cause
    detail: str
    cure: str


@dataclass(frozen=True, slots=True)
class StandIn:
    """The concrete host and path that stand for a wildcard, and how they were found.

    ``found_at`` is Unix seconds, None where nobody had to look. ``steps`` is what ``chain``
    asked for, in order, without queries. ``broken`` says why the chain's latest run found
    nothing; what was found before it (or the catalogue's own) still stands then.
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
    """How a discovery chain stands: when it was last gone through, when it last reached its
    end (Unix seconds, None: never), and where it broke if it did."""

    chain: str
    tried_at: float
    reached_at: float | None = None
    broken: BrokenStep | None = None


@dataclass(frozen=True, slots=True)
class UnlistedHost:
    """A host that endpoints redirect to and that no row covers: the allow-list misses it.

    ``sources`` are the ids of the targets that redirect there, ``first_seen`` and
    ``last_seen`` Unix seconds. ``refused`` says why it is not probed, "" where it is.
    """

    host: str
    port: int
    protocol: Protocol
    sources: tuple[str, ...]
    first_seen: float
    last_seen: float
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Launch:
    """What the dry run of a launch names: where, and of which type an instance would be."""

    region: str = ""
    subnet_id: str = ""
    instance_type: str = "t3.micro"


class ProxyUse(StrEnum):
    """Which way a target is probed. ``ENVIRONMENT``: as HTTP_PROXY and its kin say; ``NONE``:
    directly; ``BOTH``: as ``[proxy]`` says, and the other way beside it; ``FIXED``: through
    one proxy, whatever NO_PROXY says."""

    ENVIRONMENT = "environment"
    NONE = "none"
    BOTH = "both"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class ProxyChoice:
    """What is said of one target's way. ``url`` is the proxy's, without userinfo, of
    ``FIXED``."""

    use: ProxyUse
    url: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint with every value filled in and its schedule: what a prober is given.

    ``interval`` and ``timeout`` are seconds. ``address`` (an IP literal) and
    ``connect_port`` replace where the packets go, not the name in TLS or HTTP.
    ``proxy`` is None where the target goes as ``[proxy]`` says.
    ``unknown`` holds the names of template values nobody could fill in: such a target
    is shown as ``unknown`` and never probed. ``standin`` tells what stands for a wildcard.
    ``launch`` is what an AMI is tried with.
    ``reach`` bounds the addresses that are dialled where a server named the host.
    """

    endpoint: Endpoint
    interval: float
    timeout: float
    address: str | None = None
    connect_port: int | None = None
    unknown: tuple[str, ...] = ()
    addresses: Addresses = Addresses.FIRST
    standin: StandIn | None = None
    reach: Reach = Reach.ANY
    proxy: ProxyChoice | None = None
    launch: Launch | None = None

    @property
    def id(self) -> str:
        return self.endpoint.id

    @property
    def group(self) -> str:
        return self.endpoint.group

    @property
    def host(self) -> str:
        return self.endpoint.host

    @property
    def port(self) -> int:
        return self.endpoint.port

    @property
    def dial_port(self) -> int:
        """The port that packets are sent to."""
        return self.connect_port or self.endpoint.port


class Family(StrEnum):
    """An address family."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


class Phase(StrEnum):
    """A step of one measurement, timed by itself."""

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
    """What was seen when a phase failed: the raw fact that diagnosis starts from.

    The meaning of ``Failure.code`` by kind is given behind each.
    """

    TIMEOUT = "timeout"  # code: none
    OS_ERROR = "os_error"  # errno is set; code: its symbolic name
    CLOSED = "closed"  # the peer ended the stream where an answer was due; code: none
    DNS_RCODE = "dns_rcode"  # code: the rcode's name, "SERVFAIL"
    DNS_NODATA = "dns_nodata"  # NOERROR with no address; code: none
    DNS_SINKHOLE = "dns_sinkhole"  # an answer that cannot be right; code: the address
    DNS_FORMAT = "dns_format"  # an answer that is no DNS message; code: none
    TLS_VERIFY = "tls_verify"  # code: OpenSSL's X509_V_ERR number
    TLS_PROTOCOL = "tls_protocol"  # code: OpenSSL's reason, "TLSV1_ALERT_PROTOCOL_VERSION"
    PROXY_TLS = "proxy_tls"  # TLS with the proxy itself failed; code: as of the TLS kinds
    PROXY_STATUS = "proxy_status"  # CONNECT was answered with another status; code: it
    HTTP_STATUS = "http_status"  # a status that the endpoint does not expect; code: it
    HTTP_UNPROVEN = "http_unproven"  # expected status, proof header missing; code: status
    HTTP_FORMAT = "http_format"  # not HTTP/1.x, or past a bound; code: none
    HTTP_TRUNCATED = "http_truncated"  # fewer body bytes than announced; code: none
    UDP_FORMAT = "udp_format"  # a datagram that is not the protocol's; code: none
    CLOCK_SKEW = "clock_skew"  # code: offset in seconds, "+12.3"
    IMDS_HOP_LIMIT = "imds_hop_limit"  # the token never came, yet a GET was answered
    IMDS_DISABLED = "imds_disabled"  # code: the status, 403
    IMDS_V1_ONLY = "imds_v1_only"  # code: the status of the token request
    ENDPOINT_POLICY = "endpoint_policy"  # AWS names a VPC endpoint's policy; code: the status
    AWS_CREDENTIALS = "aws_credentials"  # none, or AWS refuses them; code: AWS's error code
    AWS_PERMISSION = "aws_permission"  # the role may not ask; code: AWS's error code
    AMI_NONE = "ami_none"  # the account sees no AMI of that name and owner; code: none
    AMI_REFUSED = "ami_refused"  # it may not be launched; code: AWS's error code
    INTERNAL = "internal"  # a bug of ours; code: the exception's class


@dataclass(frozen=True, slots=True)
class Failure:
    """Where and how a measurement failed. ``message`` is safe to print: no secret.

    ``icmp`` is the (type, code) of the ICMP error that the kernel kept, where it did.
    """

    phase: Phase
    kind: FailureKind
    message: str
    errno: int | None = None
    code: str | None = None
    icmp: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """What one name server said to one question.

    ``rcode`` is None when no valid answer came (``failure`` says why). ``seconds`` is
    from the question sent to the answer received, ``transport`` "udp" or "tcp".
    """

    server: str
    qtype: str
    rcode: str | None
    addresses: tuple[str, ...]
    seconds: float
    transport: str = "udp"
    failure: Failure | None = None


class ResolutionSource(StrEnum):
    """Who turned a host into addresses."""

    DNS = "dns"
    HOSTS = "hosts"
    LITERAL = "literal"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Resolution:
    """A host's addresses (IPv4 first, in the order given) and every answer on the way."""

    host: str
    source: ResolutionSource
    addresses: tuple[str, ...]
    answers: tuple[DnsAnswer, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class TcpFacts:
    """The kernel's own figures of a connection (Linux ``struct tcp_info``), in seconds."""

    rtt: float
    rtt_variation: float
    min_rtt: float | None
    retransmits: int
    path_mtu: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate of a chain as the server sent it. Times are Unix seconds."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: float
    not_after: float
    serial: str
    sha256: str
    spki_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What a handshake agreed on and the chain that the server sent, leaf first.

    ``verified`` is None when verification was off; ``verify_error`` is OpenSSL's text.
    ``verified_expiry`` is the latest expiry among verified chains (Unix seconds).
    ``anchor`` is the subject of the trusted CA that a verified chain ends in, and
    ``anchor_public`` whether everybody trusts it: False for a CA that was added to this
    host, None where that is not known.
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


@dataclass(frozen=True, slots=True)
class HttpFacts:
    """An HTTP answer: only headers from a fixed list are kept, each bounded in length.
    ``date_offset`` is the clock that its Date header tells minus ours, in seconds; None where
    there is none, or a cache answered."""

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

    ``rtt`` is the best round-trip figure there is: the kernel's for TCP, by kernel
    receive timestamp for UDP. ``resends`` counts datagrams sent again for want of a reply,
    None where none are sent. ``proxy`` is ``host:port`` of the proxy that was dialled.
    ``sent`` and ``received`` are bytes of payload on the wire (TLS records included).
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
    tcp: TcpFacts | None = None
    tls: TlsFacts | None = None
    http: HttpFacts | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One measurement of one target, finished.

    ``started_at`` is Unix seconds, ``duration`` seconds. ``failure`` is None when the
    endpoint was reached; a connection may have failed all the same (one family of two,
    one address of several). ``clock_offset`` is the peer's clock minus ours, in seconds,
    where the protocol tells it. ``loop_lag`` is how late the event loop ran meanwhile: when
    it is not small against the phases, they are not to be trusted. ``proxy`` is ``host:port``
    of the proxy that was to be used; ``resolution`` is then of the proxy's name.
    ``beside`` is the measurement of the other way, where both are compared: it decides nothing.
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
    beside: Attempt | None = None

    @property
    def ok(self) -> bool:
        return self.failure is None

    @property
    def primary(self) -> Connection | None:
        """The connection that speaks for the attempt: the first that worked, else the
        first."""
        working = (c for c in self.connections if c.failure is None)
        return next(working, next(iter(self.connections), None))

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


class Cause(StrEnum):
    """Why a target is not up: the closed set of docs/diagnosis.md. Stable label values."""

    DNS_TIMEOUT = "dns_timeout"
    DNS_NXDOMAIN = "dns_nxdomain"
    DNS_NODATA = "dns_nodata"
    DNS_SERVFAIL = "dns_servfail"
    DNS_REFUSED = "dns_refused"
    DNS_SINKHOLED = "dns_sinkholed"
    NETWORK_UNREACHABLE = "network_unreachable"
    HOST_UNREACHABLE = "host_unreachable"
    ADMIN_PROHIBITED = "admin_prohibited"
    LOCAL_PORT_EXHAUSTED = "local_port_exhausted"
    LOCAL_RESOURCE_EXHAUSTED = "local_resource_exhausted"
    TCP_REFUSED = "tcp_refused"
    TCP_TIMEOUT = "tcp_timeout"
    TCP_RESET = "tcp_reset"
    TLS_RESET_ON_HELLO = "tls_reset_on_hello"
    TLS_TIMEOUT_ON_HELLO = "tls_timeout_on_hello"
    TLS_INTERCEPTED = "tls_intercepted"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_EXPIRED = "tls_expired"
    TLS_NOT_YET_VALID = "tls_not_yet_valid"
    TLS_NAME_MISMATCH = "tls_name_mismatch"
    TLS_PROTOCOL = "tls_protocol"
    PROXY_UNREACHABLE = "proxy_unreachable"
    PROXY_AUTH_REQUIRED = "proxy_auth_required"
    PROXY_DENIED = "proxy_denied"
    PROXY_UPSTREAM_FAILED = "proxy_upstream_failed"
    HTTP_TIMEOUT = "http_timeout"
    HTTP_BLOCKED_PAGE = "http_blocked_page"
    HTTP_STATUS = "http_status"
    HTTP_PROTOCOL = "http_protocol"
    HTTP_TRUNCATED = "http_truncated"
    UDP_NO_REPLY = "udp_no_reply"
    UDP_PORT_UNREACHABLE = "udp_port_unreachable"
    IMDS_HOP_LIMIT = "imds_hop_limit"
    IMDS_DISABLED = "imds_disabled"
    IMDS_V1_ONLY = "imds_v1_only"
    AWS_NO_CREDENTIALS = "aws_no_credentials"
    AWS_PERMISSION_DENIED = "aws_permission_denied"
    AMI_NOT_VISIBLE = "ami_not_visible"
    AMI_NOT_LAUNCHABLE = "ami_not_launchable"
    VPC_ENDPOINT_DENIED = "vpc_endpoint_denied"
    ADDRESS_FAILED = "address_failed"
    CLOCK_SKEW = "clock_skew"
    SLOW = "slow"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an attempt means: exactly one cause or none, and what to do about it.

    ``detail`` is one plain sentence, ``cure`` one thing to do; both are empty when
    ``cause`` is None. ``evidence`` holds short ``name: value`` facts, safe to print.
    """

    cause: Cause | None
    detail: str = ""
    cure: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)


class State(StrEnum):
    """How a target stands."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


class Scope(StrEnum):
    """What the failures of an incident share: from this machine to one endpoint."""

    HOST = "host"
    ALL_EGRESS = "all_egress"
    RESOLVER = "resolver"
    PROXY = "proxy"
    TLS_INTERCEPTION = "tls_interception"
    ADDRESS_FAMILY = "address_family"
    PORT = "port"
    REGION = "region"
    GROUP = "group"
    ENDPOINT = "endpoint"


@dataclass(frozen=True, slots=True)
class Incident:
    """One breakage, whatever number of targets it takes down.

    ``subject`` names what is broken within the scope: a name server, ``tcp/4242``, an
    issuer, a group, a host. ``state`` is DOWN, or DEGRADED where what is affected still
    works. Times are Unix seconds; ``id`` stays the same while the incident is open, even
    when a wider scope is found to explain it.
    """

    id: str
    cause: Cause
    scope: Scope
    subject: str
    state: State
    started_at: float
    affected: tuple[str, ...]
    detail: str
    cure: str
    evidence: Mapping[str, str] = field(default_factory=dict)


FARGATE = "fargate"
"""The launch type of a task that has no instance of the user's below it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Where this monitor runs, as far as it is known ("" is not known). ``launch_type`` is
    that of its ECS task: ``FARGATE`` or "ec2"."""

    region: str = ""
    availability_zone: str = ""
    account_id: str = ""
    vpc_id: str = ""
    subnet_id: str = ""
    instance_id: str = ""
    runner_id: str = ""
    launch_type: str = ""
