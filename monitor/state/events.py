"""Events: one value per change, and the bus that delivers them to subscribers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.diagnosis.changes import Change
from monitor.health.gateways import Gateway
from monitor.health.redundancy import RedundantGroup
from monitor.health.status import TargetStatus
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.discovery import ChainState, UnlistedHost
from monitor.model.incident import Incident
from monitor.model.state import State
from monitor.state.egress_address import EgressPath
from monitor.state.investigation import Investigation

Fact = str | int | float | None


class EventKind(StrEnum):
    """The kind of an event. Stable values in logs, MQTT and the page."""

    TARGET_STATE = "target_state"
    INCIDENT_OPENED = "incident_opened"
    INCIDENT_CHANGED = "incident_changed"
    INCIDENT_CLOSED = "incident_closed"
    INCIDENT_INVESTIGATED = "incident_investigated"
    REDUNDANT_GROUP_STATE = "redundant_group_state"
    GATEWAY_CHANGED = "gateway_changed"
    CHAIN_BROKEN = "chain_broken"
    CHAIN_MENDED = "chain_mended"
    UNLISTED_HOST = "unlisted_host"
    ISSUER_CHANGED = "issuer_changed"
    EGRESS_ADDRESS_CHANGED = "egress_address_changed"


@dataclass(frozen=True, slots=True)
class Event:
    """One change. ``at`` is Unix seconds, ``subject`` the id of the target or incident, ``title`` a
    few words. ``serious``: an operator should act. ``facts`` are safe to print."""

    kind: EventKind
    at: float
    subject: str
    title: str
    serious: bool = False
    facts: Mapping[str, Fact] = field(default_factory=dict)


Listener = Callable[[Event], None]


class Events:
    """Delivers each event to every subscriber, in order. A subscriber returns at once; slow work
    belongs in a task of its own. If one raises, ``failed`` gets the exception, and the others get
    the event all the same."""

    def __init__(self, failed: Callable[[Exception], None] | None = None) -> None:
        self._listeners: list[Listener] = []
        self._failed = failed

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener`` with every event from now on."""
        self._listeners.append(listener)

    def publish(self, *events: Event) -> None:
        """Deliver events to all subscribers."""
        for event in events:
            for listener in self._listeners:
                self._deliver(listener, event)

    def _deliver(self, listener: Listener, event: Event) -> None:
        try:
            listener(event)
        except Exception as error:
            if self._failed is None:
                raise
            self._failed(error)


def state_changed(status: TargetStatus, diagnosis: Diagnosis, now: float) -> Event:
    """Return the event of a target whose state changed."""
    target, state = status.target, status.health.state
    facts: dict[str, Fact] = {"target": target.id, "group": target.group, "state": state.value}
    if status.health.flapping:
        facts["flapping"] = True
    if diagnosis.cause is not None:
        facts |= {
            "cause": diagnosis.cause.value,
            "detail": diagnosis.detail,
            "remediation": diagnosis.remediation,
        }
    serious = state in {State.DOWN, State.DEGRADED}
    title = f"target is {state.value}"
    return Event(EventKind.TARGET_STATE, now, target.id, title, serious, facts)


def incidents_changed(
    before: tuple[Incident, ...], after: tuple[Incident, ...], now: float
) -> tuple[Event, ...]:
    """Return the events of incidents that opened, changed or closed."""
    old = {incident.id: incident for incident in before}
    new = {incident.id for incident in after}
    events = []
    for incident in after:
        known = old.get(incident.id)
        if known is None:
            events.append(_opened(EventKind.INCIDENT_OPENED, "incident opened", incident, now))
        elif _nature(known) != _nature(incident):
            events.append(_opened(EventKind.INCIDENT_CHANGED, "incident changed", incident, now))
    events += [_closed(incident, now) for incident in before if incident.id not in new]
    return tuple(events)


def _nature(incident: Incident) -> tuple[object, ...]:
    return incident.scope, incident.cause, incident.state


def redundant_groups_changed(
    before: tuple[RedundantGroup, ...], after: tuple[RedundantGroup, ...], now: float
) -> tuple[Event, ...]:
    """Return the events of redundant groups whose state changed. A group that is up when first seen
    causes none."""
    old = {group.name: group.state for group in before}
    changed = [group for group in after if group.state is not old.get(group.name, State.UNKNOWN)]
    first = {group.name for group in changed if old.get(group.name) in {None, State.UNKNOWN}}
    return tuple(
        _redundant_group_changed(group, now)
        for group in changed
        if not (group.name in first and group.state is State.UP)
    )


def _redundant_group_changed(group: RedundantGroup, now: float) -> Event:
    facts: dict[str, Fact] = {
        "redundant_group": group.name,
        "state": group.state.value,
        "working": ", ".join(group.working),
        "not_working": ", ".join(a.name for a in group.alternatives if a.name not in group.working),
    }
    title = f"redundant group is {group.state.value}"
    serious = group.state in {State.DOWN, State.DEGRADED}
    return Event(EventKind.REDUNDANT_GROUP_STATE, now, group.name, title, serious, facts)


