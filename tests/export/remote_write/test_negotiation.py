"""The version of the protocol: chosen by responses, and never for good."""

from __future__ import annotations

from itertools import pairwise

from monitor.export.remote_write.negotiation import (
    ALTERNATE_AFTER,
    FIRST_PAUSE,
    LEAST_PAUSE,
    LONGEST_PAUSE,
    STRANGE_LIMIT,
    Negotiation,
)
from monitor.model.settings import WriteVersion

V1, V2 = WriteVersion.V1, WriteVersion.V2


def fallen_back(now: float = 0.0) -> Negotiation:
    negotiation = Negotiation(V2)
    assert negotiation.choose(now) is V2
    assert negotiation.understood(V1, now, counted=False)
    return negotiation


def test_the_fallback_persists_until_the_pause_is_over() -> None:
    negotiation = fallen_back()
    chosen = [negotiation.choose(now) for now in range(0, int(FIRST_PAUSE), 5)]
    assert set(chosen) == {V1}
    assert negotiation.choose(FIRST_PAUSE) is V2


def test_the_preferred_version_is_tried_at_least_once_an_hour_and_ever_more_rarely() -> None:
    negotiation = fallen_back()
    trials = [now for now in range(0, 86_400, 10) if negotiation.choose(now) is V2]
    gaps = [after - before for before, after in pairwise(trials)]
    assert gaps == sorted(gaps)
    assert max(gaps) <= LONGEST_PAUSE
    assert len(trials) < 30


def test_a_change_of_the_receiver_leads_to_a_trial_within_a_minute() -> None:
    negotiation = fallen_back()
    negotiation.disturbed(10.0)
    assert negotiation.choose(LEAST_PAUSE - 1) is V1
    assert negotiation.choose(LEAST_PAUSE) is V2
    negotiation.disturbed(LEAST_PAUSE + 1)
    assert negotiation.choose(2 * LEAST_PAUSE - 1) is V1, "a flapping receiver is not asked more"


def test_an_upgraded_receiver_gets_the_preferred_version_again() -> None:
    negotiation = fallen_back()
    assert negotiation.choose(FIRST_PAUSE) is V2
    assert negotiation.understood(V2, FIRST_PAUSE, counted=True)
    assert negotiation.choose(FIRST_PAUSE + 1) is V2
    assert negotiation.confirmed


def test_a_receiver_that_fails_again_and_again_is_tried_in_the_other_version() -> None:
    negotiation = Negotiation(V2)
    chosen = [negotiation.choose(0.0, failures) for failures in range(12)]
    assert V1 not in chosen[:ALTERNATE_AFTER]
    assert chosen.count(V1) == 2


def test_a_strange_success_is_doubted_a_few_times() -> None:
    negotiation = Negotiation(V2)
    negotiation.understood(V2, 0.0, counted=True)
    assert [negotiation.strange() for _ in range(STRANGE_LIMIT)] == [True, True, False]
