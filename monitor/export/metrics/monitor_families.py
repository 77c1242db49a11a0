"""Metric families of the monitor itself: incidents, gateways, discovery, MQTT, its health."""

from __future__ import annotations

import asyncio
import platform
import ssl
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import fields

from monitor import __version__
from monitor.export.metrics.family import Kind, MonitorFamily, MonitorHistogram, Sample, one
from monitor.model.identity import Identity
from monitor.model.incident import Incident
from monitor.model.starvation import Starvation
from monitor.model.state import State
from monitor.net.proxy.audit import REQUIRED_NO_PROXY
from monitor.state.egress_address import EgressPath
from monitor.state.pulses import PulseMetrics
from monitor.state.self_metrics import AbortReason, Dropped, GuardedPart, MqttMetrics, Part
from monitor.state.store import StateStore

G, N = Kind.GAUGE, Kind.COUNTER


def _of_mqtt(take: Callable[[MqttMetrics], float]) -> Callable[[StateStore], Iterable[Sample]]:
    return lambda store: one(float(take(store.mqtt))) if store.mqtt else ()


def _mqtt_dropped(store: StateStore) -> Iterable[Sample]:
    if store.mqtt is not None:
        for reason in Dropped:
            yield (reason.value,), float(store.mqtt.dropped[reason])


_IDENTITY_LABELS = tuple(field.name for field in fields(Identity))


def _identity(store: StateStore) -> Iterable[Sample]:
    yield tuple(getattr(store.identity, name) for name in _IDENTITY_LABELS), 1.0


def _aborted(store: StateStore) -> Iterable[Sample]:
    aborted = store.self_metrics.web.aborted
    return [((reason.value,), float(aborted[reason])) for reason in AbortReason]


def _tasks() -> float:
    try:
        return float(len(asyncio.all_tasks()))
    except RuntimeError:  # rendered outside of the loop
        return 0.0


def _internal_errors(store: StateStore) -> Iterable[Sample]:
    errors = store.self_metrics.internal_errors
    return [((part.value,), float(errors[part])) for part in GuardedPart if errors[part]]


def _inadmissible(store: StateStore) -> Iterable[Sample]:
    inadmissible = store.self_metrics.inadmissible
    return [((reason.value,), float(inadmissible[reason])) for reason in Starvation]


def _starved(store: StateStore) -> Iterable[Sample]:
    seconds = store.self_metrics.starved_seconds
    return [((reason.value,), float(seconds[reason])) for reason in Starvation]


def _build(_: StateStore) -> Iterable[Sample]:
    yield (__version__, platform.python_version(), ssl.OPENSSL_VERSION.split(" ")[1]), 1.0


def _targets(store: StateStore) -> Iterable[Sample]:
    counts = Counter((r.target.group, r.health.state) for r in store.statuses.values())
    groups = dict.fromkeys(r.target.group for r in store.statuses.values())
    return [((g, state.value), float(counts[g, state])) for g in groups for state in State]


def _incidents(store: StateStore) -> Iterable[Sample]:
    counts = Counter(map(_kind_of, store.incidents))
    return [(key, float(count)) for key, count in counts.items()]


def _affected(store: StateStore) -> Iterable[Sample]:
    counts: Counter[tuple[str, ...]] = Counter()
    for incident in store.incidents:
        counts[_kind_of(incident)] += len(incident.affected)
    return [(key, float(count)) for key, count in counts.items()]


def _kind_of(incident: Incident) -> tuple[str, ...]:
    return incident.cause.value, incident.scope.value, incident.state.value


def _no_proxy(store: StateStore) -> Iterable[Sample]:
    if store.proxies.in_use:
        for entry in REQUIRED_NO_PROXY:
            yield (entry,), float(entry in store.proxies.missing)


def _redundant_groups(store: StateStore) -> Iterable[Sample]:
    groups = store.redundant_groups
    return [((g.name, state.value), float(g.state is state)) for g in groups for state in State]


