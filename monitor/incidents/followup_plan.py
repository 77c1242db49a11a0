"""Second looks: what to measure once more where one look can't tell two causes apart. Pure.

A look goes only to hosts, addresses and names that the configuration names already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from monitor.diagnosis.evidence import clean
from monitor.health.status import Standing
from monitor.model.diagnosis import Cause
from monitor.model.endpoint import Protocol
from monitor.model.groups import RESOLVER_GROUP
from monitor.model.incident import Incident, Scope
from monitor.model.probe_result import Attempt
from monitor.model.state import State
from monitor.model.target import Target

C = Cause
SMALL_SEGMENT = 500
"""Bytes: below what any path carries (RFC 791: 576 with headers), so that no MTU matters."""

_ADDRESSES = 2
_SERVERS = 3
_TLS = frozenset({Protocol.HTTPS, Protocol.TLS})
_STREAMS = _TLS | {Protocol.HTTP, Protocol.TCP}
_SHARED = frozenset({Scope.HOST, Scope.ALL_EGRESS, Scope.ADDRESS_FAMILY, Scope.TLS_INTERCEPTION})
"""Scopes that need no look: what fails together has told already where it breaks."""


class Question(StrEnum):
    """What a look settles. Stable values: names of an incident's evidence."""

    OTHER_NAME = "other_name"  # is it the name? another one at the same address
    SMALL_SEGMENTS = "small_segments"  # is it the size of packets? the same name in small ones
    OTHER_PORT = "other_port"  # is it the port? another one at the same address
    OTHER_ADDRESS = "other_address"  # is it the address? another one of the same name
    SAME_PORT = "same_port"  # is it the port everywhere? the same one of another host
    TCP = "tcp"  # is it UDP? TCP to the same host
    OTHER_SERVER = "other_server"  # is it that name server? one that was not asked
    BESIDE_PROXY = "beside_proxy"  # is it the proxy? the same without it
    THROUGH_PROXY = "through_proxy"  # is it the direct way? the same through the proxy


@dataclass(frozen=True, slots=True)
class Look:
    """One measurement that answers a question. ``subject`` says what is looked at.
    ``segment``: the largest TCP segment (bytes) that the peer is told to send."""

    question: Question
    subject: str
    target: Target
    segment: int | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look saw. ``answered``: what was looked at works, as far as the question goes."""

    question: Question
    subject: str
    answered: bool
    said: str


def looks_for(incident: Incident, standings: Sequence[Standing]) -> tuple[Look, ...]:
    """Return the looks that would settle why an incident is; few, and none where it is plain."""
    chooser = _CHOOSERS.get(incident.cause)
    if chooser is None or incident.scope in _SHARED:
        return ()
    affected = set(incident.affected)
    members = (s for s in standings if s.target.id in affected and s.cause is incident.cause)
    speaker = next((s for s in members if s.target.group != RESOLVER_GROUP), None)
    return tuple(chooser(speaker, standings)) if speaker else ()


def sight_of(look: Look, attempt: Attempt) -> Sight:
    """Return what an attempt says to the question."""
    if look.question in {Question.OTHER_NAME, Question.SMALL_SEGMENTS}:
        # Whatever a server says to a ClientHello shows that the hello and its answer pass.
        answered = any(connection.received for connection in attempt.connections)
    else:
        answered = attempt.ok
    said = "answers" if answered or attempt.failure is None else clean(attempt.failure.message)
    return Sight(look.question, look.subject, answered, said)


def _hello_looks(speaker: Standing, standings: Sequence[Standing]) -> Iterator[Look]:
    if _proxied(speaker):
        yield _beside_proxy(speaker)
        return
    address = _address(speaker)
    if address is None:
        return
    own = replace(speaker.target, address=address)
    name = _other_name(speaker, standings)
    if name is not None:
        other = _changed(own, Question.OTHER_NAME, host=name, protocol=Protocol.TLS, prober="tls")
        yield Look(Question.OTHER_NAME, f"{name} at {address}", other)
    if speaker.cause is C.TLS_TIMEOUT_ON_HELLO:
        small = _changed(own, Question.SMALL_SEGMENTS, protocol=Protocol.TLS, prober="tls")
        subject = f"{speaker.target.host} in segments of {SMALL_SEGMENT} bytes"
        yield Look(Question.SMALL_SEGMENTS, subject, small, segment=SMALL_SEGMENT)
    yield from _through_proxy(speaker, standings)


def _other_name(speaker: Standing, standings: Sequence[Standing]) -> str | None:
    """Return a name that TLS works for and that no rule for the speaker's domain covers: if
    there is one, of the speaker's own address."""
    address, domain = _address(speaker), _domain(speaker.target.host)
    working = [
        s
        for s in standings
        if s.state is State.UP
        and s.target.endpoint.protocol in _TLS
        and _domain(s.target.host) != domain
        and not _proxied(s)
    ]
    same = (s for s in working if address in _addresses(s))
    chosen = next(same, next(iter(working), None))
    return chosen.target.host if chosen else None


