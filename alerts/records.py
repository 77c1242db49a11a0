"""Recording rules: what the alerting rules share, computed once."""

from __future__ import annotations

from alerts.rule import ID, Record

WINDOWS = ("5m", "30m", "1h", "6h", "3d")
"""Windows of burn rates (Site Reliability Workbook, "Alerting on SLOs")."""

COVERED = {"1h": "45m", "6h": "270m", "3d": "54h"}
"""Age that a group's data must have before its burn rate over a window counts: three quarters of
the window. A mostly empty window does not show a spent budget."""

# What a target is does not come and go: a gap of a scrape must not reset an alert's ``for``.
_INFO = f"""max by ({ID}, target) (
  last_over_time(egress_target_info{{required="true"}}[5m])
)"""
_ALONE = f"""max by ({ID}, target) (
  last_over_time(egress_target_info{{required="true", redundant_group=""}}[5m])
)"""
_DOWN = 'egress_redundant_group_state{state="down"}'


def _indent(text: str, by: int) -> str:
    return text.replace("\n", "\n" + " " * by)


def _as_group(expr: str) -> str:
    """Return redundant groups' values with the name of the group in the label ``group``."""
    return f"""max without (redundant_group) (
  label_replace(
    {_indent(expr, 4)},
    "group", "$1", "redundant_group", "(.*)"
  )
)"""


def _errors(window: str) -> Record:
    """The share of failed probes of what a runner needs, by group; of a redundant group the share
    of time in which none of its alternatives worked."""
    return Record(
        f"instance_group:egress_required_errors:ratio_rate{window}",
        f"""1 - avg by ({ID}, group) (
  avg_over_time(probe_success[{window}])
  * on ({ID}, target) group_left ()
    {_indent(_ALONE, 4)}
)
or
{_as_group(f"avg by ({ID}, redundant_group) (avg_over_time({_DOWN}[{window}]))")}
""",
    )


def _failing(window: str, seconds: int) -> Record:
    """The seconds for which targets of a group failed within a window, all together."""
    return Record(
        f"instance_group:egress_required_failing:seconds{window}",
        f"""{seconds} * sum by ({ID}, group) (
  (1 - avg_over_time(probe_success[{window}]))
  * on ({ID}, target) group_left ()
    {_indent(_ALONE, 4)}
)
or
{seconds} * {_as_group(f"sum by ({ID}, redundant_group) (avg_over_time({_DOWN}[{window}]))")}
""",
    )


def _covered(window: str, age: str) -> Record:
    """Groups that had data so long ago that a window is mostly filled."""
    return Record(
        f"instance_group:egress_required_covered:count{window}",
        f"""count by ({ID}, group) (last_over_time(probe_success[15m] offset {age}))
or
{_as_group(f"count by ({ID}, redundant_group) (last_over_time({_DOWN}[15m] offset {age}))")}
""",
    )


_DOWN_TARGETS = f"""max by ({ID}, target) (egress_target_state{{state="down"}} == 1)
* on ({ID}, target) group_left ()
  {_indent(_INFO, 2)}"""

_HOSTS = f"""max by ({ID}, target, group, host, port, redundant_group) (
  egress_target_info{{required="true"}}
)"""

_ENDPOINT = "job, group, host, port, redundant_group"

RECORDS: tuple[Record, ...] = (
    Record(
        "instance:egress_required_targets_down:count",
        f"count by ({ID}) (\n  {_indent(_DOWN_TARGETS, 2)}\n)\n",
    ),
    Record(
        "instance:egress_required_targets_down:ratio",
        f"""instance:egress_required_targets_down:count
/ on ({ID})
count by ({ID}) (
  {_indent(_INFO, 2)}
)
""",
    ),
    # One endpoint that fails at monitors whose other egress works, counted over all monitors.
    Record(
        "host:egress_monitors_failing:count",
        f"""count by ({_ENDPOINT}) (
  (
    {_indent(_DOWN_TARGETS, 4)}
    unless on ({ID})
      instance:egress_required_targets_down:ratio > 0.5
  )
  * on ({ID}, target) group_right ()
    {_indent(_HOSTS, 4)}
)
""",
    ),
    Record(
        "host:egress_monitors:count",
        f"count by ({_ENDPOINT}) (\n  {_indent(_HOSTS, 2)}\n)\n",
    ),
    Record(
        "host:egress_down_everywhere:ratio",
        """(
  host:egress_monitors_failing:count / host:egress_monitors:count > 0.5
)
and host:egress_monitors_failing:count >= 3
""",
    ),
    Record(
        "redundant_group:egress_down_everywhere:ratio",
        """avg by (job, redundant_group) (egress_redundant_group_state{state="down"}) > 0.5
""",
    ),
    # Required targets that are down, without those of endpoints that are down everywhere.
    Record(
        "instance:egress_required_targets_down_here:count",
        f"""count by ({ID}) (
  (
    {_indent(_DOWN_TARGETS, 4)}
  )
  * on ({ID}, target) group_left (group, host, port, redundant_group)
    {_indent(_HOSTS, 4)}
  unless on ({_ENDPOINT})
    host:egress_down_everywhere:ratio
)
""",
    ),
    *(_errors(window) for window in WINDOWS),
    _failing("1h", 3600),
    _failing("6h", 21_600),
    *(_covered(window, age) for window, age in COVERED.items()),
    # Monitors by place: a task that is replaced has another instance, and the same place.
    Record(
        "place:egress_monitors_reporting:count",
        f"""count by (job, runner_id, account_id, region) (
  count by ({ID}) (last_over_time(egress_build_info[10m]))
)
""",
    ),
)
