"""Evidence of finished probes: features and outcome of each, kept for a bounded time. Pure."""

from __future__ import annotations

import ipaddress
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate

from monitor.diagnosis.causes import CLOCK_TOLERANCE, LOCAL_ERRNOS
from monitor.diagnosis.clock import SKEWED
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import (
    Connection,
    DnsAnswer,
    Family,
    Phase,
    ProbeResult,
    ResolutionSource,
)
from monitor.model.state import State
from monitor.model.target import Target

RESOLVER_GROUP = "resolver"
WINDOW_RESULTS = 20
"""Observation window of one target: 20 results, 10 minutes at the default interval."""

WINDOW_SECONDS = 1200.0
"""Age at which an observation leaves the window: 1,200 s."""

_TLS = frozenset({Protocol.HTTPS, Protocol.TLS})
_UDP = frozenset({Protocol.UDP, Protocol.DNS, Protocol.NTP})
_BEFORE_PEER = frozenset({Phase.RESOLVE, Phase.CONNECT})


@dataclass(frozen=True, slots=True)
class Leg:
    """One connection of a result, as far as it shows something about the network.

    ``connected``: the peer took the connection or answered the datagram; ``hello`` is the
    outcome of the ClientHello: ``passed``, ``reset``, ``silent``, or "" if none was sent.
    """

    address: str
    family: Family
    public: bool
    ok: bool
    connected: bool
    local: bool
    hello: str
    unrouted: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """Features and outcome of one result. Two results that are alike have equal evidence.

    ``servers`` are the name servers asked, each with "" if it answered and otherwise with what
    it reported (an rcode) or ``silent``. ``resolved`` is None if no name had to be resolved.
    ``redirect`` is the host that the answer leads to. ``skewed``: the
    verified answer's date is far from this host's clock; None if it does not show the time.
    """

    target: Target = field(compare=False)
    ok: bool
    cause: Cause | None
    phase: Phase | None
    legs: tuple[Leg, ...] = ()
    resolved: bool | None = None
    servers: tuple[tuple[str, str], ...] = ()
    proxy: str | None = None
    issuer: str | None = None
    verified: bool | None = None
    redirect: str = ""
    slow: bool = False
    skewed: bool | None = None

    @property
    def transport(self) -> str:
        """Protocol and port as a firewall rule names them: ``tcp/443``."""
        kind = "udp" if self.target.endpoint.protocol in _UDP else "tcp"
        return f"{kind}/{self.target.port}"

    @property
    def near(self) -> bool:
        """Whether no egress is crossed: name servers and link-local services."""
        return self.target.group == RESOLVER_GROUP or is_near(self.target.host)

    @property
    def connected(self) -> bool:
        """Whether a peer took a connection or answered a datagram."""
        return any(leg.connected for leg in self.legs)

    @property
    def hello(self) -> str:
        """Outcome of the ClientHello: the best among the legs, "" if none was sent."""
        outcomes = {leg.hello for leg in self.legs}
        return next((word for word in ("passed", "reset", "silent") if word in outcomes), "")

    @property
    def address(self) -> str:
        """Address of the leg that speaks for the result, "" if there is none."""
        working = next((leg for leg in self.legs if leg.ok), None)
        chosen = working or next(iter(self.legs), None)
        return chosen.address if chosen else ""


@dataclass(frozen=True, slots=True)
class Observation:
    """One result in a window. ``at`` is its start in Unix seconds; ``exposures`` shows, per fault
    model and key, whether it is bad for that element."""

    at: float
    evidence: Evidence
    exposures: Mapping[tuple[str, str], bool] = field(default_factory=dict)


class Outcomes:
    """Results of a window that show something about one element, the oldest first."""

    __slots__ = ("ats", "bads", "sums")

    def __init__(self, window: Iterable[Observation], element: tuple[str, str]) -> None:
        seen = [(o.at, b) for o in window if (b := o.exposures.get(element)) is not None]
        self.ats = [at for at, _ in seen]
        self.bads = [bad for _, bad in seen]
        self.sums = list(accumulate(self.bads, initial=0))

    def since(self, at: float) -> tuple[int, int]:
        """Return the number of results that began at ``at`` (Unix seconds) or later, and of bad
        ones among them."""
        first = bisect_left(self.ats, at)
        return len(self.ats) - first, self.sums[-1] - self.sums[first]

    def first_bad(self, at: float) -> float | None:
        """Return the start of the first bad result that began at ``at`` or later."""
        first = bisect_left(self.ats, at)
        if self.sums[-1] == self.sums[first]:
            return None
        return self.ats[self.bads.index(True, first)]


@dataclass(frozen=True, slots=True)
class FlowCount:
    """Connections from chosen source ports to one target: the time (Unix seconds) at which the
    test ended, the number tried, and the number that failed."""

    at: float
    tried: int
    failed: int


