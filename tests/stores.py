"""Boards for tests of what is shown: realistic ones, and ones that a hostile peer made."""

from collections.abc import Iterator
from dataclasses import replace
from math import cos, pi
from pathlib import Path
from random import Random

from monitor.catalog import build_targets
from monitor.catalog.wildcard_samples import DiscoveryState
from monitor.diagnosis.clock import ClockEstimate, ClockSource
from monitor.diagnosis.proxy_path import ProxyPath
from monitor.health.baseline import Baseline
from monitor.health.gateways import Gateway
from monitor.health.latency import latency_code
from monitor.health.machine import Health
from monitor.health.quality import Quality
from monitor.health.redundancy import rollup
from monitor.health.status import TargetStatus
from monitor.health.timeline import SLOT_SECONDS, SLOTS, observe
from monitor.incidents.incident_log import IncidentRecord
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.discovery import BrokenStep, ChainState, FoundBy, UnlistedHost, WildcardSample
from monitor.model.endpoint import Endpoint, Protocol
from monitor.model.identity import Identity
from monitor.model.incident import Incident, Scope
from monitor.model.probe_result import (
    Certificate,
    Connection,
    DnsAnswer,
    Failure,
    FailureKind,
    Family,
    HttpFacts,
    Phase,
    ProbeResult,
    Resolution,
    ResolutionSource,
    TcpFacts,
    TlsFacts,
)
from monitor.model.settings import Settings, TargetSettings
from monitor.model.state import State
from monitor.model.target import Addresses, Target
from monitor.net.proxy.audit import ProxyAudit
from monitor.state.egress_address import EgressAddress, EgressPath
from monitor.state.self_metrics import GuardedPart, MqttMetrics, SelfMetrics
from monitor.state.store import StateStore

NOW = 1_800_000_000.0
REGION = "eu-central-1"
HOSTILE = '"\n\\{}</td><script>alert(1)</script>\u202e\udcff\x00'
"""What a server might send to break out of a label, a page or a document."""

EGRESS_PATHS = (
    EgressPath(ProxyPath.PROXY, failure="The proxy denies it.", checked_at=NOW - 60),
    EgressPath(
        ProxyPath.DIRECT,
        (EgressAddress("203.0.113.9", NOW - 3600, NOW - 60),),
        checked_at=NOW - 60,
        changes=1,
    ),
)

BROKEN = BrokenStep(
    "public-ecr-layers",
    2,
    4,
    "https://public.ecr.aws/v2/docker/library/alpine/manifests/latest",
    Cause.HTTP_STATUS,
    "public.ecr.aws answers 429, expected 200.",
    "Look.",
)
CHAINS = (
    ChainState("vscode-extension", NOW - 40, NOW - 40),
    ChainState("public-ecr-layers", NOW - 39, NOW - 9_000, BROKEN),
)
UNPKG = WildcardSample(
    "editorconfig.vscode-unpkg.net",
    "/editorconfig/editorconfig/0.17.4/extension/package.json",
    FoundBy.CHAIN,
    NOW - 40,
    "vscode-extension",
    ("https://marketplace.visualstudio.com/_apis/public/gallery/vscode/x/y/latest",),
)
UNLISTED = UnlistedHost(
    "vscode.download.prss.microsoft.com",
    443,
    Protocol.HTTPS,
    ("vscode-server-arm64", "vscode-server-x64"),
    NOW - 50,
    NOW - 5,
)