def _gateway_latencies(store: StateStore) -> Iterable[Sample]:
    latencies = [((g.name,), g.latency) for g in store.gateways if g.state is not State.DOWN]
    return [(labels, latency) for labels, latency in latencies if latency is not None]


def _preferred_gateways(store: StateStore) -> Iterable[Sample]:
    return [((gateway.name,), float(gateway.preferred)) for gateway in store.gateways]


def _chains(store: StateStore) -> Iterable[Sample]:
    return [((c.chain,), float(c.broken is None)) for c in store.chains.values()]


def _chains_reached(store: StateStore) -> Iterable[Sample]:
    return [((c.chain,), c.reached_at) for c in store.chains.values() if c.reached_at]


def _chains_broken(store: StateStore) -> Iterable[Sample]:
    broken = [chain.broken for chain in store.chains.values() if chain.broken]
    return [((b.chain, str(b.number), b.cause.value), 1.0) for b in broken]


def _egress_paths(
    take: Callable[[EgressPath], float],
) -> Callable[[StateStore], Iterable[Sample]]:
    return lambda store: [((p.proxy_path.value,), float(take(p))) for p in store.egress_paths]


def _problems(store: StateStore) -> Iterable[Sample]:
    return [((part.value,), float(part in store.self_metrics.problems)) for part in Part]