def _stream_looks(speaker: Standing, standings: Sequence[Standing]) -> Iterator[Look]:
    target, address = speaker.target, _address(speaker)
    streams = [s for s in standings if s.target.endpoint.protocol in _STREAMS]
    other = next(
        (s for s in streams if s.target.host == target.host and s.target.port != target.port), None
    )
    if other is not None and address is not None:
        port = other.target.dial_port
        yield _tcp_look(Question.OTHER_PORT, f"port {port}", other.target, address)
    family = [a for a in _addresses(speaker) if (":" in a) is (":" in (address or ""))]
    for another in [a for a in family if a != address][:_ADDRESSES]:
        yield _tcp_look(Question.OTHER_ADDRESS, another, target, another)
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
        yield _tcp_look(Question.SAME_PORT, subject, elsewhere.target, elsewhere.target.address)
    yield from _through_proxy(speaker, standings)


def _datagram_looks(speaker: Standing, standings: Sequence[Standing]) -> Iterator[Look]:
    for other in standings:
        beside = other.target.endpoint.protocol in _STREAMS
        if beside and other.target.host == speaker.target.host:
            subject = f"TCP {other.target.port} of {other.target.host}"
            yield _tcp_look(Question.TCP, subject, other.target, _address(speaker))
            return


def _name_looks(speaker: Standing, standings: Sequence[Standing]) -> Iterator[Look]:
    resolution = speaker.attempt.resolution if speaker.attempt else None
    asked = {answer.server for answer in resolution.answers} if resolution else set()
    servers = [s.target for s in standings if s.target.group == RESOLVER_GROUP]
    for server in [s for s in servers if _place(s) not in asked][:_SERVERS]:
        question = Question.OTHER_SERVER
        target = _changed(server, question, query=speaker.target.host)
        yield Look(question, server.host, target)


def _proxy_looks(speaker: Standing, _: Sequence[Standing]) -> Iterator[Look]:
    yield _beside_proxy(speaker)


_CHOOSERS: Mapping[Cause, Callable[[Standing, Sequence[Standing]], Iterator[Look]]] = (
    MappingProxyType(
        {
            C.TLS_RESET_ON_HELLO: _hello_looks,
            C.TLS_TIMEOUT_ON_HELLO: _hello_looks,
            C.TCP_TIMEOUT: _stream_looks,
            C.TCP_REFUSED: _stream_looks,
            C.ADMIN_PROHIBITED: _stream_looks,
            C.HOST_UNREACHABLE: _stream_looks,
            C.UDP_NO_REPLY: _datagram_looks,
            C.UDP_PORT_UNREACHABLE: _datagram_looks,
            C.DNS_NXDOMAIN: _name_looks,
            C.DNS_NODATA: _name_looks,
            C.DNS_SINKHOLED: _name_looks,
            C.PROXY_DENIED: _proxy_looks,
            C.PROXY_AUTH_REQUIRED: _proxy_looks,
            C.PROXY_UNREACHABLE: _proxy_looks,
            C.PROXY_UPSTREAM_FAILED: _proxy_looks,
        }
    )
)


def _beside_proxy(speaker: Standing) -> Look:
    target = _changed(speaker.target, Question.BESIDE_PROXY)
    return Look(Question.BESIDE_PROXY, f"{target.host} without the proxy", target)


def _through_proxy(speaker: Standing, standings: Sequence[Standing]) -> Iterator[Look]:
    used = next((s.attempt.proxy for s in standings if s.attempt and s.attempt.proxy), None)
    if used is not None and not _proxied(speaker) and speaker.target.endpoint.protocol in _TLS:
        target = _changed(speaker.target, Question.THROUGH_PROXY)
        yield Look(Question.THROUGH_PROXY, f"{target.host} through {used}", target)


def _tcp_look(question: Question, subject: str, target: Target, address: str | None) -> Look:
    target = _changed(target, question, protocol=Protocol.TCP, prober="tcp")
    return Look(question, subject, replace(target, address=address))


def _changed(target: Target, question: Question, **changes: object) -> Target:
    """Return a target of its own, so that nobody takes its result for the target's."""
    name = f"{target.id}/{question}"
    return replace(target, endpoint=replace(target.endpoint, id=name, **changes))  # type: ignore[arg-type]


def _address(standing: Standing) -> str | None:
    primary = standing.attempt.primary if standing.attempt else None
    return primary.address if primary else None


def _addresses(standing: Standing) -> tuple[str, ...]:
    resolution = standing.attempt.resolution if standing.attempt else None
    return resolution.addresses if resolution else ()


def _proxied(standing: Standing) -> bool:
    return standing.attempt is not None and standing.attempt.proxy is not None


def _domain(host: str) -> str:
    return ".".join(host.split(".")[-2:])


def _place(server: Target) -> str:
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"{host}:{server.port}"
