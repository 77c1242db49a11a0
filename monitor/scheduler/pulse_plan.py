"""The pulses to send: one per distinct way out that the targets use. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from monitor.health.status import TargetStatus
from monitor.model.groups import RESOLVER_GROUP
from monitor.model.probe_result import Connection, Failure, Phase
from monitor.model.pulse import PulseKind, PulsePoint

POINTS = 200
"""Upper bound of ways out that are checked."""

_TOO_MANY_REQUESTS = 429
_PATH_PHASES = frozenset({Phase.CONNECT, Phase.EXCHANGE})


def pulse_points(statuses: Iterable[TargetStatus]) -> Mapping[PulsePoint, tuple[str, ...]]:
    """Return the ways out of the targets' last probes, with the ids of the targets that use them.

    Left out are targets with an interval of their own and those that answered 429: they asked
    for fewer requests.
    """
    points: dict[PulsePoint, list[str]] = {}
    for status in statuses:
        for point in _points_of(status):
            if point in points or len(points) < POINTS:
                points.setdefault(point, []).append(status.target.id)
    return {point: tuple(ids) for point, ids in points.items()}


def wants_fewer_requests(status: TargetStatus) -> bool:
    """Return whether a target is probed in its slots only: it has an interval of its own, or its
    server limits the rate of requests."""
    return status.target.endpoint.interval is not None or limits_rate(status)


def limits_rate(status: TargetStatus) -> bool:
    """Return whether the server answered the last probe with 429 (RFC 6585, section 4)."""
    connections = status.probe_result.connections if status.probe_result else ()
    return any(c.http is not None and c.http.status == _TOO_MANY_REQUESTS for c in connections)


def _points_of(status: TargetStatus) -> Iterable[PulsePoint]:
    target, result = status.target, status.probe_result
    if result is None or wants_fewer_requests(status):
        return
    if target.group == RESOLVER_GROUP:
        yield PulsePoint(PulseKind.DNS, target.host, target.port, target.endpoint.query)
        return
    for connection in result.connections:
        if _concerns_the_path(connection.failure):
            yield from _point_of(status, connection)


def _point_of(status: TargetStatus, connection: Connection) -> Iterable[PulsePoint]:
    prober = status.target.endpoint.prober
    if connection.proxy:
        yield PulsePoint(PulseKind.TCP, connection.address, connection.port)
    elif prober == "nebula":
        yield PulsePoint(PulseKind.NEBULA, connection.address, connection.port)
    elif prober in {"http", "tls", "tcp"}:
        yield PulsePoint(PulseKind.TCP, connection.address, connection.port)


def _concerns_the_path(failure: Failure | None) -> bool:
    """Return whether a pulse can show a change: after a success, or a failure to connect."""
    return failure is None or failure.phase in _PATH_PHASES