def realistic_board() -> StateStore:
    """The whole catalogue a minute after the start: mostly up, some down, one degraded, one
    not probed yet."""
    settings = Settings(
        Path("config.toml"),
        region=REGION,
        account_id="123456789012",
        targets={"app-gitpod-io": TargetSettings(addresses=Addresses.ALL)},
    )
    found = DiscoveryState(
        {"vscode-unpkg": UNPKG}, {"registry-public-ecr-layers": BROKEN}, (UNLISTED,)
    )
    targets = build_targets(settings, Identity(), servers=("10.0.0.2:53",), found=found)
    statuses = [_status(number, target) for number, target in enumerate(targets)]
    statuses.append(_compared(_target("both-ways", "sso")))
    statuses.append(TargetStatus(_target("not-yet", "scm")))
    statuses.append(
        TargetStatus(replace(_target("nameless", "aws_api"), missing_values=("region",)))
    )
    self_metrics = SelfMetrics(
        NOW - 60, NOW - 1, in_flight=3, reloads=2, reload_failures=1, last_reload_success_at=NOW
    )
    for lag in (0.0001, 0.2, 30.0):
        self_metrics.loop_lag.observe(lag)
        self_metrics.lateness.observe(lag)
    self_metrics.internal_errors[GuardedPart.EXPORTER] = 1
    identity = Identity(REGION, "eu-central-1a", "123456789012", "vpc-1", "subnet-1", "i-1", "r-1")
    gateways = (
        Gateway("us01", State.UP, (0.09, 0.1), ("gateway-us01",)),
        Gateway("eu01", State.UP, (0.02,), ("gateway-eu01",), preferred=True),
    )
    return StateStore(
        {r.target.id: r for r in statuses},
        self_metrics,
        identity,
        tuple(_incidents(statuses)),
        proxies=ProxyAudit(https="proxy.corp:3128", missing=(".internal",)),
        gateways=gateways,
        clock=ClockEstimate(ClockSource.DATE, 0.3, 1.1, 4),
        chains={state.chain: state for state in CHAINS},
        unlisted=(UNLISTED,),
        mqtt=MqttMetrics(connected=True, published=9, sessions=1),
        redundant_groups=rollup([(r.target, r.health.state) for r in statuses], (), NOW - 50),
        egress_paths=EGRESS_PATHS,
    )


def _compared(target: Target) -> TargetStatus:
    """A target that is reached through a proxy and not directly."""
    alternate, _ = _down(target)
    probe_result, diagnosis = _up(target)
    through = replace(probe_result, proxy="proxy.corp:3128", alternate=alternate)
    status = TargetStatus(target, Health(State.UP, NOW - 50), through, diagnosis, probes=1)
    status.durations.observe(through.duration)
    return status


def hostile_board() -> StateStore:
    """One target whose peer sent the worst of everything that is kept."""
    chain = (Certificate(HOSTILE, HOSTILE, (HOSTILE,), 0, float("inf"), HOSTILE, "f" * 64),)
    tls = TlsFacts(HOSTILE, None, HOSTILE, False, HOSTILE, chain, float("nan"))
    http = HttpFacts("9.9", 599, {"server": HOSTILE}, 10**17, 0, redirect=HOSTILE)
    failure = Failure(Phase.FIRST_BYTE, FailureKind.HTTP_STATUS, HOSTILE, code="599")
    phases = {Phase.CONNECT: float("nan"), Phase.TLS: float("inf")}
    connection = Connection(
        "fe80::1%eth0", 443, Family.IPV6, phases, failure, float("nan"), tls=tls, http=http
    )
    probe_result = ProbeResult(
        "hostile", NOW, 1.0, None, (connection,), failure, clock_offset=float("-inf")
    )
    diagnosis = Diagnosis(Cause.HTTP_STATUS, HOSTILE, HOSTILE, {"server": HOSTILE})
    status = TargetStatus(
        _target("hostile", "scm"), Health(State.DOWN, NOW), probe_result, diagnosis, probes=1
    )
    incident = Incident(
        "hostile", Cause.HTTP_STATUS, Scope.TLS_INTERCEPTION, HOSTILE, State.DOWN, NOW,
        ("hostile", HOSTILE), HOSTILE, HOSTILE, {HOSTILE: HOSTILE},
    )  # fmt: skip
    past = IncidentRecord(replace(incident, id=HOSTILE), NOW)
    return StateStore(
        {"hostile": status},
        SelfMetrics(NOW, NOW),
        Identity(runner_id="r\udcff"),
        (incident,),
        (past, IncidentRecord(incident)),
        egress_paths=(EgressPath(ProxyPath.PROXY, failure=HOSTILE, checked_at=NOW),),
    )


