"""Words and counts that all fault models share."""

from __future__ import annotations

import pytest

from monitor.incidents.fault_model import (
    Figures,
    cause_of,
    counted,
    domains,
    either,
    hosts_of,
    most_common,
    names,
    shorten,
    site,
    still_works,
)
from monitor.incidents.models.egress import Port
from monitor.model.causes import Cause
from monitor.model.groups import RESOLVER_GROUP
from tests.incidents.evidence import hypothesis, target, track

C = Cause


def test_the_share_of_nothing_is_all_of_it() -> None:
    assert Figures(40, 10).share == 0.25
    assert Figures().share == 1.0


def test_what_speaks_for_a_hypothesis_is_what_fails_now() -> None:
    bad, good = track("a", C.TCP_TIMEOUT), track("b", C.TCP_TIMEOUT, None)
    assert hypothesis(Port(), "tcp/443", bad, good).bad == (bad,)
    assert hypothesis(Port(), "tcp/443", good).bad == (good,)


def test_the_cause_of_a_target_is_that_of_its_last_bad_result() -> None:
    assert cause_of(track("a", C.TCP_REFUSED, C.TCP_TIMEOUT, None)) is C.TCP_TIMEOUT
    assert cause_of(track("a", None)) is None
    forgotten = track("a", C.TCP_TIMEOUT)
    forgotten.window.clear()
    assert cause_of(forgotten) is C.TCP_TIMEOUT


def test_the_most_common_cause_wins_and_the_first_of_equals() -> None:
    timeout, refused = track("a", C.TCP_TIMEOUT), track("b", C.TCP_REFUSED)
    first = min(C.TCP_TIMEOUT, C.TCP_REFUSED, key=list(Cause).index)
    assert most_common([timeout, refused]) is first
    assert most_common([refused, timeout]) is first
    assert most_common([timeout, refused, track("c", C.TCP_REFUSED)]) is C.TCP_REFUSED
    assert most_common([timeout, track("c", C.TCP_TIMEOUT), refused]) is C.TCP_TIMEOUT
    assert most_common([timeout, refused], frozenset({C.TCP_REFUSED})) is C.TCP_REFUSED
    assert most_common([track("d", None)]) is C.TCP_TIMEOUT


def test_hosts_are_in_the_order_of_their_groups_name_servers_last() -> None:
    tracks = [
        track("z", of=target("10.0.0.2", group=RESOLVER_GROUP)),
        track("b", of=target("b.example", group="aws_api")),
        track("c", of=target("c.example", group="management_plane")),
        track("a", of=target("a.example", group="management_plane")),
        track("a", of=target("a.example", group="management_plane", name="a2")),
    ]
    assert hosts_of(tracks) == ["a.example", "c.example", "b.example", "10.0.0.2"]


def test_at_most_three_hosts_are_named() -> None:
    tracks = [track(f"{n}.example") for n in "abcde"]
    assert names(tracks) == "a.example, b.example, c.example and 2 more"
    assert names(tracks, 1) == "a.example and 4 more"
    assert names(tracks[:3]) == "a.example, b.example, c.example"


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("a.example", "a.example"),
        (f"{'x' * 30}.example", f"{'x' * 30}.example"),
        (f"{'x' * 31}.example", "*.example"),
        ("3000--00000000-0000.eu01.example", "*.eu01.example"),
        ("x" * 40, "x" * 40),
    ],
)
def test_a_label_that_holds_an_id_is_not_shown(host: str, shown: str) -> None:
    assert shorten(host) == shown


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("a.b.corp.example", "corp.example"),
        ("example", "example"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_site_is_the_last_two_labels_of_a_name(host: str, expected: str) -> None:
    assert site(host) == expected


def test_domains_are_distinct_sites() -> None:
    tracks = [track(host) for host in ("a.corp.example", "b.corp.example", "c.other.example")]
    assert domains(tracks) == ["corp.example", "other.example"]


def test_what_still_works_is_named_if_anything_does() -> None:
    failing = track("a.example", C.TCP_TIMEOUT)
    assert still_works(hypothesis(Port(), "tcp/443", failing)) == ""
    some = hypothesis(Port(), "tcp/443", failing, working=[track("b.example", None)])
    assert still_works(some) == " Still works: b.example."


def test_hosts_are_counted() -> None:
    failing = [track(f"{n}.example", C.TCP_TIMEOUT) for n in "abc"]
    assert counted(hypothesis(Port(), "tcp/443", *failing)) == "all 3 hosts tried"
    some = hypothesis(Port(), "tcp/443", *failing, working=[track("d.example", None)])
    assert counted(some) == "3 of 4 hosts"


def test_two_explanations_are_told_with_what_separates_them() -> None:
    assert either("rain", "snow", "the temperature") == (
        "either rain or snow; the temperature would separate the two"
    )
