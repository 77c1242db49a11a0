"""Follow-up probes: measurements that decide between two causes of an incident. Pure.

They go only to hosts, addresses and names that the configuration names already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from monitor.diagnosis.evidence import clean
from monitor.health.status import TargetStatus
from monitor.model.causes import Cause, FollowUpKind
from monitor.model.endpoint import Protocol
from monitor.model.groups import RESOLVER_GROUP
from monitor.model.incident import Incident, Scope
from monitor.model.path import FlowTest
from monitor.model.probe_result import ProbeResult
from monitor.model.state import State
from monitor.model.target import Target

C = Cause
SMALL_SEGMENT = 500
"""Largest TCP segment of a small-segment probe: 500 bytes, less than any path carries (RFC 791)."""

_ADDRESSES = 2
_SERVERS = 3
_TLS = frozenset({Protocol.HTTPS, Protocol.TLS})
_STREAMS = _TLS | {Protocol.HTTP, Protocol.TCP}
_SHARED = frozenset({Scope.HOST, Scope.ALL_EGRESS, Scope.ADDRESS_FAMILY, Scope.TLS_INTERCEPTION})
"""Scopes that need no follow-up: what fails together already shows where the fault is."""


class Rival(StrEnum):
    """Question that a follow-up probe decides. Stable values: names of an incident's evidence."""

    OTHER_NAME = "other_name"  # is it the name? another one at the same address
    SMALL_SEGMENTS = "small_segments"  # is it the size of packets? the same name in small ones
    OTHER_PORT = "other_port"  # is it the port? another one at the same address
    OTHER_ADDRESS = "other_address"  # is it the address? another one of the same name
    SAME_PORT = "same_port"  # is it the port everywhere? the same one of another host
    TCP = "tcp"  # is it UDP? TCP to the same host
    OTHER_SERVER = "other_server"  # is it that name server? one that was not asked
    ALTERNATE_PROXY = "beside_proxy"  # is it the proxy? the same without it
    FLOWS = "flows"  # is it one path of several, or loss? chosen source ports, each twice
    THROUGH_PROXY = "through_proxy"  # is it the direct way? the same through the proxy


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One follow-up probe. ``subject`` names what is probed, ``segment`` is the largest TCP
    segment in bytes that the peer may send."""

    rival: Rival
    subject: str
    target: Target
    segment: int | None = None


@dataclass(frozen=True, slots=True)
class FollowUpResult:
    """Result of a follow-up probe. ``answered``: the probed thing works, as far as it matters.
    ``target_id`` is the target whose failure is followed up with ``flows``."""

    rival: Rival
    subject: str
    answered: bool
    said: str
    flows: FlowTest | None = None
    target_id: str = ""


Outcome = ProbeResult | FlowTest
"""Outcome of a follow-up probe: flows for ``Rival.FLOWS``, otherwise a probe result."""


def follow_ups_for(incident: Incident, statuses: Sequence[TargetStatus]) -> tuple[FollowUp, ...]:
    """Return the follow-up probes that would decide the cause; few, none if it is clear."""
    kind = incident.cause.record.follow_up
    if kind is None or (incident.scope in _SHARED and not incident.intermittent):
        return ()
    affected = set(incident.affected)
    members = (s for s in statuses if s.target.id in affected and s.cause is incident.cause)
    speaker = next((s for s in members if s.target.group != RESOLVER_GROUP), None)
    if speaker is None:
        return ()
    flows = tuple(_flows(speaker))
    return flows if incident.intermittent else (*flows, *_CHOOSERS[kind](speaker, statuses))


def _flows(speaker: TargetStatus) -> Iterator[FollowUp]:
    """Yield connections from chosen source ports, if TCP to the speaker gets no answer."""
    address = _last_address(speaker)
    tcp = speaker.target.endpoint.protocol in _STREAMS and speaker.cause is C.TCP_TIMEOUT
    if tcp and address is not None and not _proxied(speaker):
        subject = f"TCP {speaker.target.dial_port} of {address}, by source port"
        target = _changed(speaker.target, Rival.FLOWS)
        yield FollowUp(Rival.FLOWS, subject, replace(target, address=address))


def _last_address(speaker: TargetStatus) -> str | None:
    connections = speaker.probe_result.connections if speaker.probe_result else ()
    failed = next((c.address for c in connections if c.failure is not None), None)
    return failed or _address(speaker)


def follow_up_result_of(follow_up: FollowUp, outcome: Outcome) -> FollowUpResult:
    """Return what a follow-up probe shows."""
    if isinstance(outcome, FlowTest):
        return _flow_result(follow_up, outcome)
    probe_result = outcome
    if follow_up.rival is Rival.OTHER_NAME:
        # Any reply to a ClientHello, even an alert, shows that the hello and its reply pass.
        answered = any(connection.received for connection in probe_result.connections)
    elif follow_up.rival is Rival.SMALL_SEGMENTS:
        # Only the certificate is larger than one segment: less of an answer proves nothing.
        answered = probe_result.ok or any(c.tls and c.tls.chain for c in probe_result.connections)
    else:
        answered = probe_result.ok
    said = (
        "answers"
        if answered or probe_result.failure is None
        else clean(probe_result.failure.message)
    )
    return FollowUpResult(follow_up.rival, follow_up.subject, answered, said)


def _flow_result(follow_up: FollowUp, test: FlowTest) -> FollowUpResult:
    tried = 2 * len(test.flows)
    failed = sum(test.failed_rounds) if test.flows else 0
    said = f"{failed} of {tried} tries fail ({test.pattern.value})" if tried else "not tried"
    name = follow_up.target.id.removesuffix(f"/{Rival.FLOWS}")
    return FollowUpResult(follow_up.rival, follow_up.subject, failed < tried, said, test, name)


def _hello_follow_ups(
    speaker: TargetStatus, statuses: Sequence[TargetStatus]
) -> Iterator[FollowUp]:
    if _proxied(speaker):
        yield _alternate_proxy(speaker)
        return
    address = _address(speaker)
    if address is None:
        return
    own = replace(speaker.target, address=address)
    # A server that has begun to answer shows that no filter stops the name.
    name = None if _begun(speaker) else _other_name(speaker, statuses)
    if name is not None:
        other = _changed(own, Rival.OTHER_NAME, host=name, protocol=Protocol.TLS, prober="tls")
        yield FollowUp(Rival.OTHER_NAME, f"{name} at {address}", other)
    if speaker.cause is C.TLS_TIMEOUT_ON_HELLO:
        small = _changed(own, Rival.SMALL_SEGMENTS, protocol=Protocol.TLS, prober="tls")
        subject = f"{speaker.target.host} in segments of {SMALL_SEGMENT} bytes"
        yield FollowUp(Rival.SMALL_SEGMENTS, subject, small, segment=SMALL_SEGMENT)
    yield from _through_proxy(speaker, statuses)


def _begun(speaker: TargetStatus) -> bool:
    primary = speaker.probe_result.primary if speaker.probe_result else None
    return primary is not None and primary.received > 0


def _other_name(speaker: TargetStatus, statuses: Sequence[TargetStatus]) -> str | None:
    """Return a name that TLS works for and that no rule for the speaker's domain covers: if
    there is one, of the speaker's own address."""
    address, domain = _address(speaker), _domain(speaker.target.host)
    working = [
        s
        for s in statuses
        if s.state is State.UP
        and s.target.endpoint.protocol in _TLS
        and _domain(s.target.host) != domain
        and not _proxied(s)
    ]
    same = (s for s in working if address in _addresses(s))
    chosen = next(same, next(iter(working), None))
    return chosen.target.host if chosen else None


