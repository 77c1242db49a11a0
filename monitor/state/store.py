"""What the monitor knows now: a record a target, what these tell together, and who it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from monitor.diagnosis.clock import ClockEstimate
from monitor.health.gateways import Gateway
from monitor.health.machine import Health
from monitor.health.quality import Quality
from monitor.health.redundancy import RedundantGroup
from monitor.model.diagnosis import Cause, Verdict
from monitor.model.discovery import ChainState, UnlistedHost
from monitor.model.identity import Identity
from monitor.model.incident import Incident
from monitor.model.probe_result import Attempt
from monitor.model.target import Target
from monitor.net.proxy.audit import ProxyAudit
from monitor.state.history import Chapter, Trace
from monitor.state.self_metrics import Histogram, MqttVitals, Vitals, WriteVitals


@dataclass(slots=True)
class Record:
    """One target: how it stands and what was counted since the monitor started. ``verdict`` is
    of ``attempt``, ``trouble`` the last one that had a cause. ``issuers`` are those of its
    certificates that are remembered, the latest last."""

    target: Target
    health: Health = Health()
    attempt: Attempt | None = None
    verdict: Verdict | None = None
    trouble: Verdict | None = None
    quality: Quality = Quality()
    probes: int = 0
    skipped: int = 0
    failures: Counter[Cause] = field(default_factory=Counter)
    durations: Histogram = field(default_factory=Histogram)
    trace: Trace = Trace()
    issuers: tuple[str, ...] = ()


@dataclass(slots=True)
class Board:
    """The one place that the daemon writes and everything that is shown reads. ``incidents``
    are those that are open, ``chapters`` tell of these and of past ones. ``gateways`` are in
    the catalogue's order, ``chains`` by id are the discovery chains in use, ``unlisted`` the
    hosts that the allow-list misses. ``mqtt`` is None where no broker is configured,
    ``writes`` are the remote-write destinations by name."""

    records: dict[str, Record] = field(default_factory=dict)
    vitals: Vitals = field(default_factory=Vitals)
    identity: Identity = Identity()
    incidents: tuple[Incident, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    writes: dict[str, WriteVitals] = field(default_factory=dict)
    proxies: ProxyAudit = ProxyAudit()
    gateways: tuple[Gateway, ...] = ()
    clock: ClockEstimate | None = None
    chains: dict[str, ChainState] = field(default_factory=dict)
    unlisted: tuple[UnlistedHost, ...] = ()
    mqtt: MqttVitals | None = None
    redundant_groups: tuple[RedundantGroup, ...] = ()