def _target(name: str, group: str) -> Target:
    endpoint = Endpoint(
        name, group, f"{name}.example", 443, Protocol.HTTPS, "http", "/p?token=hunter2"
    )
    return Target(endpoint, 30.0, 10.0)


def _status(number: int, target: Target) -> TargetStatus:
    probe_result, diagnosis = _down(target) if number % 10 == 9 else _up(target)
    state = State.DOWN if diagnosis.cause else State.UP
    if number == 1:
        state, diagnosis = State.DEGRADED, Diagnosis(Cause.SLOW, "Slow.", "Look.")
    usual = Baseline(bytes((latency_code(0.012),)) * 20)
    status = TargetStatus(
        target, Health(state, NOW - 50), probe_result, diagnosis, probes=2, skipped=1
    )
    status.quality = Quality(path=usual, whole=usual)
    if diagnosis.cause:
        status.failures[diagnosis.cause] += 2
    for _ in range(2):
        status.durations.observe(probe_result.duration)
    return status


def _down(target: Target) -> tuple[ProbeResult, Diagnosis]:
    failure = Failure(Phase.CONNECT, FailureKind.TIMEOUT, "no answer in time")
    phases = {Phase.RESOLVE: 0.002, Phase.CONNECT: 9.99}
    connection = Connection("192.0.2.1", target.port, Family.IPV4, phases, failure)
    resolution = _resolution(target)
    probe_result = ProbeResult(target.id, NOW - 30, 10.0, resolution, (connection,), failure)
    return probe_result, Diagnosis(Cause.TCP_TIMEOUT, "Nothing answers.", "Open the port.")


def _up(target: Target) -> tuple[ProbeResult, Diagnosis]:
    protocol = target.endpoint.protocol
    tcp = (
        None if protocol in {Protocol.UDP, Protocol.DNS} else TcpFacts(0.011, 0.001, 0.01, 1, 1500)
    )
    tls = _tls() if protocol in {Protocol.HTTPS, Protocol.TLS} else None
    web = protocol in {Protocol.HTTPS, Protocol.HTTP}
    http = HttpFacts("1.1", 200, {"server": "x"}, 512, 512, b"{}") if web else None
    addresses = (
        ("8.8.8.8" if target.group == "aws_api" else "192.0.2.1", Family.IPV4),
        ("2001:db8::1", Family.IPV6),
    )
    connections = tuple(
        Connection(
            address=address,
            port=target.port,
            family=family,
            phases=_phases_of(protocol),
            rtt=0.011,
            resends=0 if protocol is Protocol.UDP else None,
            tcp=tcp,
            tls=tls,
            http=http,
        )
        for address, family in addresses
    )
    probe_result = ProbeResult(
        target.id, NOW - 30, 0.25, _resolution(target), connections, clock_offset=0.01
    )
    return probe_result, Diagnosis(None)


def _phases_of(protocol: Protocol) -> dict[Phase, float]:
    if protocol in {Protocol.UDP, Protocol.DNS}:
        return {Phase.RESOLVE: 0.002, Phase.EXCHANGE: 0.011}
    phases = {Phase.RESOLVE: 0.002, Phase.CONNECT: 0.011}
    if protocol is Protocol.HTTPS:
        phases[Phase.TLS] = 0.03
    if protocol in {Protocol.HTTPS, Protocol.HTTP}:
        phases |= {Phase.FIRST_BYTE: 0.02, Phase.TRANSFER: 0.001}
    return phases


def _tls() -> TlsFacts:
    leaf = Certificate(
        "CN=a",
        "O=CA",
        ("a.example",),
        NOW - 9,
        NOW + 9e6,
        "01",
        "0123456789abcdef" * 4,
        "89abcdef" * 8,
    )
    root = replace(leaf, subject="O=CA", not_after=NOW + 9e7)
    chain = (leaf, root)
    return TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", "http/1.1", True, None, chain, NOW + 9e6)


