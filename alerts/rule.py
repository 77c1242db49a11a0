"""Rules, and the parts of expressions that they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

ID = "job, instance, runner_id, account_id, region, monitor_url"
"""Labels of a monitor. A fleet's deployment sets them on every series (docs/alerts.md), so that an
alert carries them and two accounts with the same host name stay apart."""

PAGE = (
    "{{ if $labels.monitor_url }}{{ $labels.monitor_url }}"
    "{{ else }}http://{{ $labels.instance }}{{ end }}"
)
"""Address of the monitor's page: as the deployment wrote it, else where it is scraped."""

WHERE = (
    "{{ $labels.instance }}"
    "{{ if $labels.runner_id }} (runner {{ $labels.runner_id }}"
    "{{ if $labels.account_id }}, account {{ $labels.account_id }}{{ end }}"
    "{{ if $labels.region }}, {{ $labels.region }}{{ end }}){{ end }}"
)
"""The monitor in a sentence."""


class Severity(StrEnum):
    """Route of an alert: to the pager, or to tickets."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule."""

    name: str
    expr: str

    def rule(self) -> dict[str, object]:
        """Return the rule as Prometheus reads it."""
        return {"record": self.name, "expr": self.expr}


@dataclass(frozen=True, slots=True)
class Alert:
    """An alerting rule. ``hold`` and ``keep`` are the rule's ``for`` and ``keep_firing_for``;
    ``page`` and ``runbook`` are the links, by default to the monitor's own pages."""

    name: str
    severity: Severity
    expr: str
    summary: str
    description: str
    hold: str = "0s"
    keep: str = ""
    page: str = PAGE + "/"
    runbook: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def rule(self) -> dict[str, object]:
        """Return the rule as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            **({"for": self.hold} if self.hold != "0s" else {}),
            **({"keep_firing_for": self.keep} if self.keep else {}),
            "labels": {"severity": self.severity.value, **self.labels},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "page_url": self.page,
                "runbook_url": self.runbook or f"{PAGE}/runbook/{self.name}",
            },
        }
