"""The gateway that a runner would pick: the nearest that answers, and no jumping to and fro."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.catalog.loader import load_catalog
from monitor.health.gateways import RECENT, Gateway, choose, latency_of, rollup
from monitor.health.machine import Health
from monitor.health.status import TargetStatus
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import Connection, Family, Phase, ProbeResult
from monitor.model.state import State
from monitor.model.target import Target
from monitor.present.json_view import gateways_line, gateways_view
from monitor.scheduler.rollup import Rollup
from monitor.state.check_result import gateways_of
from monitor.state.events import Event, EventKind
from monitor.state.store import StateStore
from tests.probe_results import probe_result, target

UP, DOWN, UNKNOWN, DEGRADED = State.UP, State.DOWN, State.UNKNOWN, State.DEGRADED


def entry(name: str) -> Target:
    made = target(f"gateway-{name}", "gateway")
    return replace(made, endpoint=replace(made.endpoint, gateway=name, gateway_entry=True))


def lighthouse(name: str) -> Target:
    made = target(f"lighthouse-{name}", "gateway_lighthouse")
    return replace(made, endpoint=replace(made.endpoint, gateway=name))


def answered(target: Target, rtt: float) -> ProbeResult:
    connection = Connection("192.0.2.1", 8443, Family.IPV4, {}, rtt=rtt)
    return replace(probe_result(target.id), connections=(connection,))


def gateway(name: str, milliseconds: float | None, state: State = UP) -> Gateway:
    return Gateway(name, state, () if milliseconds is None else (milliseconds / 1000,))


@pytest.mark.parametrize(
    ("gateways", "current", "chosen"),
    [
        ([], None, None),
        ([gateway("us", 90), gateway("eu", 20)], None, "eu"),
        ([gateway("us", 90), gateway("eu", None, UNKNOWN)], None, None),
        ([gateway("us", 90), gateway("eu", None, DOWN)], None, "us"),
        ([gateway("us", 90), gateway("eu", 20, DOWN)], "eu", "us"),
        ([gateway("us", None, DOWN), gateway("eu", None, DOWN)], "eu", None),
        ([gateway("us", 50), gateway("eu", 41)], "us", "us"),
        ([gateway("us", 50), gateway("eu", 39)], "us", "eu"),
        ([gateway("us", 5), gateway("eu", 0.5)], "us", "us"),
        ([gateway("us", 10), gateway("eu", 5)], "us", "us"),
        ([gateway("us", 10), gateway("eu", 4.9)], "us", "eu"),
        ([gateway("us", 90), gateway("eu", 20, DEGRADED)], None, "eu"),
        ([gateway("us", 90)], "gone", "us"),
    ],
)
def test_the_nearest_that_answers_is_chosen_and_kept_unless_another_is_clearly_nearer(
    gateways: list[Gateway], current: str | None, chosen: str | None
):
    assert choose(gateways, current) == chosen


LATENCIES = st.floats(0.0005, 1.0)
STATES = st.sampled_from([UP, DEGRADED, DOWN])


@given(st.lists(st.tuples(LATENCIES, STATES), min_size=1, max_size=5))
def test_a_choice_answers_and_choosing_again_changes_nothing(seen: list[tuple[float, State]]):
    gateways = [Gateway(str(n), state, (latency,)) for n, (latency, state) in enumerate(seen)]
    chosen = choose(gateways, None)
    assert (chosen is None) == all(g.state is DOWN for g in gateways)
    assert choose(gateways, chosen) == chosen
    assert all(g.state is not DOWN for g in gateways if g.name == chosen)


@given(st.integers(0, 1000))
def test_jitter_does_not_flip_two_gateways_that_are_as_near(seed: int):
    random = Random(seed)
    us, eu = entry("us"), entry("eu")
    gateways: tuple[Gateway, ...] = ()
    choices = []
    for turn in range(200):
        measured = (us, eu)[turn % 2]
        rtt = 0.040 + random.expovariate(1 / 0.004) + (0.5 if random.random() < 0.05 else 0)
        statuses = [TargetStatus.of(us, UP), TargetStatus.of(eu, UP)]
        statuses[turn % 2] = TargetStatus.of(measured, UP, probe_result=answered(measured, rtt))
        gateways = rollup(gateways, statuses, measured.id)
        choices.append(next((g.name for g in gateways if g.preferred), None))
    settled = choices[2 * RECENT :]
    assert len(set(settled)) == 1


def test_a_gateway_is_as_far_as_the_median_of_its_last_answers():
    us, gateways = entry("us"), ()
    for rtt in [9.0] * 5 + [0.01] * (RECENT - 3) + [3.0]:
        statuses = [TargetStatus.of(us, UP, probe_result=answered(us, rtt))]
        gateways = rollup(gateways, statuses, us.id)
    assert len(gateways[0].recent) == RECENT
    assert gateways[0].latency == 0.01


def test_an_outage_ends_what_was_measured_before_it():
    us = entry("us")
    gateways = rollup((), [TargetStatus.of(us, UP, probe_result=answered(us, 0.01))], us.id)
    gateways = rollup(gateways, [TargetStatus.of(us, DOWN)], us.id)
    assert (gateways[0].recent, gateways[0].preferred) == ((), False)


def test_beyond_a_proxy_the_kernels_round_trip_is_the_proxys_so_the_handshake_counts():
    connection = Connection("10.0.0.9", 3128, Family.IPV4, {Phase.TLS: 0.09}, rtt=0.001)
    through = replace(probe_result("x"), connections=(connection,), proxy="proxy.test:3128")
    assert latency_of(through) == 0.09
    assert latency_of(replace(through, proxy=None)) == 0.001
    assert latency_of(probe_result("x", ok=False)) is None


def test_a_check_says_what_a_runner_would_pick_and_what_is_broken_there():
    us, eu, dead = entry("us01"), entry("eu01"), lighthouse("eu01")
    statuses = [
        TargetStatus.of(us, UP, answered(us, 0.09)),
        TargetStatus.of(eu, UP, answered(eu, 0.0213)),
        TargetStatus.of(dead, DOWN, probe_result(dead.id, ok=False)),
    ]
    gateways = gateways_of(statuses)
    assert gateways_line(gateways) == (
        "Gateways: us01 90.0 ms, eu01 21.3 ms. "
        "A runner would pick eu01, although lighthouse-eu01 is down."
    )
    assert [(g["name"], g["preferred"]) for g in gateways_view(gateways)] == [
        ("us01", False),
        ("eu01", True),
    ]
    assert gateways_line(()) == ""
    assert "None answers" in gateways_line(gateways_of([TargetStatus.of(us, DOWN)]))


class Watched:
    """A board with two gateways, and the events of their results."""

    def __init__(self) -> None:
        self.targets = {name: entry(name) for name in ("us01", "eu01")}
        records = {t.id: TargetStatus(t) for t in self.targets.values()}
        self.store = StateStore(records)
        self.rollup = Rollup(self.store)

    def status(self, name: str, rtt: float | None) -> tuple[Event, ...]:
        record = self.store.statuses[self.targets[name].id]
        record.health = Health(DOWN if rtt is None else UP)
        record.probe_result = None if rtt is None else answered(record.target, rtt)
        return self.rollup.take_in(record, 1000.0)


def test_a_change_of_the_choice_is_an_event_and_the_first_choice_is_none():
    watched = Watched()
    assert watched.status("us01", 0.09) == ()
    assert watched.status("eu01", 0.02) == ()
    (event,) = watched.status("eu01", None)
    assert (event.kind, event.subject, event.serious) == (
        EventKind.GATEWAY_CHANGED,
        "us01",
        False,
    )
    assert event.facts == {
        "from": "eu01",
        "to": "us01",
        "latency_us01": 0.09,
        "latency_eu01": None,
    }
    (none,) = watched.status("us01", None)
    assert (none.facts["to"], none.serious) == (None, True)
    (back,) = watched.status("us01", 0.09)
    assert back.facts["to"] == "us01"


def test_gateways_that_are_no_longer_watched_are_forgotten():
    watched = Watched()
    watched.status("us01", 0.09)
    watched.store.statuses = {}
    watched.rollup.reload()
    assert watched.store.gateways == ()


def test_the_catalogue_says_what_makes_a_gateway():
    rows = load_catalog()
    for name in ("us01", "eu01"):
        mine = [row for row in rows if row.gateway == name]
        (own,) = [row for row in mine if row.gateway_entry]
        assert (own.host, own.port) == (f"{name}.gitpod.dev", 8443)
        assert {(row.protocol, row.port) for row in mine if row is not own} == {
            (Protocol.HTTPS, 443),
            (Protocol.UDP, 4242),
            (Protocol.TCP, 4242),
        }
    assert {row.gateway for row in rows if row.group.startswith("gateway")} == {"us01", "eu01"}


def test_an_entry_point_that_cannot_be_probed_is_no_gateway() -> None:
    probed, unprobed = entry("eu"), replace(entry("us"), missing_values=("region",))
    statuses = [TargetStatus.of(t, UP, answered(t, 0.02)) for t in (probed, unprobed)]
    assert [found.name for found in rollup((), statuses, probed.id)] == ["eu"]


def test_a_gateway_that_was_not_preferred_has_no_advantage() -> None:
    statuses = [TargetStatus.of(entry(n), UP, answered(entry(n), 0.02)) for n in ("us", "eu")]
    known = [Gateway("us", UP, (0.021,)), Gateway("eu", UP, (0.020,))]
    assert [found.preferred for found in rollup(known, statuses, "")] == [False, True]