def _stream_follow_ups(
    speaker: TargetStatus, statuses: Sequence[TargetStatus]
) -> Iterator[FollowUp]:
    target, address = speaker.target, _address(speaker)
    streams = [s for s in statuses if s.target.endpoint.protocol in _STREAMS]
    other = next(
        (s for s in streams if s.target.host == target.host and s.target.port != target.port), None
    )
    if other is not None and address is not None:
        port = other.target.dial_port
        yield _tcp_follow_up(Rival.OTHER_PORT, f"port {port}", other.target, address)
    family = [a for a in _addresses(speaker) if (":" in a) is (":" in (address or ""))]
    for another in [a for a in family if a != address][:_ADDRESSES]:
        yield _tcp_follow_up(Rival.OTHER_ADDRESS, another, target, another)
    elsewhere = next(
        (
            s
            for s in streams
            if s.state is State.UP
            and s.transport == speaker.transport
            and not _proxied(s)
            and s.target.host != target.host
            and not s.local
        ),
        None,
    )
    if elsewhere is not None:
        subject = f"{elsewhere.target.host} port {target.port}"
        yield _tcp_follow_up(Rival.SAME_PORT, subject, elsewhere.target, elsewhere.target.address)
    yield from _through_proxy(speaker, statuses)


def _datagram_follow_ups(
    speaker: TargetStatus, statuses: Sequence[TargetStatus]
) -> Iterator[FollowUp]:
    for other in statuses:
        alternate = other.target.endpoint.protocol in _STREAMS
        if alternate and other.target.host == speaker.target.host:
            subject = f"TCP {other.target.port} of {other.target.host}"
            yield _tcp_follow_up(Rival.TCP, subject, other.target, _address(speaker))
            return


