"""View of one incident for an engineer on call: impact, timeline, checks, ticket. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, islice

from monitor.common.listing import listed
from monitor.health.redundancy import covered_by_redundancy
from monitor.health.status import TargetStatus
from monitor.incidents.incident_log import IncidentRecord
from monitor.model.causes import Cause
from monitor.model.identity import Identity
from monitor.model.incident import Incident, Scope
from monitor.model.path import PathTrace
from monitor.model.probe_result import ProbeResult
from monitor.model.state import State
from monitor.present import firewall_request
from monitor.present.formats import FirewallFormat
from monitor.present.impact import impact
from monitor.present.ticket import Contact, contact_for, ticket_text
from monitor.present.trace_view import TraceReport, conclusion
from monitor.state.egress_address import EgressPath
from monitor.state.events import Event, EventKind
from monitor.state.investigation import Investigation
from monitor.state.store import StateStore

TIMELINE_LIMIT = 24
"""Maximum number of entries of a timeline; the middle of a longer one is left out."""

REQUESTED_LIMIT = 200
"""Maximum number of targets in the firewall request of a ticket."""

COMMANDS_LIMIT = 8
"""Maximum number of commands to confirm a cause."""

_BEFORE = 300.0
_AFTER = 120.0
_TITLE_NAMES = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a timeline. ``at`` is Unix seconds, None for entries that were left out."""

    at: float | None
    text: str


@dataclass(frozen=True, slots=True)
class IncidentView:
    """Everything that the page of an incident shows, as finished values."""

    title: str
    impact: str
    timeline: tuple[Entry, ...]
    evidence: tuple[tuple[str, str], ...]
    """Name in plain words, and value."""
    commands: tuple[str, ...]
    """Shell commands that confirm the cause, filled in."""
    confirm: str
    """The same with explanation; code is between backticks."""
    contact: Contact
    ticket: str
    runbook: str
    """Path of the runbook entry, relative to the overview."""


def incident_page_view(store: StateStore, record: IncidentRecord, now: float) -> IncidentView:
    """Return the view of an open or past incident as of ``now`` (Unix seconds)."""
    incident = record.incident
    affected = [store.statuses[name] for name in incident.affected if name in store.statuses]
    speaker = next((s for s in affected if s.diagnosis and s.diagnosis.cause), None)
    values = placeholders(incident, speaker or next(iter(affected), None), store.identity)
    confirm = filled(incident.cause.record.confirm, values)
    commands = tuple(dict.fromkeys(re.findall("`([^`]+)`", confirm)))
    contact = contact_for(incident, affected)
    view_impact = impact_of(store, incident)
    found = store.investigations.get(incident.id)
    evidence = (
        *evidence_in_words(incident.evidence),
        *investigation_in_words(found),
        *egress_in_words(store.egress_paths),
    )
    return IncidentView(
        title=title_of(incident),
        impact=view_impact,
        timeline=timeline(store.recent_events, record),
        evidence=evidence,
        commands=tuple(c for c in commands if " " in c)[:COMMANDS_LIMIT],
        confirm=confirm,
        contact=contact,
        ticket=ticket_text(
            record,
            contact,
            view_impact,
            evidence,
            identity=store.identity,
            request=_request(affected, store.identity),
        ),
        runbook=runbook_path(incident.cause),
    )


def investigation_in_words(found: Investigation | None) -> Iterator[tuple[str, str]]:
    """Yield what changed and where packets stop, as names and values."""
    if found is None:
        return
    if found.changes:
        yield "What changed", found.changes_in_words
    if found.path is None:
        return
    yield "Path", conclusion(report_of(found, found.path))
    hops = ", ".join(f"{hop.ttl} {hop.addresses[0]}" for hop in found.path.hops if hop.addresses)
    yield "Hops that replied", hops or "none"


def egress_in_words(paths: Iterable[EgressPath]) -> Iterator[tuple[str, str]]:
    """Yield the public addresses of each way out: the sources that the other side sees."""
    for path in paths:
        if path.addresses:
            addresses = " and ".join(address.address for address in path.current)
            yield f"Public address {path.in_words}", addresses


def report_of(found: Investigation, path: PathTrace) -> TraceReport:
    """Return the traces of an investigation as a report."""
    return TraceReport(found.name, path, found.control_name, found.control, reset=found.reset)


