"""Incidents in words: bounded sentences, states, and what is evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.health.redundancy import Alternative, RedundantGroup
from monitor.incidents.fault_model import FaultModel, Figures, Mode
from monitor.incidents.lifecycle import Episode
from monitor.incidents.models.egress import Port
from monitor.incidents.models.service import EndpointFault, FlakyEndpoint, Portal
from monitor.incidents.observation import Track
from monitor.incidents.wording import DETAIL_LIMIT, bounded, incident_of, past_tense, remarked
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.incident import Incident
from monitor.model.state import State
from tests.incidents.evidence import hypothesis, nothing_works, track

BAD = Cause.TCP_TIMEOUT
NOON = 1_800_000_000.0  # 08:00 UTC


def episode(
    *tracks: Track,
    model: FaultModel | None = None,
    key: str = "tcp/443",
    mode: Mode = Mode.TOTAL,
    **facts: object,
) -> Episode:
    found = hypothesis(model or Port(), key, *tracks, mode=mode)
    made = Episode("1", found, NOON, {t.target.id for t in tracks}, [NOON])
    return replace(made, **facts)  # type: ignore[arg-type]


def written(
    made: Episode, spared: dict[str, RedundantGroup] | None = None, *more: Track
) -> Incident:
    return incident_of(made, (*made.hypothesis.failing, *more), spared or {}, nothing_works)


def test_a_sentence_is_cut_at_the_end_of_a_word() -> None:
    exact = "x" * (DETAIL_LIMIT - 2) + " y"
    assert bounded(exact) == exact
    longer = f"{exact}z"
    assert bounded(longer) == "x" * (DETAIL_LIMIT - 2) + "…"
    words = "word " * DETAIL_LIMIT
    assert len(bounded(words)) <= DETAIL_LIMIT
    assert bounded(words).endswith("word…")
    fitting = "a" * 100 + " " + "b" * 197 + " cc"
    assert len(fitting) == DETAIL_LIMIT + 1
    assert bounded(fitting) == "a" * 100 + " " + "b" * 197 + "…"
    for shift in range(8):
        assert len(bounded("y" * shift + " letters" * DETAIL_LIMIT)) <= DETAIL_LIMIT


@pytest.mark.parametrize(
    ("detail", "left", "expected"),
    [
        ("It fails.", "eu01 of gateways", "It fails. Still works: eu01 of gateways."),
        ("It fails. Still works: eu01.", "eu01", "It fails. Still works: eu01."),
        ("It fails.", "", "It fails."),
    ],
)
def test_what_still_works_is_remarked_once(detail: str, left: str, expected: str) -> None:
    assert remarked(detail, {"still_works": left}) == expected
    assert remarked(detail, {}) == detail


def test_a_fault_that_works_now_is_told_in_the_past_tense() -> None:
    one = episode(track("a.example", BAD), works=True)
    assert past_tense(one) == (
        "1 host came and went once since 08:00 UTC; works now. The failures were tcp_timeout "
        "(port: tcp/443)."
    )
    often = replace(
        episode(track("a.example", BAD), track("b.example", BAD)), starts=[NOON, NOON + 60]
    )
    assert past_tense(often).startswith("2 hosts came and went 2 times since 08:00 UTC")
    alone = episode(track("a.example", BAD), model=EndpointFault(), key="a.example")
    assert past_tense(alone).startswith("a.example came and went once")


def test_a_fault_that_recovers_is_told_with_what_is_not_known_to_work() -> None:
    made = episode(track("a.example", BAD), recovering_at=NOON + 61)
    assert written(made).detail == (
        "Works again since 08:01:01 UTC, at least in part; not known to work yet: a.example. The "
        "failures were tcp_timeout (port: tcp/443)."
    )
    alone = episode(
        track("a.example", BAD), model=EndpointFault(), key="a.example", recovering_at=NOON + 61
    )
    assert written(alone).detail == "a.example fails."


def test_a_fault_that_came_back_is_told_with_its_times() -> None:
    made = episode(track("a.example", BAD))
    assert "came and went" not in written(made).detail
    twice = replace(made, starts=[NOON, NOON + 60])
    assert written(twice).detail.endswith("It came and went 2 times since 08:00 UTC.")


def test_evidence_is_that_of_a_target_with_the_cause() -> None:
    other, speaker = track("a.example", Cause.HTTP_STATUS), track("b.example", BAD)
    speaker.diagnosis = Diagnosis(BAD, "x", "y", {"address": "192.0.2.9"})
    third = track("c.example", BAD)
    made = episode(other, speaker, third)
    assert written(made).evidence == {"address": "192.0.2.9", "hosts": "3 fail, 0 work"}


def test_a_target_that_works_again_speaks_by_its_last_trouble() -> None:
    recovered = track("a.example", BAD, None)
    recovered.trouble = Diagnosis(BAD, "x", "y", {"address": "192.0.2.9"})
    recovered.diagnosis = Diagnosis(None, evidence={"address": "192.0.2.1"})
    assert written(episode(recovered)).evidence["address"] == "192.0.2.9"
    untroubled = track("a.example", None)
    untroubled.diagnosis = Diagnosis(None, evidence={"address": "192.0.2.1"})
    assert written(episode(untroubled)).evidence["address"] == "192.0.2.1"
    bare = track("a.example", None)
    assert written(episode(bare)).evidence == {"hosts": "1 fail, 0 work"}


def test_shares_and_hosts_are_evidence_where_they_say_something() -> None:
    partial = episode(
        track("a.example", BAD), model=FlakyEndpoint(), key="a.example", mode=Mode.PARTIAL
    )
    partial.hypothesis = replace(partial.hypothesis, figures=Figures(40, 10, 1, 0))
    incident = written(partial)
    assert incident.evidence == {"failed": "10 of 40 (25%)"}
    assert (incident.intermittent, incident.state) == (True, State.DEGRADED)
    alone = episode(track("a.example", BAD), model=EndpointFault(), key="a.example")
    assert written(alone).evidence == {}
    assert not written(alone).intermittent


def group(name: str) -> RedundantGroup:
    working = Alternative("eu01", State.UP, ("x",))
    return RedundantGroup(name, State.DEGRADED, 1.0, (working,))


def test_an_incident_is_down_if_a_target_that_nothing_replaces_is() -> None:
    a, b = track("a.example", BAD), track("b.example", BAD)
    assert written(episode(a, b)).state is State.DOWN
    spared = {"a.example": group("gateways"), "b.example": group("gateways")}
    covered = written(episode(a, b), spared)
    assert covered.state is State.DEGRADED
    assert covered.evidence["still_works"] == "eu01 of gateways"
    assert covered.detail.endswith("Still works: eu01 of gateways.")
    partly = written(episode(a, b), {"a.example": group("gateways")})
    assert partly.state is State.DOWN
    assert "still_works" not in partly.evidence
    degraded = track("a.example", BAD, state=State.DEGRADED)
    assert written(episode(degraded)).state is State.DEGRADED
    assert written(episode(a, works=True)).state is State.DEGRADED


def test_a_model_with_a_state_of_its_own_decides_while_it_fails() -> None:
    up = track("a.example", None)
    portal = episode(up, model=Portal(), key="login.portal.test")
    assert written(portal).state is State.DOWN
    assert written(replace(portal, works=True)).state is State.DEGRADED