def _name_follow_ups(speaker: TargetStatus, statuses: Sequence[TargetStatus]) -> Iterator[FollowUp]:
    resolution = speaker.probe_result.resolution if speaker.probe_result else None
    asked = {answer.server for answer in resolution.answers} if resolution else set()
    servers = [s.target for s in statuses if s.target.group == RESOLVER_GROUP]
    for server in [s for s in servers if _place(s) not in asked][:_SERVERS]:
        rival = Rival.OTHER_SERVER
        target = _changed(server, rival, query=speaker.target.host)
        yield FollowUp(rival, server.host, target)


def _proxy_follow_ups(speaker: TargetStatus, _: Sequence[TargetStatus]) -> Iterator[FollowUp]:
    yield _alternate_proxy(speaker)


_CHOOSERS: Mapping[
    FollowUpKind, Callable[[TargetStatus, Sequence[TargetStatus]], Iterator[FollowUp]]
] = MappingProxyType(
    {
        FollowUpKind.HELLO: _hello_follow_ups,
        FollowUpKind.STREAM: _stream_follow_ups,
        FollowUpKind.DATAGRAM: _datagram_follow_ups,
        FollowUpKind.NAME: _name_follow_ups,
        FollowUpKind.PROXY: _proxy_follow_ups,
    }
)


def _alternate_proxy(speaker: TargetStatus) -> FollowUp:
    target = _changed(speaker.target, Rival.ALTERNATE_PROXY)
    return FollowUp(Rival.ALTERNATE_PROXY, f"{target.host} without the proxy", target)


def _through_proxy(speaker: TargetStatus, statuses: Sequence[TargetStatus]) -> Iterator[FollowUp]:
    used = next(
        (s.probe_result.proxy for s in statuses if s.probe_result and s.probe_result.proxy), None
    )
    if used is not None and not _proxied(speaker) and speaker.target.endpoint.protocol in _TLS:
        target = _changed(speaker.target, Rival.THROUGH_PROXY)
        yield FollowUp(Rival.THROUGH_PROXY, f"{target.host} through {used}", target)


def _tcp_follow_up(rival: Rival, subject: str, target: Target, address: str | None) -> FollowUp:
    target = _changed(target, rival, protocol=Protocol.TCP, prober="tcp")
    return FollowUp(rival, subject, replace(target, address=address))


def _changed(target: Target, rival: Rival, **changes: object) -> Target:
    """Return a target with an id of its own: its result is not one of the target's."""
    name = f"{target.id}/{rival}"
    return replace(target, endpoint=replace(target.endpoint, id=name, **changes))  # type: ignore[arg-type]


def _address(status: TargetStatus) -> str | None:
    primary = status.probe_result.primary if status.probe_result else None
    return primary.address if primary else None


def _addresses(status: TargetStatus) -> tuple[str, ...]:
    resolution = status.probe_result.resolution if status.probe_result else None
    return resolution.addresses if resolution else ()


def _proxied(status: TargetStatus) -> bool:
    return status.probe_result is not None and status.probe_result.proxy is not None


def _domain(host: str) -> str:
    return ".".join(host.split(".")[-2:])


def _place(server: Target) -> str:
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"{host}:{server.port}"
