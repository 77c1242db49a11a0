"""One file a prober: the module's name is the prober's name, ``probe`` its function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from importlib import import_module

from monitor.model.probe_result import ProbeResult
from monitor.model.target import Target
from monitor.probes.context import ProbeContext

Probe = Callable[[Target, ProbeContext], Awaitable[ProbeResult]]
"""Measures a target once within ``target.timeout`` seconds and returns what it saw; raises
nothing but ``asyncio.CancelledError``."""


@cache
def prober(name: str) -> Probe:
    """Return the ``probe`` function of ``monitor/probes/<name>.py``, imported on first use.

    Raises:
        ModuleNotFoundError: if there is no such prober.
    """
    probe: Probe = import_module(f"monitor.probes.{name}").probe
    return probe
