"""The cause of a failed probe, with its explanation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.model.causes import Cause


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The meaning of a probe result: exactly one cause or none, and what to do about it.

    ``detail`` is one plain sentence, ``remediation`` one action; both are empty if ``cause`` is
    None. ``evidence`` holds short ``name: value`` facts, safe to print. ``alternate_cause`` is the
    cause of the failure of the other proxy path, if both are compared.
    """

    cause: Cause | None
    detail: str = ""
    remediation: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)
    alternate_cause: Cause | None = None