MONITOR_FAMILIES: tuple[MonitorFamily, ...] = (
    MonitorFamily(
        "egress_build_info",
        G,
        "Versions of the monitor and its runtime: always 1.",
        _build,
        ("version", "python", "openssl"),
    ),
    MonitorFamily(
        "egress_identity_info",
        G,
        "Identity of the monitored runner, as far as it is known: always 1.",
        _identity,
        _IDENTITY_LABELS,
    ),
    MonitorFamily(
        "egress_incident_active",
        G,
        "Open incidents by cause, scope and state.",
        _incidents,
        ("cause", "scope", "state"),
    ),
    MonitorFamily(
        "egress_incident_affected_targets",
        G,
        "Targets affected by open incidents.",
        _affected,
        ("cause", "scope", "state"),
    ),
    MonitorFamily(
        "egress_host_clock_offset_seconds",
        G,
        "Reference clock minus this host's: by NTP, else by Date headers of several sites.",
        lambda b: one(b.clock.offset if b.clock else None),
    ),
    MonitorFamily(
        "egress_host_clock_offset_uncertainty_seconds",
        G,
        "Maximum error of egress_host_clock_offset_seconds.",
        lambda b: one(b.clock.uncertainty if b.clock else None),
    ),
    MonitorFamily(
        "egress_gateway_latency_seconds",
        G,
        "Median of the last round-trip times of a gateway.",
        _gateway_latencies,
        ("gateway",),
    ),
    MonitorFamily(
        "egress_gateway_preferred",
        G,
        "Whether a runner would pick the gateway: the nearest one that answers.",
        _preferred_gateways,
        ("gateway",),
    ),
    MonitorFamily(
        "egress_redundant_group_state",
        G,
        "1 for the state that the redundant group is in, 0 for the others: degraded while one "
        "alternative at least works.",
        _redundant_groups,
        ("redundant_group", "state"),
    ),
    MonitorFamily("egress_targets", G, "Targets by group and state.", _targets, ("group", "state")),
    MonitorFamily(
        "egress_no_proxy_missing",
        G,
        "1 for each entry that a runner's NO_PROXY needs and lacks, 0 for those it has; absent "
        "without a proxy.",
        _no_proxy,
        ("entry",),
    ),
    MonitorFamily(
        "egress_discovery_success",
        G,
        "Whether the last run of a discovery chain completed.",
        _chains,
        ("chain",),
    ),
    MonitorFamily(
        "egress_discovery_last_success_timestamp_seconds",
        G,
        "Time at which a discovery chain last completed, in Unix seconds.",
        _chains_reached,
        ("chain",),
    ),
    MonitorFamily(
        "egress_discovery_failure_info",
        G,
        "1 while a discovery chain is broken, with the step and its cause.",
        _chains_broken,
        ("chain", "step", "cause"),
    ),
    MonitorFamily(
        "egress_unlisted_redirect_hosts",
        G,
        "Hosts that endpoints redirect to and that no row covers.",
        lambda b: one(float(len(b.unlisted))),
    ),
    MonitorFamily(
        "egress_public_address_check_success",
        G,
        "Whether the last check of the public address learned one, by way out. Its value is in "
        "the API and in events, never in a label.",
        _egress_paths(lambda path: not path.failure),
        ("proxy_path",),
    ),
    MonitorFamily(
        "egress_public_address_last_check_timestamp_seconds",
        G,
        "Time of the last check of the public address, in Unix seconds.",
        _egress_paths(lambda path: path.checked_at),
        ("proxy_path",),
    ),
    MonitorFamily(
        "egress_public_address_changes",
        N,
        "New public addresses after the first one, by way out.",
        _egress_paths(lambda path: path.changes),
        ("proxy_path",),
    ),
    MonitorFamily(
        "egress_probes_in_flight",
        G,
        "Probes in progress, including those that wait for their turn.",
        lambda b: one(float(b.self_metrics.in_flight)),
    ),
    MonitorFamily(
        "egress_last_completed_timestamp_seconds",
        G,
        "Time at which a probe last finished, in Unix seconds.",
        lambda b: one(b.self_metrics.last_completed_at or None),
    ),
    MonitorFamily(
        "egress_config_last_reload_successful",
        G,
        "Whether the last reload of the configuration succeeded.",
        lambda b: one(float(b.self_metrics.last_reload_ok)),
    ),
    MonitorFamily(
        "egress_config_last_reload_success_timestamp_seconds",
        G,
        "Time at which the configuration in force was read, in Unix seconds.",
        lambda b: one(b.self_metrics.last_reload_success_at or None),
    ),
    MonitorFamily(
        "egress_trust_last_reload_successful",
        G,
        "Whether the CA files were usable at their last change.",
        lambda b: one(float(b.self_metrics.trust_ok)),
    ),
    MonitorFamily(
        "egress_part_degraded",
        G,
        "Parts of the monitor that do not work and are retried: 1 while one does not.",
        _problems,
        ("part",),
    ),
    MonitorFamily(
        "egress_log_lines_dropped",
        N,
        "Log lines dropped because standard output was blocked.",
        lambda b: one(float(b.self_metrics.log_lines_dropped)),
    ),
    MonitorFamily(
        "egress_config_reloads",
        N,
        "Reloads of the configuration that were requested.",
        lambda b: one(float(b.self_metrics.reloads)),
    ),
    MonitorFamily(
        "egress_config_reload_failures",
        N,
        "Reloads that kept the previous configuration because the new one has errors.",
        lambda b: one(float(b.self_metrics.reload_failures)),
    ),
    MonitorFamily(
        "egress_mqtt_connected",
        G,
        "Whether the MQTT broker is connected.",
        _of_mqtt(lambda mqtt: mqtt.connected),
    ),
    MonitorFamily(
        "egress_mqtt_connections",
        N,
        "Connections that the MQTT broker accepted: all except one are reconnects.",
        _of_mqtt(lambda mqtt: mqtt.sessions),
    ),
    MonitorFamily(
        "egress_mqtt_client_id_conflicts",
        N,
        "Connections that the MQTT broker closed because another client uses the same id.",
        _of_mqtt(lambda mqtt: mqtt.conflicts),
    ),
    MonitorFamily(
        "egress_mqtt_published",
        N,
        "Messages that the MQTT broker accepted.",
        _of_mqtt(lambda mqtt: mqtt.published),
    ),
    MonitorFamily(
        "egress_mqtt_refused",
        N,
        "Messages that the MQTT broker refused; they are sent again until it accepts them.",
        _of_mqtt(lambda mqtt: mqtt.refused),
    ),
    MonitorFamily(
        "egress_mqtt_events_pending",
        G,
        "Events that the MQTT broker has not accepted yet.",
        _of_mqtt(lambda mqtt: mqtt.pending),
    ),
    MonitorFamily(
        "egress_mqtt_events_dropped",
        N,
        "Events that were not published, by reason.",
        _mqtt_dropped,
        ("reason",),
    ),
    MonitorFamily(
        "egress_event_loop_tasks",
        G,
        "Tasks of the event loop.",
        lambda _: one(_tasks()),
    ),
    MonitorFamily(
        "egress_internal_errors",
        N,
        "Internal errors that were caught, by the part of the monitor.",
        _internal_errors,
        ("part",),
    ),
    MonitorFamily(
        "egress_inadmissible_probes",
        N,
        "Probes that were not counted because this process did not run meanwhile, by reason.",
        _inadmissible,
        ("reason",),
    ),
    MonitorFamily(
        "egress_starved_seconds",
        N,
        "Time in which this process did not run, by reason.",
        _starved,
        ("reason",),
    ),
    MonitorFamily(
        "egress_host_starved",
        G,
        "Whether starvation lasts: this process did not run for 20 % of the last 30 s.",
        lambda store: one(float(store.starvation is not None)),
    ),
    MonitorFamily(
        "egress_web_connections",
        G,
        "Open connections to the page, including unfinished TLS handshakes.",
        lambda store: one(float(store.self_metrics.web.connections)),
    ),
    MonitorFamily(
        "egress_web_connections_aborted",
        N,
        "Connections to the page closed by the monitor: the phase whose deadline they exceeded, "
        "or evicted to make room for a newer one.",
        _aborted,
        ("reason",),
    ),
    MonitorFamily(
        "egress_web_accept_errors",
        N,
        "Failures to accept a connection to the page, such as a lack of file descriptors.",
        lambda store: one(float(store.self_metrics.web.accept_errors)),
    ),
    MonitorFamily(
        "egress_web_failed_logins",
        N,
        "Requests for the page with wrong credentials.",
        lambda store: one(float(store.self_metrics.web.failed_logins)),
    ),
    MonitorFamily(
        "egress_web_refused_hosts",
        N,
        "Requests for the page by a host name that is not allowed.",
        lambda store: one(float(store.self_metrics.web.refused_hosts)),
    ),
)


