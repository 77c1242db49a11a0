"""Incidents in words: every sentence is supported by the evidence of its hypothesis. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from monitor.health.redundancy import RedundantGroup
from monitor.incidents.fault_model import Hypothesis, Mode, Working, hosts_of, names
from monitor.incidents.lifecycle import Episode
from monitor.incidents.observation import Track
from monitor.model.incident import LIKELY, Incident
from monitor.model.state import State

DETAIL_LIMIT = 300
"""Characters of an incident's sentence: about two lines."""

_INTERNAL_LABEL = re.compile(
    r"\b\w+--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\."
)

STILL_WORKS = "still_works"
"""Names what is left of a redundant group, in an incident's evidence."""


def incident_of(
    episode: Episode,
    members: Sequence[Track],
    spared: Mapping[str, RedundantGroup],
    working: Working,
) -> Incident:
    """Write an incident down."""
    found = episode.hypothesis
    evidence = _evidence(found)
    state = _state(episode, members, spared, evidence)
    recovers = episode.recovering_at is not None and not found.model.alone
    detail = past_tense(episode) if episode.works else _present(episode, members, working)
    return Incident(
        id=episode.id,
        cause=found.model.cause(found),
        scope=found.model.scope,
        subject=found.model.subject(found),
        state=state,
        started_at=episode.started_at,
        affected=tuple(sorted(t.target.id for t in members)),
        detail=remarked(bounded(detail), evidence),
        remediation=bounded(found.model.remediation(found)),
        evidence=evidence,
        intermittent=found.mode is Mode.PARTIAL,
        confidence=found.model.alternative(found) or LIKELY,
        works_now=episode.works or recovers,
    )


def bounded(text: str) -> str:
    """Return at most ``DETAIL_LIMIT`` characters, cut at the end of a word, without internal ids
    in host names."""
    text = without_internal_ids(text)
    if len(text) <= DETAIL_LIMIT:
        return text
    return text[: DETAIL_LIMIT - 1].rpartition(" ")[0] + "…"


def without_internal_ids(text: str) -> str:
    """Write host names whose first label holds an id as wildcards."""
    return _INTERNAL_LABEL.sub("*.", text)


def remarked(detail: str, evidence: Mapping[str, str]) -> str:
    """Add to a sentence what still works, unless it shows that already."""
    left = evidence.get(STILL_WORKS)
    remark = f"Still works: {left}."
    return detail if not left or remark in detail else f"{detail} {remark}"


def past_tense(episode: Episode) -> str:
    """Report of a fault that came and went that it works now."""
    found = episode.hypothesis
    times = len(episode.starts)
    often = f"{times} times" if times > 1 else "once"
    since = datetime.fromtimestamp(episode.started_at, UTC).strftime("%H:%M")
    hosts = len(hosts_of(found.failing))
    who = found.key if found.model.alone else f"{hosts} host{'' if hosts == 1 else 's'}"
    return (
        f"{who} came and went {often} since {since} UTC; works now. The failures were "
        f"{found.model.cause(found)} ({found.model.scope.value}: {found.model.subject(found)})."
    )


def _present(episode: Episode, members: Sequence[Track], working: Working) -> str:
    found = episode.hypothesis
    if episode.recovering_at is not None and not found.model.alone:
        since = datetime.fromtimestamp(episode.recovering_at, UTC).strftime("%H:%M:%S")
        return (
            f"Works again since {since} UTC, at least in part; not known to work yet: "
            f"{names(members)}. The failures were {found.model.cause(found)} "
            f"({found.model.scope.value}: {found.model.subject(found)})."
        )
    detail = found.model.detail(found, working)
    if len(episode.starts) > 1:
        since = datetime.fromtimestamp(episode.started_at, UTC).strftime("%H:%M")
        detail = f"{detail} It came and went {len(episode.starts)} times since {since} UTC."
    return detail


def _evidence(found: Hypothesis) -> dict[str, str]:
    cause = found.model.cause(found)
    speaker = next(
        (t for t in found.bad if t.diagnosis and t.diagnosis.cause is cause), found.failing[0]
    )
    diagnosis = speaker.diagnosis if speaker.bad or speaker.trouble is None else speaker.trouble
    evidence = dict(diagnosis.evidence) if diagnosis else {}
    figures = found.figures
    if found.mode is Mode.PARTIAL:
        evidence["failed"] = f"{figures.bad} of {figures.results} ({figures.share:.0%})"
    elif not found.model.alone:
        evidence["hosts"] = f"{figures.failing_hosts} fail, {figures.working_hosts} work"
    return {**evidence, **found.model.facts(found)}


def _state(
    episode: Episode,
    members: Sequence[Track],
    spared: Mapping[str, RedundantGroup],
    evidence: dict[str, str],
) -> State:
    found = episode.hypothesis
    if found.model.state is not None and not episode.works:
        return found.model.state
    down = [t.target.id for t in members if t.state is State.DOWN]
    harmless = {spared[name].name: spared[name] for name in down if name in spared}
    stopped = any(name not in spared for name in down)
    if harmless and not stopped:
        evidence[STILL_WORKS] = ", ".join(map(_left, harmless.values()))
    if found.mode is Mode.PARTIAL or episode.works:
        return State.DEGRADED
    return State.DOWN if stopped else State.DEGRADED


def _left(group: RedundantGroup) -> str:
    return f"{', '.join(group.working)} of {group.name}"
