"""One explanation of failing targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from monitor.health.status import TargetStatus
from monitor.model.causes import Cause
from monitor.model.incident import Scope


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One explanation: a scope, what is broken in it, and the failing targets it covers."""

    scope: Scope
    subject: str
    members: tuple[TargetStatus, ...]
    cause: Cause
    evidence: Mapping[str, str]
