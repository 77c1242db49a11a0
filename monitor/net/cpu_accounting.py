"""CPU accounting of this process by the kernel: what kept it from running. Linux, no privileges."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_CGROUP_ROOT = Path("/sys/fs/cgroup")
_READ_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class CpuSample:
    """Counters in seconds, all since some time in the past.

    ``waited`` is the time that its main thread was runnable
    and another one ran (proc(5), schedstat), ``throttled`` the time that its cgroup was over its
    CPU limit, ``suspended`` the time that the host was suspended.
    """

    waited: float
    throttled: float
    suspended: float


class CpuAccounting:
    """Reads the counters. One that this kernel or container does not have stays 0."""

    def __init__(self, proc: Path = Path("/proc/self"), cgroup: Path = _CGROUP_ROOT) -> None:
        self._schedstat = proc / "schedstat"
        self._cpu_stat = next((f for f in _cpu_stat_files(proc, cgroup) if f.is_file()), None)

    def read(self) -> CpuSample:
        """Return the counters now."""
        return CpuSample(
            waited=_run_delay(_text(self._schedstat)),
            throttled=throttled_seconds(_text(self._cpu_stat)) if self._cpu_stat else 0.0,
            suspended=suspended_seconds(),
        )


def suspended_seconds() -> float:
    """Return how long the host was suspended since it booted (clock_gettime(2))."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def throttled_seconds(cpu_stat: str) -> float:
    """Return the throttled time of a cgroup: ``throttled_usec`` of version 2, ``throttled_time``
    (nanoseconds) of version 1."""
    for line in cpu_stat.splitlines():
        key, _, value = line.partition(" ")
        if value.isdecimal() and key == "throttled_usec":
            return int(value) / 1e6
        if value.isdecimal() and key == "throttled_time":
            return int(value) / 1e9
    return 0.0


def _run_delay(schedstat: str) -> float:
    fields = schedstat.split()
    return int(fields[1]) / 1e9 if len(fields) > 1 and fields[1].isdecimal() else 0.0


def _cpu_stat_files(proc: Path, root: Path) -> Iterator[Path]:
    """Yield where cpu.stat may be: below this process's own cgroup, or at the root, which in a
    container is its cgroup."""
    for line in _text(proc / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        relative = path.lstrip("/")
        if not controllers:
            yield root / relative / "cpu.stat"
            yield root / "cpu.stat"
        elif "cpu" in controllers.split(","):
            for name in (controllers, "cpu", "cpu,cpuacct"):
                yield root / name / relative / "cpu.stat"
                yield root / name / "cpu.stat"


def _text(path: Path) -> str:
    with suppress(OSError), path.open("rb") as file:
        return file.read(_READ_LIMIT).decode("ascii", "replace")
    return ""


def load_average() -> float:
    """Return the load average of one minute."""
    with suppress(OSError):
        return os.getloadavg()[0]
    return 0.0


def usable_cpus() -> int:
    """Return how many CPUs this process may run on."""
    return len(os.sched_getaffinity(0))
