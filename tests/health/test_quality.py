"""Slow or not: the path, the server, lost packets, and what must not count."""

from __future__ import annotations

from dataclasses import replace

from monitor.health.baseline import Baseline
from monitor.health.flapping import LOOK_BACK, Flaps
from monitor.health.quality import CLEAN_AT, LAG_LIMIT, LOSSY_AT, Quality, assess, unsettled
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.probe_result import Connection, Family, Phase, ProbeResult, TcpFacts
from tests.probe_results import FILTERED, REACHED, probe_result, target

TARGET = target("a")


def answer(
    rtt: float | None = 0.012, first_byte: float = 0.03, *, retransmits: int = 0, lag: float = 0.0
) -> ProbeResult:
    trip = rtt or 0.012
    phases = {Phase.RESOLVE: 0.001, Phase.CONNECT: trip, Phase.FIRST_BYTE: trip + first_byte}
    tcp = TcpFacts(trip, 0.001, trip, retransmits, 1500)
    connection = Connection("192.0.2.1", 443, Family.IPV4, phases, rtt=rtt, tcp=tcp)
    return replace(probe_result("a"), connections=(connection,), loop_lag=lag)


def after(*attempts: ProbeResult) -> tuple[Quality, list[Diagnosis]]:
    quality, verdicts = Quality(), []
    for number, one in enumerate(attempts):
        quality, diagnosis = assess(quality, TARGET, one, REACHED, 1000.0 + 30 * number)
        verdicts.append(diagnosis)
    return quality, verdicts


WELL = [answer()] * 20


def test_a_path_that_became_slow_is_degraded_with_both_figures():
    _, verdicts = after(*WELL, *[answer(0.212)] * 3)
    assert [v.cause for v in verdicts[-3:]] == [None, None, Cause.SLOW]
    said = verdicts[-1]
    assert said.detail == (
        "The path to a.example is slow: a round trip takes 212 ms, usually 12 ms."
    )
    assert said.evidence["round_trip"] == "212 ms, usually 12 ms"
    assert said.remediation


def test_behind_a_proxy_it_is_the_path_to_the_proxy_that_is_measured():
    slow = replace(answer(0.212), proxy="proxy.test:3128")
    _, verdicts = after(*WELL, *[slow] * 3)
    assert "proxy proxy.test:3128" in verdicts[-1].detail


def test_a_server_that_became_slow_is_told_from_its_path():
    _, verdicts = after(*WELL, *[answer(first_byte=1.5)] * 3)
    assert verdicts[-1].cause is Cause.SLOW
    assert "path to it is as fast as ever" in verdicts[-1].detail


def test_the_phase_that_takes_most_of_the_time_is_named():
    _, verdicts = after(*WELL, *[answer(first_byte=1.5)] * 3)
    assert "most of it in the phase first_byte (1.51 s)" in verdicts[-1].detail
    assert verdicts[-1].evidence["slow_phase"] == "first_byte"


def test_a_slow_name_server_is_not_a_slow_endpoint_or_path():
    slow = answer()
    phases = {**slow.phases, Phase.RESOLVE: 0.8}
    slow = replace(slow, connections=(replace(slow.connections[0], phases=phases),))
    _, verdicts = after(*WELL, *[slow] * 3)
    assert verdicts[-1].cause is Cause.SLOW
    assert verdicts[-1].detail.startswith(
        "Looking up a.example is slow: the name server takes 0.80"
    )
    assert "name server" in verdicts[-1].remediation
    assert "NAT" not in verdicts[-1].remediation


def test_a_slow_event_loop_makes_nothing_slow():
    quality, verdicts = after(*WELL, *[answer(first_byte=1.5, lag=0.4)] * 20)
    assert {v.cause for v in verdicts} == {None}
    assert not quality.whole.against


def test_the_kernels_round_trip_counts_though_the_loop_is_slow():
    _, verdicts = after(*WELL, *[answer(0.212, lag=0.4)] * 3)
    assert verdicts[-1].cause is Cause.SLOW


def test_lost_packets_are_told_once_they_are_many_and_until_they_are_few():
    lossy = [answer(retransmits=1), answer()] * LOSSY_AT
    quality, verdicts = after(*WELL, *lossy)
    assert verdicts[-1].cause is Cause.SLOW
    assert "of the last 20 probes of a.example saw packets lost" in verdicts[-1].detail
    _, verdicts = after(*WELL, *lossy, *WELL)
    causes = [v.cause for v in verdicts[len(WELL) + len(lossy) :]]
    assert causes[0] is Cause.SLOW
    assert causes[-1] is None
    assert quality.lost.bit_count() > CLEAN_AT


def test_a_packet_lost_now_and_then_is_not_told():
    _, verdicts = after(*[answer(retransmits=int(n % 6 == 0)) for n in range(300)])
    assert {v.cause for v in verdicts} == {None}


def test_failed_attempts_do_not_touch_what_is_usual():
    quality, _ = after(*WELL)
    same, diagnosis = assess(quality, TARGET, probe_result("a", ok=False), FILTERED, 2000.0)
    assert (same, diagnosis) == (quality, FILTERED)


def test_a_degraded_answer_keeps_its_cause():
    quality, _ = after(*WELL, *[answer(0.212)] * 3)
    skewed = Diagnosis(Cause.CLOCK_SKEW, "x", "y")
    assert assess(quality, TARGET, answer(0.212), skewed, 2000.0)[1] == skewed


def test_what_gives_no_round_trip_is_judged_by_the_whole():
    _, verdicts = after(*[answer(None)] * 20, *[answer(None, 1.5)] * 3)
    assert verdicts[-1].cause is Cause.SLOW
    assert "path" not in verdicts[-1].detail


