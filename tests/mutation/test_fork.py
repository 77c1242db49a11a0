"""A trial passes only if its function returns that."""

from __future__ import annotations

import os
import signal

import pytest

from tests.mutation import fork
from tests.mutation.fork import PASSED, forked


def test_the_status_of_the_function_is_returned() -> None:
    assert forked(lambda: PASSED) == PASSED
    assert forked(lambda: 1) != PASSED


def test_an_error_and_a_crash_do_not_pass() -> None:
    def fails() -> int:
        raise ValueError

    def dies() -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return PASSED

    assert forked(fails) != PASSED
    assert forked(dies) != PASSED


def test_a_hang_and_cpu_time_and_memory_without_end_do_not_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hangs() -> int:
        signal.pause()
        return PASSED

    def grows() -> int:
        return PASSED if bytearray(2 * fork.MEMORY) else 1

    def computes() -> int:
        while True:
            pass

    monkeypatch.setattr(fork, "IDLE_SECONDS", 0.2)
    assert forked(hangs, 5) != PASSED
    assert forked(computes, 1) != PASSED
    assert forked(grows, 5) != PASSED
    assert forked(lambda: PASSED, 5) == PASSED


def test_nothing_of_the_trial_changes_the_caller() -> None:
    values: list[int] = []

    def appends() -> int:
        values.append(1)
        return PASSED

    assert forked(appends) == PASSED
    assert values == []
