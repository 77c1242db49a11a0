"""Impact of failures in words: the consequence for users of environments. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from monitor.catalog.groups import rank
from monitor.model.groups import RESOLVER_GROUP
from monitor.model.state import State
from monitor.model.target import Target

NO_IMPACT = "Nothing that a runner needs is affected."

_NEW = "new environments cannot start"
_MANAGE = "environments cannot be created, started or stopped"
_REACH = "users cannot reach their environments"
_EDIT = "editors do not start in new environments"

_CONSEQUENCES: dict[str, tuple[str, str]] = {
    "resolver": ("nothing that needs a name can be reached", "the name server"),
    "management_plane": (_MANAGE, "the Ona management plane"),
    "instance_metadata": (_MANAGE, "instance metadata"),
    "aws_api": (_MANAGE, "AWS APIs"),
    "release_artifacts": (_NEW, "Ona release artifacts"),
    "container_registries": (_NEW, "container registries"),
    "ami_access": (_NEW, "the AMIs"),
    "gateway": (_REACH, "the Ona gateway"),
    "gateway_lighthouse": (_REACH, "the gateway's lighthouse"),
    "vscode": (_EDIT, "VS Code downloads"),
    "jetbrains": (_EDIT, "JetBrains downloads"),
    "scm": ("source code cannot be cloned or pushed", "source control"),
    "sso": ("users cannot sign in", "the identity provider"),
    "extra_registries": ("images from your registries cannot be pulled", "your registries"),
    "metrics": ("metrics of the runner are lost", "the metrics receiver"),
    "redirects": ("downloads that are redirected fail", "hosts that endpoints redirect to"),
}
"""Per group: the consequence of its loss, and its name in a sentence."""

_PARTIAL = {
    _NEW: "new environments may fail to start",
    _MANAGE: "some actions on environments fail",
    _REACH: "some users cannot reach their environments",
    _EDIT: "some editors do not start in new environments",
}
_SENTENCES = 2
_EVERYTHING = 4
"""Number of complete consequences from which they are not listed."""

_PLURALS = frozenset(
    {"aws_api", "release_artifacts", "container_registries", "ami_access", "vscode", "jetbrains",
     "extra_registries", "redirects"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Loss:
    """A group of which something required is down."""

    group: str
    lost: int
    total: int

    @property
    def partial(self) -> bool:
        return self.lost < self.total

    @property
    def consequence(self) -> str:
        known = _CONSEQUENCES.get(_key(self.group))
        full = known[0] if known else f"what needs {self.group.replace('_', ' ')} fails"
        return _PARTIAL.get(full, full) if self.partial else full

    @property
    def named(self) -> str:
        known = _CONSEQUENCES.get(_key(self.group))
        name = known[1] if known else self.group.replace("_", " ")
        return f"{name} ({self.lost} of {self.total})" if self.partial else name


def impact(
    affected: Collection[tuple[Target, State]],
    everything: Iterable[Target],
    covered: Collection[str] = (),
) -> str:
    """Return the impact of ``affected`` targets in at most two sentences.

    ``everything`` are all targets, to distinguish the loss of a group from that of a part;
    ``covered`` are ids of targets whose redundancy group still works.
    """
    required = [(target, state) for target, state in affected if target.endpoint.required]
    down = [target for target, state in required if state is State.DOWN]
    lost = [target for target in down if target.id not in covered]
    if not lost:
        if down:
            return "Users notice nothing as long as the alternative works."
        slow = any(state is State.DEGRADED for _, state in required)
        return "Everything works, but slower or less reliably." if slow else NO_IMPACT
    totals = _counts(everything)
    losses = [
        _Loss(group, number, max(number, totals.get(group, 0)))
        for group, number in sorted(_counts(lost).items(), key=lambda item: rank(item[0]))
    ]
    return _sentences(losses)


def _sentences(losses: Iterable[_Loss]) -> str:
    """Join the groups with the same consequence, the worst consequence first."""
    by_consequence: dict[str, list[_Loss]] = {}
    for loss in sorted(losses, key=_order):
        by_consequence.setdefault(loss.consequence, []).append(loss)
    if sum(not mine[0].partial for mine in by_consequence.values()) >= _EVERYTHING:
        return "Environments cannot be created, started or reached: almost nothing answers."
    told = [_sentence(what, mine) for what, mine in by_consequence.items()]
    rest = len(told) - _SENTENCES
    more = [f"And {rest} more consequence{'s' if rest > 1 else ''}."] if rest > 0 else []
    return " ".join([*told[:_SENTENCES], *more])


def _sentence(consequence: str, losses: list[_Loss]) -> str:
    names = [loss.named for loss in losses]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    several = len(names) > 1 or losses[0].group in _PLURALS
    verb = "are" if several else "is"
    return f"{consequence[:1].upper()}{consequence[1:]}: {listed} {verb} unreachable."


def _order(loss: _Loss) -> tuple[bool, int]:
    keys = list(_CONSEQUENCES)
    key = _key(loss.group)
    return loss.partial, keys.index(key) if key in keys else len(keys)


def _key(group: str) -> str:
    return "resolver" if group == RESOLVER_GROUP else group


def _counts(targets: Iterable[Target]) -> Counter[str]:
    return Counter(target.group for target in targets if target.endpoint.required)