def incident_investigated(incident: Incident, found: Investigation, now: float) -> Event:
    """Return the event of the findings about an open incident: what changed, and the path."""
    last = found.path.last_responding if found.path else None
    facts: dict[str, Fact] = {
        "target": found.target_id,
        "changes": found.changes_in_words,
        "path_reached": found.path.reached if found.path else None,
        "last_responding_hop": last.ttl if last else None,
        "last_responding_address": last.addresses[0] if last else None,
        "reset_by_middlebox": found.reset.is_middlebox if found.reset else None,
    }
    kept = {name: value for name, value in facts.items() if value not in {None, ""}}
    return Event(
        EventKind.INCIDENT_INVESTIGATED, now, incident.id, "incident investigated", facts=kept
    )


def incident_explained(incident: Incident, now: float) -> Event:
    """Return the event of an incident whose sentence now includes follow-up results."""
    return _opened(EventKind.INCIDENT_CHANGED, "incident explained", incident, now)


def gateway_changed(before: str | None, gateways: tuple[Gateway, ...], now: float) -> Event:
    """Return the event of a change of the gateway that a runner would pick, None for no gateway.

    The facts hold the latency of every gateway in seconds as ``latency_NAME``.
    """
    after = next((gateway.name for gateway in gateways if gateway.preferred), None)
    facts: dict[str, Fact] = {"from": before, "to": after}
    for gateway in gateways:
        latency = gateway.latency
        facts[f"latency_{gateway.name}"] = None if latency is None else round(latency, 6)
    title = "gateway changed" if after else "no gateway answers"
    subject = after or before or ""
    return Event(EventKind.GATEWAY_CHANGED, now, subject, title, serious=not after, facts=facts)


def chain_changed(before: ChainState | None, after: ChainState, now: float) -> tuple[Event, ...]:
    """Return the event of a discovery chain that failed, fails at another step, or recovered."""
    was, broken = before.broken if before else None, after.broken
    if broken is None:
        mended = Event(EventKind.CHAIN_MENDED, now, after.chain, "discovery works again")
        return (mended,) if was else ()
    if was is not None and (was.number, was.cause) == (broken.number, broken.cause):
        return ()
    facts: dict[str, Fact] = {
        "chain": broken.chain,
        "step": broken.number,
        "steps": broken.steps,
        "asked": broken.asked,
        "cause": broken.cause.value,
        "detail": broken.detail,
        "remediation": broken.remediation,
    }
    return (Event(EventKind.CHAIN_BROKEN, now, after.chain, "discovery broke", facts=facts),)


def unlisted_host_seen(host: UnlistedHost, now: float) -> Event:
    """Return the event of the first redirect to a host that no row covers."""
    facts: dict[str, Fact] = {
        "host": host.host,
        "port": host.port,
        "redirected_by": ", ".join(host.sources),
        "refused": host.denial_reason or None,
        "remediation": "allow it, or add it as an [[endpoint]] if it is allowed already",
    }
    title = "redirect to a host that no row covers"
    return Event(EventKind.UNLISTED_HOST, now, host.host, title, serious=True, facts=facts)


def issuer_changed(status: TargetStatus, old: str, new: str, now: float) -> Event:
    """Return the event of a certificate from an issuer not seen for this target before: its owner
    changed the CA, or a middlebox intercepts TLS."""
    target, diagnosis = status.target, status.diagnosis
    inspector = diagnosis.evidence.get("inspected_by") if diagnosis else None
    intercepted = diagnosis is not None and diagnosis.cause is Cause.TLS_INTERCEPTED
    facts: dict[str, Fact] = {
        "target": target.id,
        "group": target.group,
        "host": target.host,
        "old_issuer": old,
        "new_issuer": new,
        "trusted": int(status.probe_result is not None and status.probe_result.ok),
        "inspected_by": inspector,
    }
    serious = intercepted or inspector is not None
    title = "TLS is inspected" if serious else "certificate issuer changed"
    return Event(EventKind.ISSUER_CHANGED, now, target.id, title, serious, facts)


def egress_address_changed(path: EgressPath, change: Change) -> Event:
    """Return the event of a new public address: allow-lists on the other side may not have it."""
    facts: dict[str, Fact] = {
        "proxy_path": path.proxy_path.value,
        "old_address": change.before,
        "new_address": path.addresses[0].address,
        "remediation": "check the NAT gateway, proxy and route; then update the allow-lists that "
        "name the old address",
    }
    kind, name = EventKind.EGRESS_ADDRESS_CHANGED, path.proxy_path.value
    return Event(kind, change.at, name, "public address changed", serious=True, facts=facts)


def _opened(kind: EventKind, title: str, incident: Incident, now: float) -> Event:
    facts: dict[str, Fact] = {
        "incident": incident.id,
        "scope": incident.scope.value,
        "subject": incident.subject,
        "cause": incident.cause.value,
        "state": incident.state.value,
        "affected": len(incident.affected),
        "detail": incident.detail,
        "remediation": incident.remediation,
        "confidence": incident.confidence,
    }
    return Event(kind, now, incident.id, title, serious=True, facts=facts)


def _closed(incident: Incident, now: float) -> Event:
    facts: dict[str, Fact] = {
        "incident": incident.id,
        "scope": incident.scope.value,
        "seconds": round(now - incident.started_at, 1),
    }
    return Event(EventKind.INCIDENT_CLOSED, now, incident.id, "incident closed", facts=facts)
