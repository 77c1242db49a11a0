"""Whom to contact about an incident, and the text of the ticket. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from monitor.health.status import TargetStatus
from monitor.incidents.incident_log import IncidentRecord
from monitor.model.causes import CauseClass
from monitor.model.identity import Identity
from monitor.model.incident import Incident, Scope
from monitor.present.confidence import confidence_in_words

LISTED = 20
"""Maximum number of endpoints that a ticket lists."""

_ONA_GROUPS = frozenset({"management_plane", "gateway", "gateway_lighthouse", "release_artifacts"})
_AWS_GROUPS = frozenset({"aws_api", "ami_access", "instance_metadata"})


@dataclass(frozen=True, slots=True)
class Contact:
    """Recipient of a ticket, and the reason for the choice."""

    who: str
    why: str
    asks_for_rules: bool = False


_FIREWALL = Contact(
    "the team that owns the firewall, proxy and DNS of this VPC",
    "The failure is on the path, before the endpoint.",
    asks_for_rules=True,
)
_HOST = Contact(
    "the team that operates this host", "The failure is on the host that the monitor runs on."
)
_AWS = Contact("AWS Support", "The AWS service itself answers, or its region fails.")
_ONA = Contact("Ona support", "The path works; an endpoint of Ona answers with an error.")
_OWNER = Contact(
    "the owner of the endpoint", "The path works; the endpoint itself answers with an error."
)


def contact_for(incident: Incident, affected: Collection[TargetStatus]) -> Contact:
    """Return whom to contact about an incident."""
    if incident.scope is Scope.HOST or incident.cause.record.cause_class is CauseClass.HOST:
        return _HOST
    groups = {status.target.group for status in affected}
    if incident.scope is Scope.REGION and groups <= _AWS_GROUPS:
        return _AWS
    if incident.cause.record.cause_class is not CauseClass.CONTENT:
        return _FIREWALL
    if groups and groups <= _AWS_GROUPS:
        return _AWS
    return _ONA if groups and groups <= _ONA_GROUPS else _OWNER


def ticket_text(
    record: IncidentRecord,
    contact: Contact,
    impact: str,
    evidence: Iterable[tuple[str, str]],
    *,
    identity: Identity,
    request: str,
) -> str:
    """Return the text of a ticket, ready to send. ``request`` lists the rules to ask for."""
    incident, ended = record.incident, record.ended_at
    until = f" until {_utc(ended)}" if ended is not None else ", still going on"
    lines = [
        f"To: {contact.who}",
        f"Subject: {incident.detail}",
        "",
        f"Impact: {impact}",
        f"Since: {_utc(incident.started_at)}{until}",
        f"Observed: {incident.detail}",
        f"Cause: {incident.cause.value} ({incident.scope.value.replace('_', ' ')}"
        f"{f': {incident.subject}' if incident.subject else ''})",
        f"Confidence: {confidence_in_words(incident)}",
        f"From: {_place(identity)}",
    ]
    facts = [f"  {name}: {value}" for name, value in evidence]
    lines += ["", "Evidence:", *facts] if facts else []
    names = incident.affected
    lines += ["", f"Affected ({len(names)}):", *(f"  {name}" for name in names[:LISTED])]
    lines += [f"  and {len(names) - LISTED} more"] if len(names) > LISTED else []
    if contact.asks_for_rules and request:
        lines += ["", request.rstrip()]
    else:
        lines += ["", f"Please check: {incident.remediation}"]
    return "\n".join(lines) + "\n"


def _place(identity: Identity) -> str:
    known = (
        ("account", identity.account_id), ("region", identity.region), ("VPC", identity.vpc_id),
        ("subnet", identity.subnet_id), ("instance", identity.instance_id),
        ("runner", identity.runner_id),
    )  # fmt: skip
    return ", ".join(f"{name} {value}" for name, value in known if value) or "not known"


def _utc(at: float) -> str:
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "an unknown time"
