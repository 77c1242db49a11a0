"""Admission policy as values: deadlines, eviction order, and the share of file descriptors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.web.admission import (
    CONNECTIONS_LIMIT,
    CONNECTIONS_MINIMUM,
    DEADLINES,
    ConnectionPhase,
    Occupancy,
    connection_limit,
    eviction_candidate,
    exceeded,
    peer_group,
)

PLACES = st.lists(
    st.builds(
        Occupancy,
        st.sampled_from("abc"),
        st.floats(0, 100),
        st.sampled_from(ConnectionPhase),
        st.booleans(),
    )
)


@pytest.mark.parametrize("phase", DEADLINES)
def test_each_phase_ends_at_its_deadline_and_not_before(phase: ConnectionPhase) -> None:
    place = Occupancy("a", 100.0, phase)
    assert not exceeded(place, 100.0 + DEADLINES[phase], 0)
    assert exceeded(place, 100.1 + DEADLINES[phase], 0)


def test_a_finished_response_that_is_not_read_has_the_deadline_of_a_response() -> None:
    place = Occupancy("a", 0.0, ConnectionPhase.IDLE)
    late = DEADLINES[ConnectionPhase.RESPONSE] + 1
    assert not exceeded(place, late, 0)
    assert exceeded(place, late, 1)


def test_a_silent_client_goes_before_one_that_is_being_served() -> None:
    serving = Occupancy("a", 0.0, ConnectionPhase.RESPONSE)
    silent = Occupancy("a", 50.0)
    older = Occupancy("a", 40.0)
    assert eviction_candidate([serving, silent, older]) is older


def test_the_client_with_the_most_connections_loses_one() -> None:
    scraper = Occupancy("scraper", 0.0)
    flood = [Occupancy("flood", 10.0, ConnectionPhase.RESPONSE) for _ in range(3)]
    assert eviction_candidate([scraper, *flood]) in flood


@given(PLACES)
def test_only_an_open_connection_is_evicted(places: list[Occupancy]) -> None:
    found = eviction_candidate(places)
    assert (found is None) == all(place.aborted for place in places)
    assert found is None or not found.aborted


@pytest.mark.parametrize(
    ("descriptors", "connections"),
    [(1024, CONNECTIONS_LIMIT), (512, 64), (300, 11), (64, CONNECTIONS_MINIMUM), (1 << 20, 64)],
)
def test_file_descriptors_are_reserved_for_probing(descriptors: int, connections: int) -> None:
    assert connection_limit(descriptors) == connections


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2::7", "2001:0db8:0001:0002"),
        ("fe80::1%eth0", "fe80:0000:0000:0000"),
        ("", ""),
    ],
)
def test_addresses_of_one_host_are_one_client(address: str, group: str) -> None:
    assert peer_group(address) == group
