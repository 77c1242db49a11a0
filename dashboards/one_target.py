"""One target: its states, phases, certificate, and causes of failures."""

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
        number("State", "The current state.", state(CHOSEN, "target"), states=True),
        number(
            "In this state",
            "Time since the last change of state.",
            f"time() - egress_target_state_since_timestamp_seconds{{{CHOSEN}}}",
            unit="s",
        ),
        number(
            "Success, 24 h",
            "Ratio of successful probes.",
            f"avg_over_time(probe_success{{{CHOSEN}}}[24h])",
            unit="percentunit",
        ),
        number(
            "Last probe",
            "Duration of the last probe.",
            f"probe_duration_seconds{{{CHOSEN}}}",
            unit="s",
        ),
        number(
            "Round trip",
            "Measured by the kernel.",
            f'{{__name__=~"egress_tcp_rtt_seconds|egress_udp_rtt_seconds", {CHOSEN}}}',
            unit="s",
        ),
        number(
            "Certificate expires",
            "Time until the first certificate of the chain expires.",
            f"probe_ssl_last_chain_expiry_timestamp_seconds{{{CHOSEN}}} - time()",
            unit="s",
        ),
        timeline("State", "State over time.", state(CHOSEN, "target"), "{{target}}", height=4),
        listing(
            "What it is",
            "The endpoint of the target.",
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
            "Failed probes per second.",
            {
                "{{cause}}": "sum by (cause) "
                f"(rate(egress_probe_failures_total{{{CHOSEN}}}[$__rate_interval]))"
            },
            unit="cps",
            stacked=True,
        ),
        graph(
            "HTTP status",
            "Status of the last response; 0 without a response.",
            {"status": f"probe_http_status_code{{{CHOSEN}}}"},
            unit="short",
        ),
        row("Where the time goes"),
        graph(
            "Phases",
            "Phases of the last probe, stacked.",
            {"{{phase}}": f"egress_phase_duration_seconds{{{CHOSEN}}}"},
            stacked=True,
        ),
        graph(
            "Duration of probes",
            "All probes, not only the last one before each scrape.",
            {
                f"p{share}": f"histogram_quantile(0.{share}, sum by (le) "
                f"(rate(egress_probe_duration_seconds_bucket{{{CHOSEN}}}[$__rate_interval])))"
                for share in (50, 95)
            },
        ),
        row("Path"),
        graph(
            "Round trip",
            "Measured by the kernel.",
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
            "The slowest response of each in the last probe.",
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
            "The possible error of the phases.",
            {"lag": f"egress_probe_loop_lag_seconds{{{CHOSEN}}}"},
            width=12,
        ),
    )
