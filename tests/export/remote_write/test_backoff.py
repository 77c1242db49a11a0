"""Waits between tries: growing, bounded, with jitter."""

from __future__ import annotations

from random import Random

import pytest

from monitor.export.remote_write.backoff import LONGEST_DENIED_WAIT, LONGEST_WAIT, backoff


@pytest.mark.parametrize(
    ("denied", "longest"), [(False, LONGEST_WAIT), (True, LONGEST_DENIED_WAIT)]
)
def test_waits_double_up_to_a_bound_with_jitter(denied: bool, longest: float) -> None:
    random = Random(1)
    waits = [backoff(failures, random, denied=denied) for failures in range(1, 400)]
    assert max(waits) <= longest
    assert min(waits[10:]) >= 0.7 * longest
    assert len(set(waits)) == len(waits)
    assert waits[2] > waits[0]
