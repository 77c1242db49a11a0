"""One target: its states, phases, certificate, and causes of failures."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.panels import (
    BLUE,
    GREEN,
    PER_MINUTE,
    RED,
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

MONITOR = 'instance="$instance"'
CHOSEN = f'{MONITOR}, target="$target"'
REACHED: Words = {"0": ("not reached", RED), "1": ("reached", GREEN)}
NO_STATUS: Words = {"0": ("no response", RED)}
DAY = 86_400


def dashboard() -> Dashboard:
    """Return the dashboard."""
    made = base(TARGET, "One target of one egress monitor: when, where and why it fails.", MONITOR)
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
            empty="No response",
        ),
        number(
            "Certificate expires",
            "Time until the first certificate of the chain expires.",
            f"probe_ssl_last_chain_expiry_timestamp_seconds{{{CHOSEN}}} - time()",
            unit="s",
            warn_below=14 * DAY,
            empty="None verified",
        ),
        timeline("State", "State over time.", state(CHOSEN, "target"), "{{target}}", height=4),
        listing(
            "Endpoint",
            "The address of the target, and whether a runner requires it.",
            {
                "": "max by (target, group, host, port, protocol, required, wildcard) "
                f"(egress_target_info{{{CHOSEN}}})"
            },
            labels={
                "target": "target",
                "group": "group",
                "protocol": "protocol",
                "host": "host",
                "port": "port",
                "required": "required",
                "wildcard": "wildcard",
            },
            height=4,
        ),
        row("Failures"),
        graph(
            "Failures by cause",
            "Failed probes per minute.",
            {"{{cause}}": per_minute("egress_probe_failures_total", "cause", CHOSEN)},
            unit=PER_MINUTE,
            stacked=True,
            empty="No failed probes",
        ),
        timeline(
            "HTTP status",
            "Status of the last response, red from 500. Other errors can be what is expected.",
            f"probe_http_status_code{{{CHOSEN}}}",
            "status",
            words=NO_STATUS,
            steps=((None, BLUE), (500, RED)),
            empty="Not an HTTP endpoint",
            width=12,
        ),
        row("Duration"),
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
        row("Network path"),
        graph(
            "Round trip",
            "Measured by the kernel.",
            {
                "TCP": f"egress_tcp_rtt_seconds{{{CHOSEN}}}",
                "UDP": f"egress_udp_rtt_seconds{{{CHOSEN}}}",
            },
            empty="No response",
            width=8,
        ),
        graph(
            "Retransmissions",
            "Segments or datagrams sent again by the last probe.",
            {
                "TCP": f"egress_tcp_retransmits{{{CHOSEN}}}",
                "UDP": f"egress_udp_resends{{{CHOSEN}}}",
            },
            unit="short",
            width=8,
        ),
        graph(
            "Name servers",
            "The slowest response of each in the last probe.",
            {"{{server}}": f"egress_dns_lookup_duration_seconds{{{CHOSEN}}}"},
            empty="No lookup",
            width=8,
        ),
        timeline(
            "Address families",
            "Whether the last probe reached the endpoint over each family.",
            f"egress_family_success{{{CHOSEN}}}",
            "{{family}}",
            words=REACHED,
            width=12,
        ),
        graph(
            "Event-loop lag during the last probe",
            "The possible error of the phases.",
            {"lag": f"egress_probe_loop_lag_seconds{{{CHOSEN}}}"},
            width=12,
        ),
    )
