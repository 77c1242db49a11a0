"""Identity of incidents over time: what goes on, what grows, what comes back, what is over."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from monitor.incidents.evidence_index import EvidenceIndex
from monitor.incidents.fault_model import Hypothesis, Mode
from monitor.incidents.lifecycle import RECURRENCE, REMEMBERED, Episode, Incidents
from monitor.incidents.models.egress import AllEgress, Port
from monitor.incidents.models.service import EndpointFault, FlakyEndpoint
from monitor.incidents.observation import Observation, Track
from monitor.incidents.settling import AT_ONCE, SETTLING
from monitor.model.causes import Cause
from monitor.model.incident import Incident, Scope
from monitor.model.state import State
from tests.incidents.evidence import evidence, hypothesis, track

BAD = Cause.TCP_TIMEOUT
BEGUN = 1_800_000_000.0


def failing(name: str, at: float = BEGUN, *causes: Cause | None) -> Track:
    """A target whose results, the last at ``at`` and 30 s apart, have these causes."""
    made = track(name, *(causes or (BAD, BAD)))
    first = at - 30.0 * (len(made.window) - 1)
    for number, seen in enumerate(list(made.window)):
        made.window[number] = replace(seen, at=first + 30.0 * number)
    return made


def port(key: str, *tracks: Track, onset: float = BEGUN, mode: Mode = Mode.TOTAL) -> Hypothesis:
    return replace(hypothesis(Port(), key, *tracks, mode=mode), onset=onset)


class Course:
    """Incidents over several judgements of one set of targets."""

    def __init__(self, *tracks: Track) -> None:
        self.incidents = Incidents()
        self.index = EvidenceIndex([])
        self.index.tracks = {made.target.id: made for made in tracks}

    def judged(
        self, now: float, *chosen: Hypothesis, reserved: Collection[str] = ()
    ) -> list[Episode]:
        list(self.incidents.advance(chosen, self.index, frozenset(reserved), now))
        return list(self.incidents.open.values())


def test_an_incident_begins_with_the_first_failure_and_not_in_the_future() -> None:
    a = failing("a")
    (episode,) = Course(a).judged(BEGUN + 60, port("tcp/443", a))
    assert (episode.started_at, episode.starts, episode.members) == (BEGUN, [BEGUN], {"a"})
    (early,) = Course(a).judged(BEGUN - 60, port("tcp/443", a))
    assert early.started_at == BEGUN - 60


def test_the_same_fault_keeps_its_id_and_two_faults_have_two() -> None:
    a, b = failing("a"), failing("b")
    course = Course(a, b)
    first, second = course.judged(BEGUN, port("tcp/443", a), port("tcp/8443", b))
    assert first.id != second.id
    again = course.judged(BEGUN + 30, port("tcp/8443", b), port("tcp/443", a))
    assert {e.id for e in again} == {first.id, second.id}
    assert Course(a).judged(BEGUN, port("tcp/443", a))[0].id == first.id


def test_another_fault_inherits_the_incident_with_most_targets_in_common() -> None:
    a, b, c = failing("a"), failing("b"), failing("c")
    course = Course(a, b, c)
    large, small = course.judged(
        BEGUN, port("tcp/443", a, b), port("tcp/8443", c, onset=BEGUN - 100)
    )
    (heir,) = course.judged(BEGUN + 30, port("tcp/22", a, b, c))
    assert (heir.id, heir.started_at) == (large.id, BEGUN)
    assert small.ended_at == BEGUN + 30


def test_of_incidents_with_as_many_targets_in_common_the_oldest_is_inherited() -> None:
    a, b = failing("a"), failing("b")
    course = Course(a, b)
    _, older = course.judged(BEGUN, port("tcp/443", a), port("tcp/8443", b, onset=BEGUN - 100))
    (heir,) = course.judged(BEGUN + 30, port("tcp/22", a, b))
    assert heir.id == older.id


def test_an_incident_is_inherited_once() -> None:
    a, b = failing("a"), failing("b")
    course = Course(a, b)
    (whole,) = course.judged(BEGUN, port("tcp/443", a, b))
    parts = course.judged(BEGUN + 30, port("tcp/22", a), port("tcp/23", b))
    assert [e.id == whole.id for e in parts] == [True, False]


@pytest.mark.parametrize(("pause", "same"), [(RECURRENCE, True), (RECURRENCE + 1, False)])
def test_a_fault_that_comes_back_within_half_an_hour_is_the_same(
    pause: float, *, same: bool
) -> None:
    a = failing("a")
    course = Course(a)
    (first,) = course.judged(BEGUN, port("tcp/443", a))
    assert course.judged(BEGUN + 60) == []
    (again,) = course.judged(BEGUN + 60 + pause, port("tcp/443", a, onset=BEGUN + 60))
    assert (again.id == first.id) is same
    assert again.starts == ([BEGUN, BEGUN + 60] if same else [BEGUN + 60])
    assert (again.works, again.ended_at) == (False, None)


def test_an_id_that_a_closed_incident_has_is_not_given_again() -> None:
    a = failing("a")
    course = Course(a)
    (first,) = course.judged(BEGUN, port("tcp/443", a))
    course.judged(BEGUN + 60)
    late = BEGUN + 61 + RECURRENCE
    (again,) = course.judged(late, port("tcp/443", a, onset=BEGUN))
    assert again.id != first.id


def test_closed_incidents_are_remembered_up_to_a_limit() -> None:
    tracks = [failing(f"t{n}") for n in range(REMEMBERED + 1)]
    course = Course(*tracks)
    chosen = [port(f"tcp/{n}", made) for n, made in enumerate(tracks)]
    ids = [e.id for e in course.judged(BEGUN, *chosen)]
    course.judged(BEGUN + 30)
    later = [replace(found, onset=BEGUN + 40) for found in (chosen[0], chosen[1])]
    forgotten, remembered = course.judged(BEGUN + 60, *later)
    assert forgotten.id != ids[0]
    assert remembered.id == ids[1]


def test_an_incident_from_before_a_restart_is_continued_once() -> None:
    a, b = failing("a"), failing("b")
    course = Course(a, b)
    known = Incident(
        "known", BAD, Scope.PORT, "tcp/443", State.DOWN, BEGUN - 900, ("a", "b"), "", ""
    )
    course.incidents.restore([known])
    first, second = course.judged(BEGUN, port("tcp/443", a), port("tcp/8443", b))
    assert (first.id, first.started_at, first.starts) == ("known", BEGUN - 900, [BEGUN - 900])
    assert second.id != "known"
    other = failing("c")
    unrelated = Course(other)
    unrelated.incidents.restore([known])
    assert unrelated.judged(BEGUN, port("tcp/443", other))[0].id != "known"


def test_members_that_wait_for_their_next_result_keep_an_incident_open() -> None:
    a, b = failing("a"), failing("b")
    course = Course(a, b)
    course.judged(BEGUN, port("tcp/443", a, b))
    (waiting,) = course.judged(BEGUN + 30, reserved={"b"})
    assert (waiting.members, waiting.works) == ({"b"}, False)
    (kept,) = course.judged(BEGUN + 60, port("tcp/443", a), reserved={"b"})
    assert kept.members == {"a", "b"}
    assert course.judged(BEGUN + 90) == []


def test_held_members_work_and_keep_an_incident_open() -> None:
    a, b = failing("a", BEGUN, BAD, None), failing("b")
    a.held = True
    course = Course(a, b)
    course.judged(BEGUN, port("tcp/443", a, b))
    (held,) = course.judged(BEGUN + 30)
    assert (held.members, held.works) == ({"a"}, True)
    (again,) = course.judged(BEGUN + 60, port("tcp/443", b))
    assert (again.members, again.works) == ({"a", "b"}, False)
    (changed,) = course.judged(BEGUN + 90, port("tcp/22", b))
    assert changed.members == {"b"}


def test_a_target_that_fails_is_not_held() -> None:
    a = failing("a")
    a.held = True
    course = Course(a)
    course.judged(BEGUN, port("tcp/443", a))
    assert course.judged(BEGUN + 30) == []


def recovering(now: float, *names: str) -> tuple[Course, Episode]:
    """An incident of three targets of which some have a good result at ``now``."""
    tracks = [failing(name) for name in "abc"]
    course = Course(*tracks)
    (episode,) = course.judged(BEGUN, port("tcp/443", *tracks))
    for name in names:
        made = course.index.tracks[name]
        made.window.append(Observation(now, evidence(made.target)))
        made.recovered_at = now
    return course, episode


def test_an_incident_recovers_with_its_first_good_result() -> None:
    course, episode = recovering(BEGUN + 60, "b")
    course.index.tracks["c"].recovered_at = BEGUN - 500
    kept, calmed = course.incidents.recover(course.index, BEGUN + 61)
    assert episode.recovering_at == BEGUN + 60
    assert (kept.shared, kept.alone, calmed) == ({"a", "c"}, set(), set())
    assert course.index.tracks["b"].cleared_at == BEGUN + 60


def test_the_earliest_of_several_recoveries_counts_and_a_later_one_after_a_relapse() -> None:
    course, episode = recovering(BEGUN + 60, "a", "b")
    course.index.tracks["a"].recovered_at = BEGUN + 50
    course.incidents.recover(course.index, BEGUN + 61)
    assert episode.recovering_at == BEGUN + 50
    for name in "ab":
        course.index.tracks[name].recovered_at = BEGUN + 90
    course.incidents.recover(course.index, BEGUN + 91)
    assert episode.recovering_at == BEGUN + 90


def test_a_target_is_waited_for_until_two_results_since_the_recovery() -> None:
    course, _ = recovering(BEGUN + 60, "b")
    waiting = course.index.tracks["a"]
    for at, expected in ((BEGUN + 60, {"a", "c"}), (BEGUN + 90, {"c"})):
        waiting.window.append(Observation(at, evidence(waiting.target, BAD)))
        assert course.incidents.recover(course.index, at)[0].shared == expected


def test_a_recovery_ends_once_enough_targets_fail_after_it() -> None:
    course, episode = recovering(BEGUN + 60, "b")
    course.incidents.recover(course.index, BEGUN + 61)
    a, c = course.index.tracks["a"], course.index.tracks["c"]
    a.window.append(Observation(BEGUN + 60, evidence(a.target, BAD)))
    course.judged(BEGUN + 61, port("tcp/443", a, c))
    assert episode.recovering_at == BEGUN + 60
    c.window.append(Observation(BEGUN + 70, evidence(c.target, BAD)))
    course.judged(BEGUN + 71, port("tcp/443", a, c))
    assert episode.recovering_at is None


def test_another_or_a_partial_fault_does_not_recover_any_more() -> None:
    for other in (Port(), None):
        course, episode = recovering(BEGUN + 60, "b")
        course.incidents.recover(course.index, BEGUN + 61)
        a = course.index.tracks["a"]
        found = port("tcp/22", a) if other else port("tcp/443", a, mode=Mode.PARTIAL)
        course.judged(BEGUN + 61, found)
        assert episode.recovering_at is None


def test_what_one_endpoint_did_before_it_recovered_still_counts() -> None:
    a = failing("a")
    course = Course(a)
    found = replace(hypothesis(EndpointFault(), "a", a), onset=BEGUN)
    (episode,) = course.judged(BEGUN, found)
    a.window.append(Observation(BEGUN + 60, evidence(a.target)))
    a.recovered_at = BEGUN + 60
    course.incidents.recover(course.index, BEGUN + 61)
    assert episode.recovering_at == BEGUN + 60
    assert a.cleared_at == 0.0


def indexed(course: Course, *working: str) -> None:
    """Show all targets of a course to the fault model of all egress; some of them worked before."""
    model = AllEgress()
    element = (model.name, "egress")
    course.index.models = {model.name: model}
    for made in course.index.tracks.values():
        made.exposures = {element: made.bad}
        made.since = {element: made.at}
        course.index.members.setdefault(element, {})[made.target.id] = made
        if made.bad:
            course.index.bad.setdefault(element, {})[made.target.id] = made
    for name in working:
        seen = course.index.tracks[name].window
        seen[-1] = replace(seen[-1], at=BEGUN - 30.0)


def alone(made: Track, *, mode: Mode = Mode.TOTAL, onset: float = BEGUN) -> Hypothesis:
    model = FlakyEndpoint() if mode is Mode.PARTIAL else EndpointFault()
    part = "partial" if mode is Mode.PARTIAL else "tcp_timeout"
    found = hypothesis(model, made.target.host, made, mode=mode)
    return replace(found, part=part, onset=onset)


def test_what_one_wider_fault_would_explain_waits_in_the_first_incident() -> None:
    a, b, c = failing("a"), failing("b"), failing("c", BEGUN, None, None)
    course = Course(a, b, c)
    indexed(course, "c")
    (first,) = course.judged(BEGUN, alone(a), alone(b))
    assert first.members == {"a", "b"}
    (same,) = course.judged(BEGUN + 1, alone(b), alone(a))
    assert (same.id, same.members) == (first.id, {"a", "b"})
    wide = replace(hypothesis(AllEgress(), "egress", a, b), onset=BEGUN)
    (heir,) = course.judged(BEGUN + 2, wide)
    assert heir.id == first.id


def test_after_the_first_seconds_another_fault_has_an_incident_of_its_own() -> None:
    a, b, c = failing("a"), failing("b"), failing("c", BEGUN, None, None)
    course = Course(a, b, c)
    indexed(course, "c")
    course.judged(BEGUN, alone(a), alone(b))
    first, second = course.judged(BEGUN + SETTLING + 0.1, alone(a), alone(b))
    assert (first.members, second.members) == ({"a"}, {"b"})


def test_many_incidents_at_once_do_not_wait_for_each_other() -> None:
    hosts = [failing(f"h{n}") for n in range(AT_ONCE + 1)]
    course = Course(*hosts, failing("c", BEGUN, None, None))
    indexed(course, "c")
    assert len(course.judged(BEGUN, *map(alone, hosts))) == AT_ONCE + 1
    restored = Course(*hosts[:2], failing("c", BEGUN, None, None))
    indexed(restored, "c")
    known = Incident(
        "i" * 12, BAD, Scope.ENDPOINT, "h1", State.DOWN, BEGUN, ("h1",), "h1 fails.", "Repair it."
    )
    restored.incidents.restore([known])
    assert {e.id for e in restored.judged(BEGUN, *map(alone, hosts[:2]))} > {known.id}


def test_one_host_that_turns_out_to_fail_in_part_is_the_same_incident() -> None:
    udp, tcp = failing("a"), failing("b", BEGUN, BAD, None, BAD)
    tcp.target = replace(tcp.target, endpoint=replace(tcp.target.endpoint, host=udp.target.host))
    course = Course(udp, tcp)
    (first,) = course.judged(BEGUN, alone(udp))
    flaky = replace(alone(tcp, mode=Mode.PARTIAL), key=udp.target.host)
    (same,) = course.judged(BEGUN + 1, flaky)
    assert (same.id, same.members) == (first.id, {"b"})


def test_one_host_that_is_cut_off_in_another_way_is_the_same_incident() -> None:
    a = failing("a")
    course = Course(a)
    (first,) = course.judged(BEGUN, alone(a))
    assert course.judged(BEGUN + 30) == []
    other = failing("b", BEGUN + 60, Cause.UDP_NO_REPLY, Cause.UDP_NO_REPLY)
    course.index.tracks["b"] = other
    back = replace(alone(other, onset=BEGUN + 60), key="a", part="udp_no_reply")
    (again,) = course.judged(BEGUN + 60, back)
    assert (again.id, again.starts) == (first.id, [BEGUN, BEGUN + 60])
    course.judged(BEGUN + 90)
    status = failing("c", BEGUN + 120, Cause.HTTP_STATUS, Cause.HTTP_STATUS)
    course.index.tracks["c"] = status
    (another,) = course.judged(BEGUN + 120, replace(alone(status), key="a", part="http_status"))
    assert another.id != first.id


def test_the_first_sign_of_a_partial_fault_of_several_is_the_same_incident() -> None:
    a, b = failing("a"), failing("b")
    course = Course(a, b)
    (first,) = course.judged(BEGUN + 2, alone(a, onset=BEGUN + 1))
    assert course.judged(BEGUN + 5) == []
    wide = port("tcp/443", a, b, mode=Mode.PARTIAL)
    (same,) = course.judged(BEGUN + 6, wide)
    assert (same.id, same.starts, same.works) == (first.id, [BEGUN + 1], False)
    later = Course(a, b)
    (old,) = later.judged(BEGUN, alone(a))
    later.judged(BEGUN + 5)
    (new,) = later.judged(BEGUN + 60, replace(wide, onset=BEGUN + 50))
    assert new.id != old.id, "it began after that"
