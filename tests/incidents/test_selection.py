"""The choice of hypotheses: the best first, each target explained once, open incidents favored."""

from __future__ import annotations

from collections.abc import Collection

from monitor.incidents.fault_model import Hypothesis
from monitor.incidents.partial import PARTIAL_PART
from monitor.incidents.selection import (
    KEEP,
    Reserved,
    _failing_in_part,
    _in_part,
    candidates,
    choose,
)
from monitor.model.causes import Cause
from monitor.model.state import State
from tests.incidents.test_inference import EGRESS, Story


def chosen(
    story: Story, now: float, favored: Collection[tuple[str, str, str]] = (), reserved: str = ""
) -> list[Hypothesis]:
    kept = Reserved({reserved}, {reserved})
    found = choose(story.engine.index, kept, favored, (), now)
    return [hypothesis for hypothesis in found if hypothesis is not None]


def failing(*names: str) -> Story:
    story = Story()
    for name in names:
        for at in (10.0, 20.0):
            story.result(name, at, Cause.TCP_TIMEOUT)
    return story


def test_each_target_is_explained_once() -> None:
    found = chosen(failing(*EGRESS), 21.0)
    ids = [t.target.id for hypothesis in found for t in hypothesis.failing]
    assert sorted(ids) == sorted(EGRESS)
    assert [h.model.name for h in found] == ["all_egress"]


def test_what_is_reserved_is_not_explained() -> None:
    (found,) = chosen(failing("app", "s3"), 21.0, reserved="app")
    assert [t.target.id for t in found.failing] == ["s3"]


def test_a_hypothesis_of_an_open_incident_is_preferred_by_a_bonus() -> None:
    story = failing("app", "s3", "sts")
    best, *_ = chosen(story, 21.0)
    assert best.identity == ("all_egress", "egress", "")
    port = ("port", "tcp/443", "")
    favored, *_ = chosen(story, 21.0, {port})
    assert favored.identity == port
    assert favored.score < best.score < favored.score + KEEP
    weak, *_ = chosen(failing("gw-us", "gw-eu"), 21.0, {("group", "gateway", "tcp_timeout")})
    assert weak.identity == ("port", "tcp/8443", ""), "the bonus does not make up for the rest"


def test_one_endpoint_alone_is_explained_after_what_is_shared() -> None:
    story = failing("gw-us", "gw-eu", "app")
    for name in EGRESS:
        if name not in {"gw-us", "gw-eu", "app"}:
            story.result(name, 25.0)
    assert [h.model.name for h in chosen(story, 26.0)] == ["port", "endpoint"]


def test_a_failure_of_one_endpoint_has_to_be_confirmed() -> None:
    story = Story()
    story.result("app", 10.0, Cause.TCP_TIMEOUT)
    assert chosen(story, 11.0) == []
    story.result("app", 40.0, Cause.TCP_TIMEOUT)
    (found,) = chosen(story, 41.0)
    assert found.model.name == "endpoint"
    assert found.failing[0].state is State.DOWN


def whole(story: Story, *favored: tuple[str, str, str]) -> list[Hypothesis]:
    """Hypotheses that everything outside fails."""
    found = candidates(story.engine.index, Reserved(), favored, (), 31.0, alone=False)
    return [h for h in found if h is not None and h.model.name == "all_egress"]


def test_while_a_share_is_known_to_fail_all_of_it_fails_only_if_nothing_works() -> None:
    flaky = ("flaky_path", "egress", PARTIAL_PART)
    story = failing(*(name for name in EGRESS if name != "app2"))
    assert len(whole(story)) == len(whole(story, flaky)) == 1
    story.result("app2", 25.0)
    assert len(whole(story)) == 1
    assert whole(story, flaky) == []


def test_one_host_that_fails_in_part_inherits_the_bonus_of_its_incident() -> None:
    index = failing("app").engine.index
    host = index.tracks["app"].target.host
    favored = {("endpoint", host, "tcp_timeout")}
    assert set(_in_part(index, favored)) == {("flaky_endpoint", host, PARTIAL_PART)}
    assert list(_in_part(index, {("port", "tcp/443", "")})) == []


def test_an_element_fails_in_part_while_an_incident_shows_that() -> None:
    index = failing("app").engine.index
    favored = {
        ("flaky_resolver", "names", PARTIAL_PART),
        ("flaky_endpoint", "a.example", PARTIAL_PART),
        ("port", "tcp/443", ""),
    }
    assert _failing_in_part(index, favored) == {("resolver", "names")}
