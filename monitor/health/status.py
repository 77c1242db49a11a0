"""The status of a target: its state, its last result and what was counted since the start."""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache

from monitor.common.histogram import Histogram
from monitor.health.machine import Health
from monitor.health.quality import Quality
from monitor.health.timeline import HOUR, WEEK, Resolution, Timeline
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Protocol
from monitor.model.groups import RESOLVER_GROUP
from monitor.model.probe_result import ProbeResult
from monitor.model.state import State
from monitor.model.target import Target

_UDP = frozenset({Protocol.UDP, Protocol.DNS, Protocol.NTP})


@dataclass(slots=True)
class TargetStatus:
    """The status of one target. The daemon keeps one per target and updates it in place; a
    check creates one per target.

    ``diagnosis`` belongs to ``probe_result`` (the last one); ``last_failure`` is the last
    diagnosis that named a cause. ``issuers`` are the recent issuers of its certificate, the
    latest last. ``durations`` are seconds per probe. ``timeline`` is the last day, ``minutes`` the
    last hour, ``hours`` the last week. ``last_success`` is the last good result, for comparison
    with a bad one.
    """

    target: Target
    health: Health = Health()
    probe_result: ProbeResult | None = None
    diagnosis: Diagnosis | None = None
    last_failure: Diagnosis | None = None
    quality: Quality = Quality()
    probes: int = 0
    skipped: int = 0
    failures: Counter[Cause] = field(default_factory=Counter)
    durations: Histogram = field(default_factory=Histogram)
    timeline: Timeline = Timeline()
    minutes: Timeline = Timeline()
    hours: Timeline = Timeline()
    issuers: tuple[str, ...] = ()
    last_success: ProbeResult | None = None

    def timeline_in(self, resolution: Resolution) -> Timeline:
        """Return the timeline of a resolution."""
        return {HOUR: self.minutes, WEEK: self.hours}.get(resolution, self.timeline)

    @classmethod
    def of(
        cls,
        target: Target,
        state: State,
        probe_result: ProbeResult | None = None,
        diagnosis: Diagnosis | None = None,
        since: float = 0.0,
    ) -> TargetStatus:
        """Return a status in ``state`` since ``since`` (Unix seconds)."""
        return cls(target, Health(state, since), probe_result, diagnosis)

    @property
    def state(self) -> State:
        """The state of the target."""
        return self.health.state

    @property
    def since(self) -> float:
        """The time of the last change of state, in Unix seconds."""
        return self.health.since

    @property
    def getting_slow(self) -> bool:
        """Whether the last results were slower than usual, but too few to call it slow."""
        return self.quality.getting_slow

    @property
    def cause(self) -> Cause | None:
        """The cause of the last result; None if it succeeded or there is none yet."""
        return self.diagnosis.cause if self.diagnosis else None

    @property
    def failing(self) -> bool:
        """Whether the target is confirmed down or degraded, with a known cause."""
        return self.state in {State.DOWN, State.DEGRADED} and self.cause is not None

    @property
    def transport(self) -> str:
        """Transport and port as a firewall rule names them: ``tcp/443``."""
        kind = "udp" if self.target.endpoint.protocol in _UDP else "tcp"
        return f"{kind}/{self.target.port}"

    @property
    def local(self) -> bool:
        """Whether probes stay inside the VPC: name servers and link-local services."""
        return self.target.group == RESOLVER_GROUP or _is_link_local(self.target.host)


@lru_cache(maxsize=4096)
def _is_link_local(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_link_local or address.is_loopback