def as_json(view: IncidentView) -> dict[str, object]:
    """Return the view as the API has it."""
    return {
        "title": view.title,
        "impact": view.impact,
        "timeline": [asdict(entry) for entry in view.timeline],
        "confirm": view.confirm,
        "commands": list(view.commands),
        "contact": view.contact.who,
        "contact_reason": view.contact.why,
        "ticket": view.ticket,
        "runbook": view.runbook,
        "evidence_in_words": [{"name": name, "value": value} for name, value in view.evidence],
    }


def impact_of(store: StateStore, incident: Incident) -> str:
    """Return the impact of an incident that is or was as wide as it is recorded."""
    statuses = store.statuses
    affected = [
        (statuses[name].target, incident.state) for name in incident.affected if name in statuses
    ]
    covered = covered_by_redundancy(store.redundant_groups)
    return impact(affected, (status.target for status in statuses.values()), covered)


def title_of(incident: Incident) -> str:
    """Return a title of one line: the sentence of the incident without long lists of names."""
    sentence = re.split(r"(?<=[.;]) ", incident.detail, maxsplit=1)[0].rstrip(".;")
    names = re.split(r", (?:and )?", sentence)
    if len(names) > _TITLE_NAMES + 1:
        sentence = listed(names, _TITLE_NAMES)
    return sentence


def runbook_path(cause: Cause) -> str:
    """Return the path of a cause's runbook entry below the overview."""
    return f"runbook/{cause.value}"


def placeholders(
    incident: Incident, status: TargetStatus | None, identity: Identity
) -> Mapping[str, str]:
    """Return the values of a runbook's placeholders that are known for an incident."""
    found: dict[str, str] = {}
    if status is not None:
        found["HOST"], found["PORT"] = status.target.host, str(status.target.dial_port)
        found |= _observed(status.probe_result)
    evidence = incident.evidence
    for name, key in (("ADDRESS", "address"), ("SERVER", "server"), ("PROXY", "proxy")):
        if value := evidence.get(key):
            found[name] = value
    if incident.scope is Scope.RESOLVER and incident.subject:
        found["SERVER"] = incident.subject
    if incident.scope is Scope.PROXY and incident.subject:
        found["PROXY"] = incident.subject
    if identity.subnet_id:
        found["SUBNET"] = identity.subnet_id
    found["SERVER"] = found.get("SERVER", "").removesuffix(":53")
    return {name: value for name, value in found.items() if re.fullmatch(r"[\w.:\[\]%-]+", value)}


def filled(text: str, values: Mapping[str, str]) -> str:
    """Fill placeholders into the code of a runbook text. Unknown ones stay."""

    def fill(code: re.Match[str]) -> str:
        return re.sub(r"\b[A-Z]{4,}\b", lambda name: values.get(name[0], name[0]), code[0])

    return re.sub("`[^`]+`", fill, text)


def _observed(result: ProbeResult | None) -> Iterator[tuple[str, str]]:
    if result is None:
        return
    connection = result.primary
    if connection is not None:
        yield "ADDRESS", connection.address
    elif result.resolution is not None and result.resolution.addresses:
        yield "ADDRESS", result.resolution.addresses[0]
    if result.proxy:
        yield "PROXY", result.proxy
    if result.resolution is not None and result.resolution.answers:
        yield "SERVER", result.resolution.answers[0].server


def timeline(events: Iterable[Event], record: IncidentRecord) -> tuple[Entry, ...]:
    """Return what happened, in order: the start and the end, and in between what the monitor
    still remembers."""
    incident, ended = record.incident, record.ended_at
    entries = [Entry(incident.started_at, f"First failure: {title_of(incident)}")]
    until = ended + _AFTER if ended is not None else float("inf")
    names = frozenset(incident.affected)
    shown = [
        event
        for event in list(events)
        if incident.started_at - _BEFORE <= event.at <= until
        and _event_text(event, incident.id, names)
    ]
    in_order = sorted(shown, key=lambda event: event.at)
    for state, run in groupby(in_order, _state_in_words):
        if state:
            entries.append(_merged(list(run), state))
        else:
            entries += [Entry(e.at, _event_text(e, incident.id, names)) for e in run]
    if ended is not None:
        entries.append(Entry(ended, "Over: the affected targets work again, or were removed"))
    entries.sort(key=lambda entry: entry.at or 0.0)
    return _shortened(entries)


