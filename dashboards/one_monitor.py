"""One monitor: its incidents, groups and targets, and the network path."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.panels import (
    BLUE,
    GREY,
    MONITOR,
    PER_MINUTE,
    PER_SECOND,
    TARGET,
    Words,
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

CHOSEN = 'instance="$instance"'
IN_GROUPS = f'{CHOSEN}, group=~"$group"'
OF_TARGET = (
    "Open this target",
    f"/d/{TARGET}?var-instance=$instance&var-target=${{__data.fields.target}}&${{__url_time_range}}",
)
LIGHTHOUSES = f'{CHOSEN}, group="gateway_lighthouse"'
EXPIRY = "probe_ssl_last_chain_expiry_timestamp_seconds"
SELECTED: Words = {"0": ("standby", GREY), "1": ("selected", BLUE)}
DAY = 86_400


def dashboard() -> Dashboard:
    """Return the dashboard."""
    made = base(MONITOR, "One egress monitor: what is broken, where and why.", CHOSEN)
    made.with_variable(variable("instance", "Monitor", "label_values(egress_build_info, instance)"))
    groups = f"label_values(egress_target_info{{{CHOSEN}}}, group)"
    made.with_variable(variable("group", "Group", groups, every=True))
    return fill(
        made,
        number("State", "The worst state of all targets.", state(CHOSEN, "instance"), states=True),
        number(
            "Open incidents",
            "Faults, regardless of the number of affected targets.",
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
            "Not probed yet, or their names need a region or account that is not known.",
            f'sum(egress_targets{{{CHOSEN}, state="unknown"}})',
            bad_from=1,
        ),
        number(
            "Success",
            "Ratio of targets whose last probe succeeded.",
            f"avg(probe_success{{{CHOSEN}}})",
            unit="percentunit",
        ),
        number(
            "Next certificate expiry",
            "Of the certificates that endpoints sent.",
            f"min({EXPIRY}{{{CHOSEN}}} - time())",
            unit="s",
            warn_below=14 * DAY,
        ),
        listing(
            "Open incidents",
            "One row per cause, scope (what the failures share) and state. The status page and "
            "/api/v1/incidents show the description and the remediation; docs/causes.md has the "
            "commands that confirm it.",
            {
                "incidents": f"sum by (cause, scope, state) (egress_incident_active{{{CHOSEN}}})",
                "affected targets": "sum by (cause, scope, state) "
                f"(egress_incident_affected_targets{{{CHOSEN}}})",
            },
            labels={"cause": "cause", "scope": "scope", "state": "state"},
            worst="affected targets",
            empty="No open incidents",
            height=6,
        ),
        timeline(
            "Groups",
            "The worst state among each group's targets.",
            state(IN_GROUPS, "group"),
            "{{group}}",
            height=11,
        ),
        listing(
            "Failing targets",
            "With the cause of the last failure. Each name opens the dashboard of the target.",
            {"": f"max by (target, group, cause) (egress_probe_failure_info{{{IN_GROUPS}}})"},
            labels={"target": "target", "group": "group", "cause": "cause"},
            links={"target": OF_TARGET},
            empty="No failing targets",
            height=8,
        ),
        listing(
            "Targets",
            "The worst first: state, duration of the last probe, round trip measured by the "
            "kernel, ratio of successful probes, and time until the certificate expires.",
            {
                "state": state(IN_GROUPS, "target, group"),
                "probe": f"max by (target, group) (probe_duration_seconds{{{IN_GROUPS}}})",
                "round trip": f"max by (target, group) ({{__name__=~"
                f'"egress_tcp_rtt_seconds|egress_udp_rtt_seconds", {IN_GROUPS}}})',
                "success, 24 h": f"avg by (target, group) "
                f"(avg_over_time(probe_success{{{IN_GROUPS}}}[24h]))",
                "certificate": f"min by (target, group) ({EXPIRY}{{{IN_GROUPS}}} - time())",
            },
            labels={"target": "target", "group": "group"},
            units={
                "probe": "s",
                "round trip": "s",
                "success, 24 h": "percentunit",
                "certificate": "s",
            },
            states=("state",),
            links={"target": OF_TARGET},
            worst="state",
            height=14,
        ),
        row("Failures and latency"),
        graph(
            "Failures by cause",
            "Failed probes per minute.",
            {"{{cause}}": per_minute("egress_probe_failures_total", "cause", IN_GROUPS)},
            unit=PER_MINUTE,
            stacked=True,
            empty="No failed probes",
        ),
        graph(
            "Phases, median of the targets",
            "A phase that slows down for all targets points to the path, not to an endpoint.",
            {
                "{{phase}}": "quantile by (phase) "
                f"(0.5, egress_phase_duration_seconds{{{IN_GROUPS}}})"
            },
        ),
        row("Gateways"),
        graph(
            "Latency of each gateway",
            "The median of the latest round-trip times, measured by the kernel.",
            {"{{gateway}}": f"egress_gateway_latency_seconds{{{CHOSEN}}}"},
            width=8,
        ),
        timeline(
            "The gateway that a runner selects",
            "The nearest gateway that responds.",
            f"max by (gateway) (egress_gateway_preferred{{{CHOSEN}}})",
            "{{gateway}}",
            words=SELECTED,
            width=8,
        ),
        timeline(
            "Redundant groups",
            "Down while none of the group's alternatives works, degraded while one of them fails.",
            state(CHOSEN, "redundant_group", "egress_redundant_group_state"),
            "{{redundant_group}}",
            width=8,
        ),
        row("Network path"),
        graph(
            "Name servers",
            "The slowest response of each name server, median of the targets.",
            {
                "{{server}}": "quantile by (server) "
                f"(0.5, egress_dns_lookup_duration_seconds{{{CHOSEN}}})"
            },
            width=8,
        ),
        graph(
            "TCP round trip by group",
            "Measured by the kernel: event-loop lag is not included.",
            {"{{group}}": f"quantile by (group) (0.5, egress_tcp_rtt_seconds{{{IN_GROUPS}}})"},
            width=8,
        ),
        graph(
            "Lighthouses",
            "Round trip of the Nebula exchange on UDP 4242 and of the TCP handshake on port 4242.",
            {
                "{{target}}": '{__name__=~"egress_tcp_rtt_seconds|egress_udp_rtt_seconds", '
                f"{LIGHTHOUSES}}}"
            },
            width=8,
        ),
        graph(
            "Pulse round trip by destination port",
            "95th percentile, measured by the kernel, every five seconds between full probes.",
            {
                "{{kind}} {{port}} {{family}}": "histogram_quantile(0.95, sum by (le, kind, port, "
                f"family) (rate(egress_pulse_rtt_seconds_bucket{{{CHOSEN}}}[$__rate_interval])))"
            },
            width=8,
        ),
        graph(
            "Pulse jitter",
            "Smoothed difference of consecutive round-trip times to the same address.",
            {"{{kind}} {{port}} {{family}}": f"egress_pulse_jitter_seconds{{{CHOSEN}}}"},
            width=8,
        ),
        graph(
            "Pulse loss",
            "Pulses per minute without a reply, and segments or datagrams sent again.",
            {
                "no reply: {{kind}} {{port}} {{family}}": per_minute(
                    "egress_pulses_failed_total", "kind, port, family", CHOSEN
                ),
                "sent again: {{kind}} {{port}} {{family}}": per_minute(
                    "egress_pulse_retransmits_total", "kind, port, family", CHOSEN
                ),
            },
            unit=PER_MINUTE,
            empty="No loss",
            width=8,
        ),
        graph(
            "Retransmissions",
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
            "Ratio of targets reached over each family.",
            {"{{family}}": f"avg by (family) (egress_family_success{{{CHOSEN}}})"},
            unit="percentunit",
            maximum=1,
            width=8,
        ),
        listing(
            "AWS APIs",
            "The network path to each: VPC endpoint, public address or proxy.",
            {"": f"max by (target, network_path) (egress_network_path_info{{{CHOSEN}}})"},
            labels={"target": "target", "network_path": "network path"},
            links={"target": OF_TARGET},
            empty="Not known",
            width=8,
            height=8,
        ),
        row("Discovery and delivery"),
        number(
            "Unlisted hosts",
            "Hosts that endpoints redirect to and that are not in the endpoint list.",
            f"max(egress_unlisted_redirect_hosts{{{CHOSEN}}})",
            bad_from=1,
            empty="Not audited",
            width=8,
        ),
        number(
            "Events to publish",
            "Not yet accepted by the MQTT broker.",
            f"max(egress_mqtt_events_pending{{{CHOSEN}}})",
            empty="No broker",
            width=8,
        ),
        number(
            "Clock offset",
            "Offset of this host's clock from those of unrelated servers.",
            f"max(abs(egress_host_clock_offset_seconds{{{CHOSEN}}}))",
            unit="s",
            bad_from=5,
            empty="Not measured",
            width=8,
        ),
        listing(
            "Wildcards",
            "The host that represents each wildcard, and its source.",
            {"": f"max by (target, host, found_by) (egress_wildcard_info{{{CHOSEN}}})"},
            labels={"target": "target", "host": "sample", "found_by": "found by"},
            links={"target": OF_TARGET},
        ),
        graph(
            "Pending samples",
            "In the queues of remote write.",
            {
                "{{destination}}": "sum by (destination) "
                f"(egress_remote_write_samples_pending{{{CHOSEN}}})"
            },
            unit="short",
            empty="No receiver",
            width=8,
        ),
        graph(
            "Age of the oldest pending sample",
            "The delay of a receiver.",
            {
                "{{destination}}": "time() - max by (destination) "
                f"(egress_remote_write_oldest_pending_timestamp_seconds{{{CHOSEN}}})"
            },
            empty="No pending samples",
            width=8,
        ),
        graph(
            "Samples sent and dropped",
            "Samples per second.",
            {
                "sent to {{destination}}": "sum by (destination) "
                f"(rate(egress_remote_write_samples_total{{{CHOSEN}}}[$__rate_interval]))",
                "dropped: {{reason}}": "sum by (reason) "
                f"(rate(egress_remote_write_samples_dropped_total{{{CHOSEN}}}[$__rate_interval]))"
                " > 0",
            },
            unit=PER_SECOND,
            empty="No receiver",
            width=8,
        ),
        row("The monitor itself"),
        graph(
            "Event-loop lag",
            "The possible error of timings measured in user space.",
            {
                f"p{share}": f"histogram_quantile(0.{share}, sum by (le) "
                f"(rate(egress_loop_lag_seconds_bucket{{{CHOSEN}}}[$__rate_interval])))"
                for share in (50, 99)
            },
            width=6,
        ),
        graph(
            "Lateness of probes",
            "Delay between scheduled and actual start of a probe, 99th percentile.",
            {
                "p99": "histogram_quantile(0.99, sum by (le) "
                f"(rate(egress_schedule_lateness_seconds_bucket{{{CHOSEN}}}[$__rate_interval])))"
            },
            width=6,
        ),
        graph(
            "CPU",
            "Ratio of one core.",
            {"CPU": f"rate(process_cpu_seconds_total{{{CHOSEN}}}[$__rate_interval])"},
            unit="percentunit",
            width=6,
        ),
        graph(
            "Memory",
            "Resident memory.",
            {"resident": f"process_resident_memory_bytes{{{CHOSEN}}}"},
            unit="bytes",
            width=6,
        ),
    )
