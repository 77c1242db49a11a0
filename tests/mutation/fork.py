"""Run a function in a forked process, within limits of time and memory."""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

IDLE_SECONDS = 20.0
"""Interval at which a trial is checked: one that sleeps then, without CPU time since the last
check, hangs. A process that waits for a CPU of a loaded machine does not."""

MEMORY = 1 << 30
"""Memory that one trial may add, in bytes: some mutants never stop to append."""

PASSED = 0


def forked(function: Callable[[], int], cpu_seconds: int | None = None) -> int:
    """Return the exit status of a function run in a fork; not ``PASSED`` if it hangs or dies.

    With a limit of CPU time its memory is limited as well, and what it prints is discarded.
    """
    sys.stdout.flush()
    process = os.fork()
    if not process:
        _run(function, cpu_seconds)
    descriptor = os.pidfd_open(process)
    try:
        used = -1
        while not select.select([descriptor], [], [], IDLE_SECONDS)[0]:
            state, now = _progress(process)
            if state == "S" and now == used:
                os.killpg(process, signal.SIGKILL)
            used = now
        return os.waitpid(process, 0)[1]
    finally:
        os.close(descriptor)


def _progress(process: int) -> tuple[str, int]:
    """Return the state of a process and the CPU time that it has used, in clock ticks."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return fields[0], int(fields[11]) + int(fields[12])


def silence(*descriptors: int) -> None:
    """Discard what this process writes to some descriptors from now on."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(null, descriptor)
    os.close(null)


def _run(function: Callable[[], int], cpu_seconds: int | None) -> None:
    status = 70
    try:
        os.setsid()
        if cpu_seconds is not None:
            silence(0, 1, 2)
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
            resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MEMORY,) * 2)
        status = function()
    except BaseException:  # noqa: BLE001 - the fork must not return into its parent's code
        traceback.print_exc()
    finally:
        os._exit(status)


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()
