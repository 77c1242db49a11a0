"""Starvation: times in which this process did not run, so that its measurements are void."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Starvation(StrEnum):
    """Reason why this process did not run. Stable label values."""

    BUSY = "busy"  # one callback of our own held the event loop
    CPU_THROTTLED = "cpu_throttled"  # the CPU limit of the container (cgroup cpu.stat)
    CPU_CONTENTION = "cpu_contention"  # other programs had the CPU
    STOPPED = "stopped"  # SIGSTOP, a frozen cgroup, a paused virtual machine
    SUSPENDED = "suspended"  # the host slept: CLOCK_BOOTTIME went on, CLOCK_MONOTONIC did not


@dataclass(frozen=True, slots=True)
class HostStarvation:
    """Starvation that lasts. ``since`` is Unix seconds, ``share`` the part of the last
    ``WINDOW`` seconds (0 to 1) in which this process did not run, ``longest`` seconds of the
    longest stall, ``load`` the load average of one minute."""

    reason: Starvation
    since: float
    share: float
    longest: float
    load: float
    cpus: int
