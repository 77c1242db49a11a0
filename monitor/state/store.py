"""The current state: one status per target, what follows from all of them, the identity."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from monitor.diagnosis.changes import Change
from monitor.diagnosis.clock import ClockEstimate
from monitor.health.gateways import Gateway
from monitor.health.redundancy import RedundantGroup
from monitor.health.status import TargetStatus
from monitor.incidents.incident_log import IncidentRecord
from monitor.model.discovery import ChainState, UnlistedHost
from monitor.model.identity import Identity
from monitor.model.incident import Incident
from monitor.model.starvation import HostStarvation
from monitor.net.proxy.audit import ProxyAudit
from monitor.state.egress_address import EgressPath
from monitor.state.events import Event
from monitor.state.investigation import Investigation
from monitor.state.pulses import PulseMetrics
from monitor.state.self_metrics import MqttMetrics, RemoteWriteMetrics, SelfMetrics

EVENTS_LIMIT = 500
"""Number of events kept for the timelines of incidents."""

CONTEXT_CHANGES_LIMIT = 32
"""Changes of the context kept, to compare the times before and after an incident opened: 32."""


async def _nothing_pending() -> None:
    return


@dataclass(slots=True)
class StateStore:
    """The single state: written by the daemon, read by every view and exporter. ``incidents`` are
    the open ones; ``incident_log`` also has past ones. ``gateways`` are in catalog order,
    ``chains`` are the discovery chains in use by id, ``unlisted`` the hosts missing from the
    allow-list. ``mqtt`` is None without a broker; ``writes`` are the remote-write destinations by
    name. ``pulses`` are by kind, port and family. ``starvation`` is set while this process
    does not get to run. ``recent_events`` are the latest events, the oldest
    first. ``investigations`` are by the id of their incident. ``egress_paths`` are the ways out
    with their public addresses, empty if no service is configured. ``context_changes`` are the
    latest changes of the configuration, the identity, the clock and the public addresses.
    ``settle`` waits until the incidents take account of all results so far: a reader that awaits
    it never sees a target and its incident contradict each other."""

    statuses: dict[str, TargetStatus] = field(default_factory=dict)
    self_metrics: SelfMetrics = field(default_factory=SelfMetrics)
    identity: Identity = Identity()
    incidents: tuple[Incident, ...] = ()
    incident_log: tuple[IncidentRecord, ...] = ()
    writes: dict[str, RemoteWriteMetrics] = field(default_factory=dict)
    proxies: ProxyAudit = ProxyAudit()
    gateways: tuple[Gateway, ...] = ()
    clock: ClockEstimate | None = None
    chains: dict[str, ChainState] = field(default_factory=dict)
    unlisted: tuple[UnlistedHost, ...] = ()
    mqtt: MqttMetrics | None = None
    redundant_groups: tuple[RedundantGroup, ...] = ()
    pulses: dict[tuple[str, str, str], PulseMetrics] = field(default_factory=dict)
    starvation: HostStarvation | None = None
    investigations: dict[str, Investigation] = field(default_factory=dict)
    egress_paths: tuple[EgressPath, ...] = ()
    context_changes: deque[Change] = field(
        default_factory=lambda: deque(maxlen=CONTEXT_CHANGES_LIMIT)
    )
    recent_events: deque[Event] = field(default_factory=lambda: deque(maxlen=EVENTS_LIMIT))
    settle: Callable[[], Awaitable[None]] = field(default=_nothing_pending, compare=False)