def _resolution(target: Target) -> Resolution:
    answers = (
        DnsAnswer("10.0.0.2:53", "A", "NOERROR", ("192.0.2.1",), 0.002),
        DnsAnswer("10.0.0.2:53", "AAAA", "NOERROR", ("2001:db8::1",), 0.003),
    )
    found = ("192.0.2.1", "2001:db8::1")
    return Resolution(target.host, ResolutionSource.DNS, found, answers)


def _incidents(statuses: list[TargetStatus]) -> Iterator[Incident]:
    affected = tuple(r.target.id for r in statuses if r.health.state is State.DOWN)
    yield Incident(
        "i-1",
        Cause.TCP_TIMEOUT,
        Scope.PORT,
        "tcp/443",
        State.DOWN,
        NOW - 50,
        affected,
        "Nothing answers on tcp/443.",
        "Open the port.",
    )


def remembered(store: StateStore) -> StateStore:
    """Give a board a day behind it: latencies that rise and fall, an outage that one group had,
    and the incident that told of it."""
    outage = range(150, 156)
    hit = tuple(n for n, r in store.statuses.items() if r.target.group == "gateway_lighthouse")
    random = Random(1)
    for number, status in enumerate(store.statuses.values()):
        if status.probe_result is None:
            continue
        for slot in range(SLOTS):
            down = slot in outage and status.target.id in hit
            usual = 0.02 * (1 + number % 5) * (1.2 - 0.2 * cos(slot / SLOTS * 2 * pi))
            at = NOW - (SLOTS - 1 - slot) * SLOT_SECONDS
            state = State.DOWN if down else State.UP
            for jitter in (0.05, 0.3):
                latency = None if down else usual * (1 + random.expovariate(1 / jitter))
                status.timeline = observe(status.timeline, state, latency, at)
    began = NOW - (SLOTS - 1 - outage.start) * SLOT_SECONDS
    incident = Incident(
        "i-0", Cause.UDP_NO_REPLY, Scope.PORT, "udp/4242", State.DOWN, began, hit,
        "Outbound UDP port 4242 is blocked to every host that needs it.",
        "Open outbound UDP 4242 from the runner's subnet.", {"phase": "exchange"},
    )  # fmt: skip
    past = IncidentRecord(incident, began + len(outage) * SLOT_SECONDS)
    store.incident_log = (past, *map(IncidentRecord, store.incidents))
    return store


def all_up(store: StateStore) -> StateStore:
    """Make everything of a board well."""
    store.statuses = {n: r for n, r in store.statuses.items() if r.probe_result is not None}
    for status in store.statuses.values():
        status.probe_result, status.diagnosis = _up(status.target)
        status.health = Health(State.UP, NOW - 86_400)
    store.incidents = ()
    return store


def lost_egress(store: StateStore) -> StateStore:
    """Take everything outside the subnet away from a board."""
    for status in store.statuses.values():
        if status.target.group not in {"resolver", "instance_metadata"}:
            status.probe_result, status.diagnosis = _down(status.target)
            status.health = Health(State.DOWN, NOW - 250, Cause.TCP_TIMEOUT)
            status.timeline = observe(status.timeline, State.DOWN, None, NOW)
    lost = tuple(n for n, r in store.statuses.items() if r.health.state is State.DOWN)
    incident = Incident(
        "all_egress-1799999750", Cause.TCP_TIMEOUT, Scope.ALL_EGRESS, "all egress", State.DOWN,
        NOW - 250, lost,
        f"Nothing outside this subnet answers: all {len(lost)} hosts tried fail, most with "
        "tcp_timeout.",
        "Check the subnet's route to the NAT or transit gateway, then the network ACL and the "
        "security group's outbound rules.",
        {"hosts": f"{len(lost)} of {len(lost)}", "first": "app.ona.com"},
    )  # fmt: skip
    store.incidents = (incident,)
    store.incident_log += (IncidentRecord(incident),)
    return store
