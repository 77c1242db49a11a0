"""Incidents of the first seconds that may be one wider fault."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from monitor.incidents.evidence_index import EvidenceIndex, exposures_of
from monitor.incidents.models import MODELS
from monitor.incidents.observation import Observation, Track
from monitor.incidents.settling import may_be_one
from monitor.model.causes import Cause
from tests.incidents.evidence import evidence, track

C = Cause


def shown(
    index: EvidenceIndex, host: str, at: float, cause: Cause | None = None, **facts: object
) -> Track:
    """One result of a host; results of one host follow each other."""
    made = index.tracks.setdefault(host, track(host))
    made.target = replace(
        made.target, endpoint=replace(made.target.endpoint, group=host.partition(".")[0])
    )
    seen = evidence(made.target, cause, **facts)
    exposures = exposures_of(MODELS, seen)
    index._append(made, Observation(at, seen, exposures))
    index._expose(made, exposures)
    return made


def index_of(
    working: Iterable[str] = ("c.one", "d.two", "e.three"), at: float = 0.0
) -> EvidenceIndex:
    index = EvidenceIndex()
    for host in working:
        shown(index, host, at)
    return index


def test_two_hosts_that_fail_alike_may_be_the_first_signs_of_a_wide_fault() -> None:
    index = index_of()
    a, b = (shown(index, host, 30.0, C.TCP_TIMEOUT) for host in ("a.one", "b.two"))
    assert may_be_one(index, [a], [b])


def test_most_of_what_was_probed_since_has_to_fail() -> None:
    index = index_of()
    a, b = (shown(index, host, 30.0, C.TCP_TIMEOUT) for host in ("a.one", "b.two"))
    shown(index, "c.one", 31.0)
    assert may_be_one(index, [a], [b]), "one success does not rule it out"
    shown(index, "d.two", 31.0)
    assert not may_be_one(index, [a], [b])


def test_once_everything_was_probed_nothing_is_left_to_wait_for() -> None:
    index = index_of(["c.one"])
    a, b = (shown(index, host, 30.0, C.TCP_TIMEOUT) for host in ("a.one", "b.two"))
    assert may_be_one(index, [a], [b])
    shown(index, "c.one", 31.0)
    assert not may_be_one(index, [a], [b])
    few = index_of([])
    a, b = (shown(few, host, 30.0, C.TCP_TIMEOUT) for host in ("a.one", "b.two"))
    assert not may_be_one(few, [a], [b])


def test_what_fails_in_different_ways_is_not_one_fault() -> None:
    index = index_of()
    a = shown(index, "a.one", 30.0, C.TCP_TIMEOUT)
    b = shown(index, "b.two", 30.0, C.HTTP_STATUS)
    c = shown(index, "c.one", 30.0)
    assert not may_be_one(index, [a], [b])
    assert not may_be_one(index, [a], [c])
    assert not may_be_one(index, [c], [c])
    assert not may_be_one(index, [a], [])


def test_two_services_that_report_errors_share_nothing() -> None:
    index = index_of()
    a, b = (shown(index, host, 30.0, C.HTTP_STATUS, phase=None) for host in ("a.one", "b.two"))
    assert not may_be_one(index, [a], [b])
