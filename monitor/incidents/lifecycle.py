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
from monitor.health.status import TargetStatus
from monitor.incidents.correlate import explain
from monitor.incidents.hypothesis import Hypothesis
from monitor.incidents.wording import STILL_WORKS, describe, remarked
from monitor.model.causes import Cause
from monitor.model.incident import Incident, Scope
from monitor.model.state import State


def correlate(
    statuses: Sequence[TargetStatus], open_incidents: Sequence[Incident], now: float
) -> tuple[Incident, ...]:
    """Return the incidents that hold at ``now`` (Unix seconds), the oldest first.

    An incident that was open and still explains a failure keeps its id and start: it
    grows, shrinks and changes scope, and is gone from the result once all is well. While it
    mends, it keeps the targets that nobody has looked at since.
    """
    findings = explain(statuses)
    unseen = tuple(_unseen_since_mending(findings, statuses, open_incidents))
    if unseen:
        told = {s.target.id for hypothesis in unseen for s in hypothesis.members}
        findings = _joined((*unseen, *explain(statuses, told)))
    pairs = ((s.target, s.state) for s in statuses)
    covered_by_redundancy = redundancy.covered_by_redundancy(redundancy.rollup(pairs, (), now))
    incidents = _carry_over(findings, open_incidents, covered_by_redundancy, now)
    return tuple(sorted(incidents, key=lambda i: (i.started_at, i.id)))


def _unseen_since_mending(
    findings: Sequence[Hypothesis], statuses: Sequence[TargetStatus], opened: Sequence[Incident]
) -> Iterable[Hypothesis]:
    """What is left of incidents of which something works again: the targets that fell out of
    them, but were last looked at before that, so that nothing is known against them. Without
    this each would be an incident of its own until its next probe."""
    risen = [s.since for s in statuses if s.state is State.UP] if opened else []
    told = {s.target.id: (f, s) for f in findings for s in f.members} if opened else {}
    for incident in opened:
        mending = min((since for since in risen if since > incident.started_at), default=0.0)
        members = (told.pop(name) for name in incident.affected if name in told)
        unseen = tuple(
            s
            for hypothesis, s in members
            if _breakage(hypothesis) != _breakage(incident)
            and s.probe_result is not None
            and s.probe_result.started_at < mending
        )
        if unseen:
            yield Hypothesis(
                incident.scope, incident.subject, unseen, incident.cause, incident.evidence
            )


def _breakage(said: Hypothesis | Incident) -> tuple[Scope, str, Cause]:
    return said.scope, said.subject, said.cause


def _joined(findings: Iterable[Hypothesis]) -> tuple[Hypothesis, ...]:
    """Make one finding of those that say the same."""
    joined: dict[tuple[Scope, str, Cause], Hypothesis] = {}
    for hypothesis in findings:
        known = joined.get(_breakage(hypothesis))
        members = (*known.members, *hypothesis.members) if known else hypothesis.members
        joined[_breakage(hypothesis)] = replace(hypothesis, members=members)
    return tuple(joined.values())


def _carry_over(
    findings: Sequence[Hypothesis],
    opened: Sequence[Incident],
    covered_by_redundancy: Mapping[str, RedundantGroup],
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
    for hypothesis, known in zip(findings, heirs, strict=True):
        heir = known or _oldest(hypothesis, taken_over, unclaimed)
        if heir is not None:
            unclaimed.pop(heir.id, None)
            result.append(_incident(hypothesis, heir.id, heir.started_at, covered_by_redundancy))
            continue
        started = min((s.since for s in hypothesis.members if s.failing), default=now)
        result.append(
            _incident(
                hypothesis, _new_id(hypothesis, started, used), started, covered_by_redundancy
            )
        )
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
    hypothesis: Hypothesis,
    taken_over: Mapping[str, list[Incident]],
    unclaimed: Mapping[str, Incident],
) -> Incident | None:
    ids = (s.target.id for s in hypothesis.members)
    claims = (i for name in ids for i in taken_over.get(name, ()) if i.id in unclaimed)
    return min(claims, key=lambda i: (i.started_at, i.id), default=None)


def _new_id(hypothesis: Hypothesis, started: float, used: Container[str]) -> str:
    """An id that follows from what was found, so that it can be told again; what is said of
    another part of a breakage that fell apart gets the next one."""
    text = f"{hypothesis.scope}|{hypothesis.subject}|{hypothesis.cause}|{started:.3f}"
    texts = (f"{text}|{number}".encode("utf-8", "replace") for number in count())
    ids = (hashlib.blake2b(text, digest_size=6).hexdigest() for text in texts)
    return next(found for found in ids if found not in used)


def _incident(
    hypothesis: Hypothesis,
    incident_id: str,
    started_at: float,
    covered_by_redundancy: Mapping[str, RedundantGroup],
) -> Incident:
    detail, remediation = describe(hypothesis)
    down = [s.target.id for s in hypothesis.members if s.state is State.DOWN]
    harmless = {
        covered_by_redundancy[name].name: covered_by_redundancy[name]
        for name in down
        if name in covered_by_redundancy
    }
    stopped = any(name not in covered_by_redundancy for name in down)
    evidence = dict(hypothesis.evidence)
    if harmless and not stopped:
        evidence[STILL_WORKS] = ", ".join(map(_left, harmless.values()))
    return Incident(
        id=incident_id,
        cause=hypothesis.cause,
        scope=hypothesis.scope,
        subject=hypothesis.subject,
        state=State.DOWN if stopped else State.DEGRADED,
        started_at=started_at,
        affected=tuple(sorted(s.target.id for s in hypothesis.members)),
        detail=remarked(detail, evidence),
        remediation=remediation,
        evidence=evidence,
    )


def _left(group: RedundantGroup) -> str:
    return f"{', '.join(group.working)} of {group.name}"