def test_what_flaps_says_how_often_and_why():
    outages = unsettled(Flaps(True, falls=(1.0, 2.0, 3.0)), TARGET, FILTERED, REACHED)
    assert outages.cause is Cause.TCP_TIMEOUT
    assert "3 outages within 30 minutes" in outages.detail
    assert FILTERED.detail in outages.detail
    assert outages.remediation == FILTERED.remediation
    changes = unsettled(Flaps(True, results=0b1010101010), TARGET, FILTERED, REACHED)
    assert "changes in its last 20 probes" in changes.detail


def test_it_is_getting_slow_before_it_is_slow():
    assert not after(*WELL)[0].getting_slow
    assert after(*WELL, answer(0.212))[0].getting_slow
    assert not after(*WELL, *[answer(0.212)] * 3)[0].getting_slow


def test_an_attempt_without_a_connection_tells_nothing():
    bare = replace(probe_result("a"), connections=())
    assert after(*[bare] * 30)[0] == Quality()


def test_while_it_recovers_no_sentence_calls_a_usual_latency_slow():
    _, verdicts = after(*WELL, *[answer(first_byte=1.5)] * 3, answer())
    assert verdicts[-1].cause is Cause.SLOW
    assert verdicts[-1].detail == (
        "a.example was slow in recent probes; the last took 55 ms, usually 55 ms."
    )
    _, verdicts = after(*WELL, *[answer(0.212)] * 3, answer())
    assert verdicts[-1].detail == (
        "The path to a.example was slow in recent probes; the last took 12 ms, usually 12 ms."
    )


def test_either_measurement_shows_that_it_is_getting_slow():
    against, slow = Baseline(against=b"x"), Baseline(slow_since=1.0)
    assert Quality(path=against).getting_slow
    assert Quality(whole=against).getting_slow
    assert not Quality().getting_slow
    assert not Quality(path=slow, whole=against).getting_slow
    assert not Quality(path=against, whole=slow).getting_slow


def test_a_probe_that_takes_more_than_twice_the_usual_time_is_slow():
    usual = [answer(first_byte=0.5)] * 20
    assert after(*usual, *[answer(first_byte=0.95)] * 3)[1][-1].cause is None
    assert after(*usual, *[answer(first_byte=1.15)] * 3)[1][-1].cause is Cause.SLOW


def test_phases_count_while_the_loop_lags_less_than_the_limit():
    counted, _ = after(answer(lag=LAG_LIMIT - 0.001))
    left_out, _ = after(answer(lag=LAG_LIMIT))
    assert (len(counted.whole.codes), len(left_out.whole.codes)) == (1, 0)
    assert len(left_out.path.codes) == 1


def test_packet_loss_has_two_thresholds():
    def lossy(before: Quality, *, retransmits: int) -> bool:
        return assess(before, TARGET, answer(retransmits=retransmits), REACHED, 1000.0)[0].lossy

    one_below = Quality(lost=(1 << LOSSY_AT - 1) - 1)
    assert lossy(one_below, retransmits=1)
    assert not lossy(one_below, retransmits=0)
    few, one_above = (Quality(lost=(1 << n) - 1, lossy=True) for n in (CLEAN_AT, CLEAN_AT + 1))
    assert not lossy(few, retransmits=0)
    assert lossy(one_above, retransmits=0)


def test_a_lost_packet_is_forgotten_after_twenty_responses():
    assert after(answer(retransmits=1), *[answer()] * (LOOK_BACK - 1))[0].lost != 0
    assert after(answer(retransmits=1), *[answer()] * LOOK_BACK)[0].lost == 0


def test_as_many_outages_as_changes_are_told_as_outages():
    seen = Flaps(True, results=0b0110, falls=(1.0, 2.0))
    assert seen.changes == 2
    assert "2 outages" in unsettled(seen, TARGET, FILTERED, REACHED).detail


def whole_phases(**seconds: float) -> ProbeResult:
    made = answer(None)
    phases = {Phase(name): value for name, value in seconds.items()}
    return replace(made, connections=(replace(made.connections[0], phases=phases),))


def test_a_phase_is_named_if_it_takes_half_of_the_time():
    usual = [whole_phases(connect=0.01, tls=0.01)] * 20
    spread = whole_phases(connect=0.4, tls=0.3, first_byte=0.3)
    half = whole_phases(connect=0.5, tls=0.25, first_byte=0.25)
    assert "in the phase" not in after(*usual, *[spread] * 3)[1][-1].detail
    assert after(*usual, *[spread] * 3)[1][-1].detail == (
        "a.example answers slowly: it takes 1000 ms, usually 20 ms."
    )
    assert "in the phase connect (0.50 s)" in after(*usual, *[half] * 3)[1][-1].detail


def test_a_slow_server_is_told_from_its_path_whatever_phase_takes_the_time():
    def spread(seconds: float) -> ProbeResult:
        made = answer()
        phases = dict.fromkeys((Phase.CONNECT, Phase.TLS, Phase.FIRST_BYTE), seconds)
        return replace(made, connections=(replace(made.connections[0], phases=phases),))

    _, verdicts = after(*[spread(0.01)] * 20, *[spread(0.3)] * 3)
    assert verdicts[-1].detail.endswith("; the path to it is as fast as ever.")


def test_figures_are_milliseconds():
    _, verdicts = after(*WELL, *[answer(9.5)] * 3)
    assert "takes 9500 ms, usually 12 ms" in verdicts[-1].detail
