"""Signals, from the first moment of the process on.

The kernel discards signals to process 1 that have no handler (pid_namespaces(7)), and the
default action of most others ends a process: handlers are installed before the slow imports.
This module imports nothing but the standard library's fastest parts.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGINT)
RELOADING = signal.SIGHUP
IGNORED = (
    signal.SIGPIPE,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGPROF,
)
"""Signals without a meaning here whose default action ends the process."""

STOP_SECONDS = 8.0
"""Seconds from a signal to stop until the process ends, whatever hangs. Supervisors kill it
after 10 s (Docker, ECS and the unit's TimeoutStopSec)."""

_reload_early = False


def open_standard_streams() -> None:
    """Open /dev/null in the place of standard streams that are closed: their numbers would
    otherwise go to sockets, and what is printed would go to a peer."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number, which is this one


def install_early() -> None:
    """Install handlers for the time before the event loop runs.

    Nothing has been started then, so a signal to stop ends the process at once, with status 0.
    A signal to reload is remembered.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*STOPPING, RELOADING})
    for number in STOPPING:
        signal.signal(number, _end)
    signal.signal(RELOADING, _remember)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)


def install(
    add: Callable[[int, Callable[[], None]], None],
    *,
    stop: Callable[[], None],
    reload: Callable[[], None],
) -> None:
    """Replace the early handlers by those of the event loop; ``add`` is its
    ``add_signal_handler``. Call ``reload`` if that was asked for meanwhile."""
    for number in STOPPING:
        add(number, stop)
    add(RELOADING, reload)
    if _reload_early:
        reload()


def end_at_the_latest(seconds: float = STOP_SECONDS, status: int = 1) -> threading.Timer:
    """End the process after ``seconds`` unless it has ended by then: a thread that waits for a
    dead disk or mount cannot be cancelled."""
    timer = threading.Timer(seconds, os._exit, (status,))
    timer.daemon = True
    with suppress(RuntimeError):  # no thread can be started
        timer.start()
    return timer


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)


def _remember(_number: int, _frame: FrameType | None) -> None:
    global _reload_early  # noqa: PLW0603 - a handler has no other place to leave it
    _reload_early = True
