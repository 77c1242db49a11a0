"""Delays of failed logins as values."""

from __future__ import annotations

from monitor.web.failed_logins import (
    CLIENTS_LIMIT,
    FIRST_DELAY,
    FORGET_AFTER,
    MAXIMUM_DELAY,
    FailedLogins,
)


def test_each_failure_of_a_client_is_answered_later_up_to_a_maximum() -> None:
    logins = FailedLogins()
    delays = [logins.delay("a", 10.0) for _ in range(8)]
    assert delays[:4] == [FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY, 8 * FIRST_DELAY]
    assert delays[-1] == MAXIMUM_DELAY
    assert logins.delay("b", 10.0) == FIRST_DELAY


def test_failures_are_forgotten() -> None:
    logins = FailedLogins()
    logins.delay("a", 10.0)
    assert logins.delay("a", 10.0 + FORGET_AFTER) == FIRST_DELAY


def test_the_number_of_clients_is_bounded() -> None:
    logins = FailedLogins()
    for number in range(2 * CLIENTS_LIMIT):
        logins.delay(str(number), 10.0)
    assert logins.delay("0", 10.0) == FIRST_DELAY
    assert logins.delay(str(2 * CLIENTS_LIMIT - 1), 10.0) == 2 * FIRST_DELAY
    assert len(logins._clients) == CLIENTS_LIMIT