@dataclass(slots=True)
class Track:
    """Recent evidence of one target.

    ``since`` maps each exposure (fault model and key) to the start (Unix seconds) of the run of
    results with its present outcome. ``state`` is the health state; ``failing`` whether it is
    confirmed not to be well.
    """

    target: Target
    window: deque[Observation] = field(default_factory=lambda: deque(maxlen=WINDOW_RESULTS))
    exposures: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    since: dict[tuple[str, str], float] = field(default_factory=dict)
    state: State = State.UNKNOWN
    held: bool = False
    diagnosis: Diagnosis | None = None
    trouble: Diagnosis | None = None
    probe_result: ProbeResult | None = None
    failures: int = 0
    recovered_at: float = 0.0
    cleared_at: float = 0.0
    flows: FlowCount | None = None
    _outcomes: dict[tuple[str, str], Outcomes] = field(default_factory=dict)

    def append(self, seen: Observation) -> None:
        """Add the newest observation."""
        self.window.append(seen)
        self._outcomes.clear()

    def outcomes(self, element: tuple[str, str]) -> Outcomes:
        """Return what the window shows about an element."""
        known = self._outcomes.get(element)
        if known is None:
            known = self._outcomes[element] = Outcomes(self.window, element)
        return known

    @property
    def last(self) -> Observation | None:
        return self.window[-1] if self.window else None

    @property
    def at(self) -> float:
        """Start of the last observation, Unix seconds; 0 if there is none."""
        return self.window[-1].at if self.window else 0.0

    @property
    def bad(self) -> bool:
        """Whether the last result has a cause."""
        return bool(self.window) and self.window[-1].evidence.cause is not None

    @property
    def failing(self) -> bool:
        """Whether the target is confirmed not to be well by its last result."""
        return self.bad and self.state in {State.DOWN, State.DEGRADED}

    def recent(self, now: float) -> Iterator[Observation]:
        """Yield the observations that are young enough to count at ``now``."""
        return (o for o in self.window if now - o.at <= WINDOW_SECONDS)


def evidence_of(
    target: Target, result: ProbeResult, diagnosis: Diagnosis, slow: bool = False
) -> Evidence:
    """Return features and outcome of a result. ``slow``: it was slower than usual, but not
    often enough to be called slow."""
    resolution = result.resolution
    asked = resolution is not None and resolution.source is ResolutionSource.DNS
    primary = result.primary
    tls = primary.tls if primary else None
    chain = tls.chain if tls else ()
    return Evidence(
        target=target,
        ok=result.ok,
        cause=diagnosis.cause,
        phase=result.failure.phase if result.failure else None,
        legs=tuple(_leg(target, c) for c in result.connections if not _is_local(c)),
        resolved=resolution.failure is None if asked and resolution else None,
        servers=_servers(resolution.answers) if resolution else (),
        proxy=result.proxy,
        issuer=chain[-1].issuer if chain else None,
        verified=tls.verified if tls else None,
        redirect=_redirect_host(primary),
        slow=slow,
        skewed=_is_skewed(result, primary),
    )


def _servers(answers: tuple[DnsAnswer, ...]) -> tuple[tuple[str, str], ...]:
    said: dict[str, str] = {}
    for answer in answers:
        word = "silent" if answer.rcode is None else answer.rcode
        if answer.rcode in {"NOERROR", "NXDOMAIN"}:
            word = ""
        if said.get(answer.server) != "":
            said[answer.server] = word
    return tuple(said.items())


def _is_skewed(result: ProbeResult, connection: Connection | None) -> bool | None:
    if result.clock_offset is not None:
        return abs(result.clock_offset) > CLOCK_TOLERANCE
    http, tls = (connection.http, connection.tls) if connection else (None, None)
    if http is None or http.date_offset is None or tls is None or not tls.verified:
        return None
    return abs(http.date_offset) > SKEWED


def _redirect_host(connection: Connection | None) -> str:
    http = connection.http if connection else None
    if http is None or not http.redirect or "//" not in http.redirect:
        return ""
    authority = http.redirect.partition("//")[2].partition("/")[0]
    return authority.partition("?")[0].rpartition("@")[2].partition(":")[0].lower()


def _leg(target: Target, connection: Connection) -> Leg:
    failure = connection.failure
    return Leg(
        address=connection.address,
        family=connection.family,
        public=is_public(connection.address),
        ok=failure is None,
        connected=_connected(target, connection),
        local=is_near(connection.address),
        hello=_hello(target, connection),
        unrouted=failure is not None and failure.code in {"ENETUNREACH", "EHOSTUNREACH"},
    )


def _connected(target: Target, connection: Connection) -> bool:
    failure = connection.failure
    if failure is None or connection.received:
        return True
    if target.endpoint.protocol in _UDP:
        return failure.phase not in {Phase.RESOLVE, Phase.CONNECT, Phase.EXCHANGE}
    return failure.phase not in _BEFORE_PEER


def _hello(target: Target, connection: Connection) -> str:
    if target.endpoint.protocol not in _TLS:
        return ""
    failure = connection.failure
    if failure is None or connection.tls is not None or connection.http is not None:
        return "passed"
    if failure.phase is Phase.TLS:
        if failure.kind.value not in {"timeout", "os_error", "closed"}:
            return "passed"
        if connection.received:  # the answer had begun: it shows nothing about names
            return ""
        return "silent" if failure.kind.value == "timeout" else "reset"
    return "" if failure.phase in _BEFORE_PEER | {Phase.PROXY} else "passed"


def _is_local(connection: Connection) -> bool:
    """Whether nothing left this host, so that nothing is known of the network."""
    return connection.failure is not None and connection.failure.errno in LOCAL_ERRNOS


_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)
"""Addresses reached without a public address of one's own: RFC 1918, 6598, 3927, 4193."""


@lru_cache(maxsize=8192)
def is_public(text: str) -> bool:
    """Whether packets to this address leave the VPC by a public address (NAT gateway or
    internet gateway) rather than by private routing."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return not any(address in network for network in _PRIVATE)


@lru_cache(maxsize=8192)
def is_near(host: str) -> bool:
    """Whether a literal address is link-local or loopback; False for names."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_link_local or address.is_loopback
