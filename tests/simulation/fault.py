"""Fault models of the simulator: what breaks, and what a true diagnosis shows of it.

To add one: write a subclass of ``Fault`` in a file of its own in ``tests/simulation/faults/`` and
decorate it with ``@model``. Every file of that folder is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar

from monitor.model.causes import Cause
from monitor.model.incident import Scope
from monitor.model.probe_result import Family, Phase
from monitor.model.target import Target

if TYPE_CHECKING:
    from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Contact:
    """One exchange of a probe: with which address and port, when (Unix seconds), from which
    source port, and whether it goes to the proxy."""

    target: Target
    address: str
    family: Family
    port: int
    at: float
    random: Random
    proxied: bool
    source_port: int = 0


@dataclass(frozen=True, slots=True)
class Effect:
    """Effect of a fault on an exchange. ``kind``: ``silent``, ``refuse``, ``rst``, ``unrouted``,
    ``prohibited``, ``local`` (text: errno), ``closed``, ``verify:CODE`` (text: issuer),
    ``status:N``, ``redirect`` (text: host), an rcode, ``sinkhole`` (text: address), or "" for a
    ``delay`` (seconds) or a ``loss`` (share of packets lost each way) alone."""

    kind: str
    text: str = ""
    delay: float = 0.0
    loss: float = 0.0


class Fault:
    """One fault, active from ``onset`` to ``end`` (Unix seconds)."""

    kind: ClassVar[str] = "total"
    """``total`` or ``partial``."""

    scopes: frozenset[Scope]
    causes: frozenset[Cause]
    layer: ClassVar[int] = 1
    """Order in which faults of one target show: 0 host, 1 names, 2 connections, 3 TLS, 4 HTTP."""

    def __init__(self, world: World, random: Random) -> None:
        self.world = world
        self.onset = 0.0
        self.end = 0.0
        self.setup(random)

    def setup(self, random: Random) -> None:
        """Choose what is hit."""

    def possible(self) -> bool:
        """Whether the world has what this fault needs."""
        return bool(self.affected())

    def active(self, at: float) -> bool:
        """Whether the fault is there at a time."""
        return self.onset <= at < self.end

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        """Return what happens to an exchange; None for nothing."""
        raise NotImplementedError

    def hits(self, target: Target) -> bool:
        """Whether a target is affected."""
        raise NotImplementedError

    def affected(self) -> frozenset[str]:
        """Return the ids of the affected targets."""
        return frozenset(t.id for t in self.world.targets if self.hits(t))

    def describe(self) -> str:
        """Return a short name with what is hit."""
        return type(self).__name__


MODELS: dict[str, type[Fault]] = {}


def model(cls: type[Fault]) -> type[Fault]:
    """Register a fault model."""
    MODELS[cls.__name__] = cls
    return cls


def is_literal(host: str) -> bool:
    """Whether a host is an address rather than a name."""
    return ":" in host or host.replace(".", "").isdigit()


def egress(target: Target) -> bool:
    """Whether a target is outside the subnet."""
    return target.group not in {"resolver", "instance_metadata"}


def ids(targets: Iterable[Target]) -> frozenset[str]:
    """Return ids."""
    return frozenset(t.id for t in targets)
