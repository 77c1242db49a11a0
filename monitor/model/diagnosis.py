"""The cause of a failed probe, with its explanation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.model.causes import Cause


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What an attempt means: exactly one cause or none, and what to do about it.

    ``detail`` is one plain sentence, ``remediation`` one thing to do; both are empty when
    ``cause`` is None. ``evidence`` holds short ``name: value`` facts, safe to print.
    """

    cause: Cause | None
    detail: str = ""
    remediation: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)
    alternate_cause: Cause | None = None
