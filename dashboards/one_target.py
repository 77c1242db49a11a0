"""One target: its states, each phase of its probes, its certificate, its failures' causes."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.panels import (
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

MONITOR = 'instance="$instance"'
CHOSEN = f'{MONITOR}, target="$target"'


def dashboard() -> Dashboard:
    """Return the dashboard."""
    made = base(TARGET, "One target of one egress monitor: when, where and why it fails.")
    made.with_variable(variable("instance", "Monitor", "label_values(egress_build_info, instance)"))
    targets = f"label_values(egress_target_info{{{MONITOR}}}, target)"
    made.with_variable(variable("target", "Target", targets))
    return fill(
        made,
        number("State", "As the monitor has it.", state(CHOSEN, "target"), states=True),
        number(
            "In this state",
            "For so long.",
            f"time() - egress_target_state_since_timestamp_seconds{{{CHOSEN}}}",
            unit="s",
        ),
        number(
            "Success, 24 h",
            "Share of probes.",
            f"avg_over_time(probe_success{{{CHOSEN}}}[24h])",
            unit="percentunit",
        ),
        number(
            "Last probe",
            "How long it took.",
            f"probe_duration_seconds{{{CHOSEN}}}",
            unit="s",
        ),
        number(
            "Round trip",
            "By the kernel's clock.",
            f'{{__name__=~"egress_tcp_rtt_seconds|egress_udp_rtt_seconds", {CHOSEN}}}',
            unit="s",
        ),
        number(
            "Certificate expires",
            "The first of the chain that was sent.",
            f"probe_ssl_last_chain_expiry_timestamp_seconds{{{CHOSEN}}} - time()",
            unit="s",
        ),
        timeline(
            "State", "As the monitor had it.", state(CHOSEN, "target"), "{{target}}", height=4
        ),
        listing(
            "What it is",
            "Its endpoint.",
            {
                "endpoint": "max by (target, group, host, port, protocol, required, wildcard) "
                f"(egress_target_info{{{CHOSEN}}})"
            },
            key="target",
            hidden=("endpoint",),
            height=4,
        ),
        row("Why"),
        graph(
            "Failures by cause",
            "Failed probes a second.",
            {
                "{{cause}}": "sum by (cause) "
                f"(rate(egress_probe_failures_total{{{CHOSEN}}}[$__rate_interval]))"
            },
            unit="cps",
            stacked=True,
        ),
        graph(
            "HTTP status",
            "Of the last answer, 0 when none came.",
            {"status": f"probe_http_status_code{{{CHOSEN}}}"},
            unit="short",
        ),
        row("Where the time goes"),
        graph(
            "Phases",
            "Of the last probe, one on the other.",
            {"{{phase}}": f"egress_phase_duration_seconds{{{CHOSEN}}}"},
            stacked=True,
        ),
        graph(
            "Duration of probes",
            "Every probe counts, not only the last one before a scrape.",
            {
                f"p{share}": f"histogram_quantile(0.{share}, sum by (le) "
                f"(rate(egress_probe_duration_seconds_bucket{{{CHOSEN}}}[$__rate_interval])))"
                for share in (50, 95)
            },
        ),
        row("Path"),
        graph(
            "Round trip",
            "By the kernel's clock.",
            {
                "{{__name__}}": '{__name__=~"egress_tcp_rtt_seconds|egress_udp_rtt_seconds", '
                f"{CHOSEN}}}"
            },
            width=8,
        ),
        graph(
            "Sent again",
            "Segments or datagrams of the last probe.",
            {
                "{{__name__}}": '{__name__=~"egress_tcp_retransmits|egress_udp_resends", '
                f"{CHOSEN}}}"
            },
            unit="short",
            width=8,
        ),
        graph(
            "Name servers",
            "The slowest answer of each to the last probe's questions.",
            {"{{server}}": f"egress_dns_lookup_duration_seconds{{{CHOSEN}}}"},
            width=8,
        ),
        graph(
            "Address families",
            "1 where the last probe reached the endpoint.",
            {"{{family}}": f"egress_family_success{{{CHOSEN}}}"},
            unit="short",
            width=12,
        ),
        graph(
            "Loop lag during the last probe",
            "The error of its phases.",
            {"lag": f"egress_probe_loop_lag_seconds{{{CHOSEN}}}"},
            width=12,
        ),
    )
