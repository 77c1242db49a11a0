"""The fleet: every monitor at a glance, and which of them have incidents."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.panels import (
    FLEET,
    MONITOR,
    PER_MINUTE,
    PER_SECOND,
    base,
    fill,
    graph,
    listing,
    number,
    per_minute,
    row,
    state,
    timeline,
    variable,
)

CHOSEN = 'job=~"$job", instance=~"$instance"'
OF_MONITOR = (
    "Open this monitor",
    f"/d/{MONITOR}?var-instance=${{__data.fields.instance}}&${{__url_time_range}}",
)
REQUIRED_DOWN = (
    f'egress_target_state{{{CHOSEN}, state="down"}} * on (job, instance, target) group_left () '
    f'max by (job, instance, target) (egress_target_info{{{CHOSEN}, required="true"}})'
)


def dashboard() -> Dashboard:
    """Return the dashboard."""
    made = base(FLEET, "All egress monitors: which have incidents, since when, and why.", CHOSEN)
    made.with_variable(variable("job", "Job", "label_values(egress_build_info, job)", every=True))
    monitors = 'label_values(egress_build_info{job=~"$job"}, instance)'
    made.with_variable(variable("instance", "Monitor", monitors, every=True))
    return fill(
        made,
        number("Monitors", "Monitors that report now.", f"count(egress_build_info{{{CHOSEN}}})"),
        number(
            "With incidents",
            "Monitors with at least one open incident.",
            f"count(count by (job, instance) (egress_incident_active{{{CHOSEN}}})) or vector(0)",
            bad_from=1,
        ),
        number(
            "Open incidents",
            "Faults, regardless of the number of affected targets.",
            f"sum(egress_incident_active{{{CHOSEN}}}) or vector(0)",
            bad_from=1,
        ),
        number(
            "Required targets down",
            "Endpoints that a runner requires.",
            f"sum({REQUIRED_DOWN}) or vector(0)",
            bad_from=1,
        ),
        number(
            "Probes",
            "Probes per second of all monitors.",
            f"sum(rate(egress_probes_total{{{CHOSEN}}}[$__rate_interval]))",
            unit=PER_SECOND,
        ),
        number(
            "Longest silence",
            "Time since the last finished probe of the monitor that has been silent the longest.",
            f"max(time() - egress_last_completed_timestamp_seconds{{{CHOSEN}}})",
            unit="s",
            bad_from=180,
        ),
        timeline(
            "Worst state of each monitor",
            "The worst state among the monitor's targets.",
            state(CHOSEN, "instance"),
            "{{instance}}",
        ),
        listing(
            "Open incidents",
            "One row per monitor, cause, scope (what the failures share) and state, with the "
            "number of affected targets. docs/causes.md describes how to confirm and fix each "
            "cause.",
            {
                "incidents": "sum by (instance, cause, scope, state) "
                f"(egress_incident_active{{{CHOSEN}}})",
                "affected targets": "sum by (instance, cause, scope, state) "
                f"(egress_incident_affected_targets{{{CHOSEN}}})",
            },
            labels={"instance": "monitor", "cause": "cause", "scope": "scope", "state": "state"},
            links={"monitor": OF_MONITOR},
            worst="affected targets",
            empty="No open incidents",
        ),
        listing(
            "Monitors",
            "Location of each, and number of targets by state.",
            {
                "": f"max by (instance, region, availability_zone, vpc_id, subnet_id, "
                f"runner_id) (egress_identity_info{{{CHOSEN}}})",
                "up": f'sum by (instance) (egress_targets{{{CHOSEN}, state="up"}})',
                "degraded": f'sum by (instance) (egress_targets{{{CHOSEN}, state="degraded"}})',
                "down": f'sum by (instance) (egress_targets{{{CHOSEN}, state="down"}})',
                "unknown": f'sum by (instance) (egress_targets{{{CHOSEN}, state="unknown"}})',
                "memory": f"max by (instance) (process_resident_memory_bytes{{{CHOSEN}}})",
            },
            labels={
                "instance": "monitor",
                "runner_id": "runner",
                "region": "region",
                "availability_zone": "zone",
                "vpc_id": "VPC",
                "subnet_id": "subnet",
            },
            units={"memory": "bytes"},
            widths={
                "region": 130,
                "zone": 130,
                "VPC": 200,
                "subnet": 230,
                **dict.fromkeys(("up", "degraded", "down", "unknown", "memory"), 110),
            },
            links={"monitor": OF_MONITOR},
            worst="down",
        ),
        row("Failures and latency"),
        graph(
            "Failing targets",
            "Down or degraded, by monitor.",
            {
                "{{instance}}": "sum by (instance) "
                f'(egress_targets{{{CHOSEN}, state=~"down|degraded"}})'
            },
            unit="short",
        ),
        graph(
            "Failures by cause",
            "Failed probes per minute. One cause at all monitors points to the provider.",
            {"{{cause}}": per_minute("egress_probe_failures_total", "cause", CHOSEN)},
            unit=PER_MINUTE,
            stacked=True,
            empty="No failed probes",
        ),
        graph(
            "Success by group",
            "Ratio of targets whose last probe succeeded.",
            {"{{group}}": f"avg by (group) (probe_success{{{CHOSEN}}})"},
            unit="percentunit",
            maximum=1,
        ),
        graph(
            "Latency by group",
            "Median duration of a probe.",
            {
                "{{group}}": "histogram_quantile(0.5, sum by (le, group) "
                f"(rate(egress_probe_duration_seconds_bucket{{{CHOSEN}}}[$__rate_interval])))"
            },
        ),
        row("The monitors themselves"),
        graph(
            "Event-loop lag, 99th percentile",
            "The possible error of timings measured in user space.",
            {
                "{{instance}}": "histogram_quantile(0.99, sum by (le, instance) "
                f"(rate(egress_loop_lag_seconds_bucket{{{CHOSEN}}}[$__rate_interval])))"
            },
            width=8,
        ),
        graph(
            "CPU",
            "Ratio of one core.",
            {"{{instance}}": f"rate(process_cpu_seconds_total{{{CHOSEN}}}[$__rate_interval])"},
            unit="percentunit",
            width=8,
        ),
        graph(
            "Memory",
            "Resident memory.",
            {"{{instance}}": f"process_resident_memory_bytes{{{CHOSEN}}}"},
            unit="bytes",
            width=8,
        ),
    )
