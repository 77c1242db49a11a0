"""Selection of the targets that ``--only`` names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.catalog import suggestion
from monitor.model.settings import ConfigError, Problem
from monitor.model.target import Target


def select(targets: Sequence[Target], only: Iterable[str]) -> tuple[Target, ...]:
    """Return the targets whose id or group is named; all of them when none is.

    Raises:
        ConfigError: if a name is neither an id nor a group of ``targets``.
    """
    wanted = set(only)
    known = {target.id for target in targets} | {target.group for target in targets}
    problems = tuple(
        Problem("--only", name, "there is no such target or group", suggestion(name, known))
        for name in sorted(wanted - known)
    )
    if problems:
        raise ConfigError(problems)
    return tuple(t for t in targets if not wanted or t.id in wanted or t.group in wanted)


def switched_on(targets: Sequence[Target], only: Iterable[str]) -> tuple[Target, ...]:
    """Return those of ``targets`` that are on.

    Raises:
        ConfigError: if everything that a name of ``only`` stands for is off.
    """
    on = tuple(target for target in targets if target.endpoint.enabled)
    reachable = {target.id for target in on} | {target.group for target in on}
    problems = tuple(
        Problem(
            "--only", name, "it is switched off", "set enabled = true, or name it in registries"
        )
        for name in only
        if name not in reachable
    )
    if problems:
        raise ConfigError(problems)
    return on
