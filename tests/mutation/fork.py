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

SECONDS = 60.0
"""Time limit of one trial: a mutant whose tests hang is killed."""

CPU_SECONDS = 30
"""Limit of the CPU time of one trial."""

MEMORY = 1 << 30
"""Memory that one trial may add, in bytes: some mutants never stop to append."""

PASSED = 0


def forked(function: Callable[[], int], *, limited: bool = True) -> int:
    """Return the exit status of a function run in a fork; not ``PASSED`` if it hangs or dies."""
    sys.stdout.flush()
    process = os.fork()
    if not process:
        _run(function, limited=limited)
    descriptor = os.pidfd_open(process)
    try:
        ready, _, _ = select.select([descriptor], [], [], SECONDS if limited else None)
        if not ready:
            os.killpg(process, signal.SIGKILL)
        return os.waitpid(process, 0)[1]
    finally:
        os.close(descriptor)


def silence(*descriptors: int) -> None:
    """Discard what this process writes to some descriptors from now on."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(null, descriptor)
    os.close(null)


def _run(function: Callable[[], int], *, limited: bool) -> None:
    status = 70
    try:
        os.setsid()
        if limited:
            silence(0, 1, 2)
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
            resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MEMORY,) * 2)
        status = function()
    except BaseException:  # noqa: BLE001 - the fork must not return into its parent's code
        traceback.print_exc()
    finally:
        os._exit(status)


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()
