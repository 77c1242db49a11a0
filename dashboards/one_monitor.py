"""One monitor: its incidents, groups, targets, and the way its packets take."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.panels import (
    MONITOR,
    TARGET,
    base,
    fill,
    graph,
    listing,
    number,
    row,
    state,
    timeline,
    variable,
)

CHOSEN = 'instance="$instance"'
IN_GROUPS = f'{CHOSEN}, group=~"$group"'
OF_TARGET = (
    "Open this target",
    f"/d/{TARGET}?var-instance=$instance&var-target=${{__data.fields.target}}&${{__url_time_range}}",
)
LIGHTHOUSES = f'{CHOSEN}, group="gateway_lighthouse"'


def dashboard() -> Dashboard:
    """Return the dashboard."""
    made = base(MONITOR, "One egress monitor: what is broken, where and why.")
    made.with_variable(variable("instance", "Monitor", "label_values(egress_build_info, instance)"))
    groups = f"label_values(egress_target_info{{{CHOSEN}}}, group)"
    made.with_variable(variable("group", "Group", groups, every=True))
    return fill(
        made,
        number("State", "The worst of all targets.", state(CHOSEN, "instance"), states=True),
        number(
            "Open incidents",
            "Breakages, whatever number of targets each takes down.",
            f"sum(egress_incident_active{{{CHOSEN}}}) or vector(0)",
            bad_from=1,
        ),
        number(
            "Targets down",
            "Required or not.",
            f'sum(egress_targets{{{CHOSEN}, state="down"}})',
            bad_from=1,
        ),
        number(
            "Targets unknown",
            "The region or account in their names is not known.",
            f'sum(egress_targets{{{CHOSEN}, state="unknown"}})',
            bad_from=1,
        ),
        number(
            "Success",
            "Share of targets whose last probe succeeded.",
            f"avg(probe_success{{{CHOSEN}}})",
            unit="percentunit",
        ),
        number(
            "Next certificate expiry",
            "Of the certificates that endpoints sent.",
            f"min(probe_ssl_last_chain_expiry_timestamp_seconds{{{CHOSEN}}} - time())",
            unit="s",
        ),
        listing(
            "Open incidents",
            "One line a breakage. The status page and /api/v1/incidents have the sentence and the "
            "remediation; docs/causes.md has the commands that confirm it.",
            {
                "incidents": f"sum by (cause, scope, state) (egress_incident_active{{{CHOSEN}}})",
                "affected targets": "sum by (cause, scope, state) "
                f"(egress_incident_affected_targets{{{CHOSEN}}})",
            },
            key="cause",
            height=6,
        ),
        timeline(
            "Groups",
            "The worst state among each group's targets.",
            state(IN_GROUPS, "group"),
            "{{group}}",
        ),
        listing(
            "Targets",
            "How each stands, what its last probe took, and when its certificate expires.",
            {
                "state": state(IN_GROUPS, "target, group"),
                "probe": f"max by (target, group) (probe_duration_seconds{{{IN_GROUPS}}})",
                "round trip": f"max by (target, group) ({{__name__=~"
                f'"egress_tcp_rtt_seconds|egress_udp_rtt_seconds", {IN_GROUPS}}})',
                "success, 24 h": f"avg by (target, group) "
                f"(avg_over_time(probe_success{{{IN_GROUPS}}}[24h]))",
                "certificate": "min by (target, group) "
                f"(probe_ssl_last_chain_expiry_timestamp_seconds{{{IN_GROUPS}}} - time())",
            },
            key="target",
            units={
                "probe": "s",
                "round trip": "s",
                "success, 24 h": "percentunit",
                "certificate": "s",
            },
            states=("state",),
            links={"target": OF_TARGET},
            height=14,
        ),
        listing(
            "Failing targets",
            "With the cause of the last failure.",
            {
                "failing": "max by (target, group, cause) "
                f"(egress_probe_failure_info{{{IN_GROUPS}}})"
            },
            key="target",
            hidden=("failing",),
            links={"target": OF_TARGET},
            height=8,
        ),
        row("Why"),
        graph(
            "Failures by cause",
            "Failed probes a second.",
            {
                "{{cause}}": "sum by (cause) "
                f"(rate(egress_probe_failures_total{{{IN_GROUPS}}}[$__rate_interval]))"
            },
            unit="cps",
            stacked=True,
        ),
        graph(
            "Phases, median of the targets",
            "One phase that grows everywhere is the path's, not an endpoint's.",
            {
                "{{phase}}": "quantile by (phase) "
                f"(0.5, egress_phase_duration_seconds{{{IN_GROUPS}}})"
            },
        ),
        row("Gateways"),
        graph(
            "Latency of each gateway",
            "The median of the latest round trips by the kernel's clock.",
            {"{{gateway}}": f"egress_gateway_latency_seconds{{{CHOSEN}}}"},
            width=8,
        ),
        graph(
            "The gateway that a runner would pick",
            "1 for the one that is preferred.",
            {"{{gateway}}": f"egress_gateway_preferred{{{CHOSEN}}}"},
            unit="short",
            width=8,
        ),
        graph(
            "Redundant groups",
            "1 while none of the group's alternatives works.",
            {
                "{{redundant_group}}": "max by (redundant_group) "
                f'(egress_redundant_group_state{{{CHOSEN}, state="down"}})'
            },
            unit="short",
            width=8,
        ),
        row("Path"),
        graph(
            "Name servers",
            "The slowest answer of each name server, the median of the targets.",
            {
                "{{server}}": "quantile by (server) "
                f"(0.5, egress_dns_lookup_duration_seconds{{{CHOSEN}}})"
            },
            width=8,
        ),
        graph(
            "TCP round trip by group",
            "The kernel's figure: the event loop is not in it.",
            {"{{group}}": f"quantile by (group) (0.5, egress_tcp_rtt_seconds{{{IN_GROUPS}}})"},
            width=8,
        ),
        graph(
            "Lighthouses",
            "Round trip of the Nebula exchange on UDP 4242 and of the TCP handshake beside it.",
            {
                "{{target}}": '{__name__=~"egress_tcp_rtt_seconds|egress_udp_rtt_seconds", '
                f"{LIGHTHOUSES}}}"
            },
            width=8,
        ),
        graph(
            "Loss",
            "Segments and datagrams sent again by the last probes.",
            {
                "TCP": f"sum(egress_tcp_retransmits{{{CHOSEN}}})",
                "UDP": f"sum(egress_udp_resends{{{CHOSEN}}})",
            },
            unit="short",
            width=8,
        ),
        graph(
            "Address families",
            "Share of targets that each family reached.",
            {"{{family}}": f"avg by (family) (egress_family_success{{{CHOSEN}}})"},
            unit="percentunit",
            width=8,
        ),
        listing(
            "AWS APIs",
            "Which way each was reached.",
            {"way": f"max by (target, network_path) (egress_network_path_info{{{CHOSEN}}})"},
            key="target",
            hidden=("way",),
            width=8,
            height=8,
        ),
        row("What is found out, and what is delivered"),
        listing(
            "Wildcards",
            "The concrete name that stands for each, and how it was found.",
            {"stand-in": f"max by (target, host, found_by) (egress_wildcard_info{{{CHOSEN}}})"},
            key="target",
            hidden=("stand-in",),
            width=12,
        ),
        number(
            "Unlisted hosts",
            "Hosts that endpoints redirect to and that no list names.",
            f"max(egress_unlisted_redirect_hosts{{{CHOSEN}}})",
            bad_from=1,
        ),
        number(
            "Events to publish",
            "That the MQTT broker has still to take.",
            f"max(egress_mqtt_events_pending{{{CHOSEN}}})",
        ),
        number(
            "Clock",
            "This host's clock against those of unrelated sites.",
            f"max(abs(egress_host_clock_offset_seconds{{{CHOSEN}}}))",
            unit="s",
            bad_from=5,
        ),
        graph(
            "Samples that wait",
            "In the queues of remote write.",
            {
                "{{destination}}": "sum by (destination) "
                f"(egress_remote_write_samples_pending{{{CHOSEN}}})"
            },
            unit="short",
            width=8,
        ),
        graph(
            "Oldest sample that waits",
            "How far a receiver is behind.",
            {
                "{{destination}}": "time() - max by (destination) "
                f"(egress_remote_write_oldest_pending_timestamp_seconds{{{CHOSEN}}})"
            },
            width=8,
        ),
        graph(
            "Samples delivered and lost",
            "A second.",
            {
                "sent to {{destination}}": "sum by (destination) "
                f"(rate(egress_remote_write_samples_total{{{CHOSEN}}}[$__rate_interval]))",
                "dropped: {{reason}}": "sum by (reason) "
                f"(rate(egress_remote_write_samples_dropped_total{{{CHOSEN}}}[$__rate_interval]))",
            },
            unit="cps",
            width=8,
        ),
        row("The monitor itself"),
        graph(
            "Event loop lag",
            "What user-space timings may be wrong by.",
            {
                f"p{share}": f"histogram_quantile(0.{share}, sum by (le) "
                f"(rate(egress_loop_lag_seconds_bucket{{{CHOSEN}}}[$__rate_interval])))"
                for share in (50, 99)
            },
            width=8,
        ),
        graph(
            "Lateness of probes",
            "How long after its time a probe was started, 99th percentile.",
            {
                "p99": "histogram_quantile(0.99, sum by (le) "
                f"(rate(egress_schedule_lateness_seconds_bucket{{{CHOSEN}}}[$__rate_interval])))"
            },
            width=8,
        ),
        graph(
            "CPU",
            "Share of one core.",
            {"CPU": f"rate(process_cpu_seconds_total{{{CHOSEN}}}[$__rate_interval])"},
            unit="percentunit",
            width=4,
        ),
        graph(
            "Memory",
            "Resident.",
            {"resident": f"process_resident_memory_bytes{{{CHOSEN}}}"},
            unit="bytes",
            width=4,
        ),
    )