def _pulses(store: StateStore, take: Callable[[PulseMetrics], float]) -> Iterable[Sample]:
    return [(labels, take(metrics)) for labels, metrics in store.pulses.items()]


PULSE_LABELS = ("kind", "port", "family")
PULSE_FAMILIES: tuple[MonitorFamily, ...] = (
    MonitorFamily(
        "egress_pulses",
        Kind.COUNTER,
        "Pulses sent between full probes, by kind, destination port and address family.",
        lambda store: _pulses(store, lambda m: m.sent),
        PULSE_LABELS,
    ),
    MonitorFamily(
        "egress_pulses_failed",
        Kind.COUNTER,
        "Pulses without a reply. Each starts a full probe, which determines the cause.",
        lambda store: _pulses(store, lambda m: m.failed),
        PULSE_LABELS,
    ),
    MonitorFamily(
        "egress_pulse_retransmits",
        Kind.COUNTER,
        "SYN segments and datagrams of pulses that were sent again: packet loss.",
        lambda store: _pulses(store, lambda m: m.retransmits),
        PULSE_LABELS,
    ),
    MonitorFamily(
        "egress_pulse_jitter_seconds",
        Kind.GAUGE,
        "Smoothed difference of consecutive round-trip times to the same address.",
        lambda store: _pulses(store, lambda m: m.jitter),
        PULSE_LABELS,
    ),
)
PULSE_RTT = "egress_pulse_rtt_seconds"

MONITOR_HISTOGRAMS: tuple[MonitorHistogram, ...] = (
    MonitorHistogram(
        "egress_loop_lag_seconds",
        "Event-loop lag, measured ten times per second.",
        lambda b: b.self_metrics.loop_lag,
    ),
    MonitorHistogram(
        "egress_schedule_lateness_seconds",
        "Delay between the scheduled and the actual start of a probe.",
        lambda b: b.self_metrics.lateness,
    ),
)
