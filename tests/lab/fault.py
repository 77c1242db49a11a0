"""What one case of the lab is: what breaks, how it is lifted, and what has to be said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from monitor.model.causes import Cause
from monitor.model.incident import Scope
from monitor.model.state import State
from monitor.model.target import Target
from tests.lab.world import World

Change = Callable[[World], None]
Which = Callable[[Target], bool]


def nobody(_: Target) -> bool:
    """No target at all."""
    return False


@dataclass(frozen=True)
class Breakage:
    """Something that is done to the world, and how it is undone."""

    apply: Change
    lift: Change

    def __add__(self, other: Breakage) -> Breakage:
        """Both, undone in the opposite order."""

        def apply(w: World) -> None:
            self.apply(w)
            other.apply(w)

        def lift(w: World) -> None:
            other.lift(w)
            self.lift(w)

        return Breakage(apply, lift)


@dataclass(frozen=True, eq=False)
class Setting:
    """How the monitor is configured and what stands beside it: most cases share one.

    ``keys`` and ``tables`` are added to its configuration, ``environ`` to its environment;
    ``prepare`` changes the world before the monitor starts and ``dismantle`` undoes that.
    ``interval`` and ``timeout`` (seconds) stand in for the report's; ``warm_up``: seconds that it
    is to see all well before anything is broken.
    """

    name: str
    keys: str = ""
    tables: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    interval: float | None = None
    timeout: float | None = None
    warm_up: float = 0.0
    prepare: Change = lambda _: None
    dismantle: Change = lambda _: None


PLAIN = Setting("plain")


@dataclass(frozen=True)
class Fault:
    """One case. ``affected`` tells which targets of the catalogue it takes down; ``servers``
    are the name servers among the affected, by address.

    ``says``: words that the incident's sentence has to hold. ``takes``: seconds that it takes
    to be sure of it, beyond what an outage takes. Without a ``cause`` no incident
    may be opened; ``fact`` then tells whether what has to be shown of it is shown.
    ``share``: the share of the affected targets that has to be shown, less than 1 for a fault that
    strikes at random. ``beside`` is what is expected at the same time, of another fault in the same
    breakage. ``times``: how often it comes and goes.
    """

    name: str
    breakage: Breakage
    cause: Cause | None
    scope: Scope | None
    affected: Which = nobody
    servers: tuple[str, ...] = ()
    says: str = ""
    state: State = State.DOWN
    takes: float = 0.0
    setting: Setting = PLAIN
    fact: Callable[[World], bool] = lambda _: True
    share: float = 1.0
    beside: tuple[Fault, ...] = ()
    times: int = 1

    def expected(self, targets: tuple[Target, ...]) -> frozenset[str]:
        """Return the ids of the targets that are affected by this fault alone."""
        named = {t.id for t in targets if self.affected(t)}
        return frozenset(named | {f"dns-{server}" for server in self.servers})

    def all_expected(self, targets: tuple[Target, ...]) -> frozenset[str]:
        """Return the ids of the targets that are affected by it and by what comes with it."""
        return frozenset().union(*(f.expected(targets) for f in (self, *self.beside)))

    def observed(self, observe: Change) -> Fault:
        """Return the same case, with something done before it is lifted."""

        def lift(w: World) -> None:
            try:
                observe(w)
            finally:
                self.breakage.lift(w)

        return replace(self, breakage=Breakage(self.breakage.apply, lift))

    @property
    def claim(self) -> str:
        """What is expected, in a table's cell."""
        every = (f"{f.cause}, {f.scope}" for f in (self, *self.beside))
        return "; ".join(every) if self.cause else "no incident"
