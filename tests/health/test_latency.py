"""Latencies in one byte: right to 3 %, bounded, and none for what is no latency."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.health.latency import latency_code, latency_of


@given(st.floats(1e-4, 60.0))
def test_a_latency_is_kept_to_three_percent(seconds: float) -> None:
    assert latency_of(latency_code(seconds)) == pytest.approx(seconds, rel=0.03)


@given(st.floats(allow_nan=False))
def test_every_code_is_one_byte(seconds: float) -> None:
    assert 0 <= latency_code(seconds) <= 254


def test_the_ends_of_the_scale_are_100_microseconds_and_a_minute() -> None:
    assert (latency_code(0.0), latency_code(1e-4), latency_code(1e-5)) == (1, 1, 1)
    assert (latency_code(60.0), latency_code(3600.0)) == (254, 254)
    assert latency_of(1) == pytest.approx(1e-4)
    assert latency_of(254) == pytest.approx(60.0)


@pytest.mark.parametrize("seconds", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_latency_has_the_code_zero(seconds: float | None) -> None:
    assert latency_code(seconds) == 0
    assert latency_of(0) is None
