"""Turns many failing targets into the few incidents that explain them, and carries these on from
one look to the next: pure."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count

from monitor.health import redundancy
from monitor.health.redundancy import RedundantGroup
from monitor.health.status import Finding, Standing
from monitor.incidents.correlate import explain
from monitor.incidents.wording import STILL_WORKS, describe, remarked
from monitor.model.diagnosis import Cause
from monitor.model.incident import Incident, Scope
from monitor.model.state import State


def correlate(
    standings: Sequence[Standing], open_incidents: Sequence[Incident], now: float
) -> tuple[Incident, ...]:
    """Return the incidents that hold at ``now`` (Unix seconds), the oldest first.

    An incident that was open and still explains a failure keeps its id and start: it
    grows, shrinks and changes scope, and is gone from the result once all is well. While it
    mends, it keeps the targets that nobody has looked at since.
    """
    findings = explain(standings)
    unseen = tuple(_unseen_since_mending(findings, standings, open_incidents))
    if unseen:
        told = {s.target.id for finding in unseen for s in finding.members}
        findings = _joined((*unseen, *explain(standings, told)))
    pairs = ((s.target, s.state) for s in standings)
    spared = redundancy.spared(redundancy.survey(pairs, (), now))
    incidents = _carry_over(findings, open_incidents, spared, now)
    return tuple(sorted(incidents, key=lambda i: (i.started_at, i.id)))


def _unseen_since_mending(
    findings: Sequence[Finding], standings: Sequence[Standing], opened: Sequence[Incident]
) -> Iterable[Finding]:
    """What is left of incidents of which something works again: the targets that fell out of
    them, but were last looked at before that, so that nothing is known against them. Without
    this each would be an incident of its own until its next probe."""
    risen = [s.since for s in standings if s.state is State.UP] if opened else []
    told = {s.target.id: (f, s) for f in findings for s in f.members} if opened else {}
    for incident in opened:
        mending = min((since for since in risen if since > incident.started_at), default=0.0)
        members = (told.pop(name) for name in incident.affected if name in told)
        unseen = tuple(
            s
            for finding, s in members
            if _breakage(finding) != _breakage(incident)
            and s.attempt is not None
            and s.attempt.started_at < mending
        )
        if unseen:
            yield Finding(
                incident.scope, incident.subject, unseen, incident.cause, incident.evidence
            )


def _breakage(said: Finding | Incident) -> tuple[Scope, str, Cause]:
    return said.scope, said.subject, said.cause


def _joined(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Make one finding of those that say the same."""
    joined: dict[tuple[Scope, str, Cause], Finding] = {}
    for finding in findings:
        known = joined.get(_breakage(finding))
        members = (*known.members, *finding.members) if known else finding.members
        joined[_breakage(finding)] = replace(finding, members=members)
    return tuple(joined.values())


def _carry_over(
    findings: Sequence[Finding],
    opened: Sequence[Incident],
    spared: Mapping[str, RedundantGroup],
    now: float,
) -> list[Incident]:
    """Give each finding the id and start of the open incident that it goes on with: the
    same breakage first, else the oldest one whose targets it took over."""
    unclaimed = {i.id: i for i in sorted(opened, key=lambda i: (i.started_at, i.id))}
    same = {_breakage(i): i.id for i in reversed(unclaimed.values())}
    heirs = [unclaimed.pop(same.get(_breakage(f), ""), None) for f in findings]
    taken_over = _by_target(unclaimed.values())
    used = {incident.id for incident in opened}
    result: list[Incident] = []
    for finding, known in zip(findings, heirs, strict=True):
        heir = known or _oldest(finding, taken_over, unclaimed)
        if heir is not None:
            unclaimed.pop(heir.id, None)
            result.append(_incident(finding, heir.id, heir.started_at, spared))
            continue
        started = min((s.since for s in finding.members if s.failing), default=now)
        result.append(_incident(finding, _new_id(finding, started, used), started, spared))
        used.add(result[-1].id)
    return result


def _by_target(incidents: Iterable[Incident]) -> Mapping[str, list[Incident]]:
    """The incidents that affect each target, in the order given."""
    found: dict[str, list[Incident]] = defaultdict(list)
    for incident in incidents:
        for target_id in incident.affected:
            found[target_id].append(incident)
    return found


def _oldest(
    finding: Finding, taken_over: Mapping[str, list[Incident]], unclaimed: Mapping[str, Incident]
) -> Incident | None:
    ids = (s.target.id for s in finding.members)
    claims = (i for name in ids for i in taken_over.get(name, ()) if i.id in unclaimed)
    return min(claims, key=lambda i: (i.started_at, i.id), default=None)


def _new_id(finding: Finding, started: float, used: Container[str]) -> str:
    """An id that follows from what was found, so that it can be told again; what is said of
    another part of a breakage that fell apart gets the next one."""
    text = f"{finding.scope}|{finding.subject}|{finding.cause}|{started:.3f}"
    texts = (f"{text}|{number}".encode("utf-8", "replace") for number in count())
    ids = (hashlib.blake2b(text, digest_size=6).hexdigest() for text in texts)
    return next(found for found in ids if found not in used)


def _incident(
    finding: Finding, incident_id: str, started_at: float, spared: Mapping[str, RedundantGroup]
) -> Incident:
    detail, cure = describe(finding)
    down = [s.target.id for s in finding.members if s.state is State.DOWN]
    harmless = {spared[name].name: spared[name] for name in down if name in spared}
    stopped = any(name not in spared for name in down)
    evidence = dict(finding.evidence)
    if harmless and not stopped:
        evidence[STILL_WORKS] = ", ".join(map(_left, harmless.values()))
    return Incident(
        id=incident_id,
        cause=finding.cause,
        scope=finding.scope,
        subject=finding.subject,
        state=State.DOWN if stopped else State.DEGRADED,
        started_at=started_at,
        affected=tuple(sorted(s.target.id for s in finding.members)),
        detail=remarked(detail, evidence),
        cure=cure,
        evidence=evidence,
    )


def _left(group: RedundantGroup) -> str:
    return f"{', '.join(group.working)} of {group.name}"
