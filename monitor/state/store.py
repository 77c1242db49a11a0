"""What the monitor knows now: a record a target, what these tell together, and who it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.diagnosis.clock import ClockEstimate
from monitor.health.gateways import Gateway
from monitor.health.redundancy import RedundantGroup
from monitor.health.status import TargetStatus
from monitor.incidents.incident_log import IncidentRecord
from monitor.model.discovery import ChainState, UnlistedHost
from monitor.model.identity import Identity
from monitor.model.incident import Incident
from monitor.net.proxy.audit import ProxyAudit
from monitor.state.self_metrics import MqttMetrics, RemoteWriteMetrics, SelfMetrics


@dataclass(slots=True)
class StateStore:
    """The one place that the daemon writes and everything that is shown reads. ``incidents``
    are those that are open, ``incident_log`` tell of these and of past ones. ``gateways`` are in
    the catalogue's order, ``chains`` by id are the discovery chains in use, ``unlisted`` the
    hosts that the allow-list misses. ``mqtt`` is None where no broker is configured,
    ``writes`` are the remote-write destinations by name."""

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