def _state_in_words(event: Event) -> str:
    """Return the new state of a target with its cause, "" for other events."""
    if event.kind is not EventKind.TARGET_STATE:
        return ""
    cause = f" ({event.facts['cause']})" if event.facts.get("cause") else ""
    return f"{event.facts.get('state')}{cause}"


def _merged(changes: Sequence[Event], state: str) -> Entry:
    """Return one entry for targets that took the same state one after the other."""
    names = list(dict.fromkeys(change.subject for change in changes))
    verb = "is" if len(names) == 1 else "are"
    return Entry(changes[0].at, f"{listed(names, _TITLE_NAMES)} {verb} {state}")


def _shortened(entries: list[Entry]) -> tuple[Entry, ...]:
    if len(entries) <= TIMELINE_LIMIT:
        return tuple(entries)
    half = TIMELINE_LIMIT // 2
    left_out = Entry(None, f"{len(entries) - 2 * half} more entries")
    return (*entries[:half], left_out, *entries[-half:])


def _event_text(event: Event, incident_id: str, names: frozenset[str]) -> str:
    facts = event.facts
    match event.kind:
        case EventKind.INCIDENT_OPENED if event.subject == incident_id:
            return f"Incident opened, {facts.get('affected')} targets affected"
        case EventKind.INCIDENT_CHANGED if event.subject == incident_id:
            scope = str(facts.get("scope", "")).replace("_", " ")
            return f"Incident now: {scope}, {facts.get('affected')} targets affected"
        case EventKind.INCIDENT_INVESTIGATED if event.subject == incident_id:
            return _investigation_text(facts)
        case EventKind.TARGET_STATE if event.subject in names:
            return f"{event.subject} is {_state_in_words(event)}"
        case EventKind.ISSUER_CHANGED if event.subject in names:
            return f"{event.subject} shows a certificate of another issuer: {facts['new_issuer']}"
    return _context_text(event)


def _context_text(event: Event) -> str:
    if event.kind is EventKind.EGRESS_ADDRESS_CHANGED:
        facts = event.facts
        return f"The public address is {facts['new_address']} instead of {facts['old_address']}"
    return ""


def _investigation_text(facts: Mapping[str, object]) -> str:
    findings: list[str] = []
    if changes := facts.get("changes"):
        findings.append(str(changes).rstrip("."))
    if facts.get("path_reached"):
        findings.append("the path trace reached the destination")
    elif address := facts.get("last_responding_address"):
        hop = facts.get("last_responding_hop")
        findings.append(f"the last router that responds is {address} (hop {hop})")
    if facts.get("reset_by_middlebox"):
        findings.append("a device on the path resets the connection")
    if not findings:
        return ""
    return f"Investigated {facts.get('target')}: {'; '.join(findings)}"


_EVIDENCE_NAMES = {
    "phase": "Failed in phase",
    "error": "Error",
    "code": "Error code",
    "icmp": "ICMP message",
    "proxy": "Proxy",
    "other_way": "Other path (with or without proxy)",
    "address": "Address tried",
    "bytes": "Bytes",
    "retransmits": "Retransmitted segments",
    "resends": "Resent datagrams",
    "issuer": "Certificate issued by",
    "subject": "Certificate of",
    "status": "HTTP status",
    "server": "Server",
    "clock_offset": "Clock difference",
    "clock": "Clock",
    "hosts": "Hosts that fail",
    "first": "First host that failed",
    "inspected_by": "TLS inspected by",
    "errno": "Error of the kernel",
    "still_works": "Still works",
}


def evidence_in_words(evidence: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield name and value of each observed fact, the name in plain words."""
    for name, value in evidence.items():
        yield _EVIDENCE_NAMES.get(name, name.replace("_", " ").capitalize()), value


def _request(affected: Iterable[TargetStatus], identity: Identity) -> str:
    """Return the firewall request for the affected targets; "" if no rule is the reason."""
    down = (status for status in affected if status.state is State.DOWN)
    blocked = firewall_request.blocked(islice(down, REQUESTED_LIMIT))
    return firewall_request.write(blocked, FirewallFormat.TEXT, identity) if blocked else ""
