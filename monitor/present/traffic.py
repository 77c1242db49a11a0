"""The traffic of a configuration: connections, bytes, and what a NAT gateway charges. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from monitor.model.groups import RESOLVER_GROUP
from monitor.model.settings import ScheduleSettings
from monitor.model.target import Target

PROBE_BYTES: Mapping[str, int] = MappingProxyType(
    {"http": 6_000, "tls": 5_500, "tcp": 300, "nebula": 90, "dns": 350, "ntp": 152}
)
"""Bytes of one probe in both directions, IP headers included, by prober. HTTPS and TLS: measured
with one small certificate (2.8 and 2.3 kB; benchmarks/traffic.py), plus 3.2 kB for the certificate
chain of a public service."""

PLAIN_HTTP_BYTES = 650
LOOKUP_BYTES = 350
"""Bytes of one lookup of A and AAAA."""

PULSE_BYTES: Mapping[str, int] = MappingProxyType({"tcp": 170, "nebula": 90, "dns": 175})
"""Bytes of one pulse in both directions, IP headers included."""

NAT_PRICE = 0.045
"""US dollars per GB that a NAT gateway processes: the list price in us-east-1."""

DAY, YEAR = 86_400.0, 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """The traffic of a configuration while everything works. ``egress_bytes`` leaves out what stays
    in the VPC: the resolver, instance metadata and time service."""

    targets: int
    pulse_points: int
    connections_per_second: float
    bytes_per_day: float
    egress_bytes_per_day: float

    def nat_cost_per_year(self, price: float = NAT_PRICE) -> float:
        """Return US dollars per year for ``price`` dollars per GB."""
        return self.egress_bytes_per_day / 1e9 * price * YEAR / DAY


def traffic_of(targets: Iterable[Target], schedule: ScheduleSettings) -> Traffic:
    """Return the traffic of ``targets``. Each name is counted with one address."""
    enabled = [t for t in targets if t.endpoint.enabled and not t.missing_values]
    rows = [(_is_local(t), _probe_bytes(t) * DAY / t.interval, 1 / t.interval) for t in enabled]
    lookups = sum(
        LOOKUP_BYTES * DAY / t.interval for t in enabled if not t.host.replace(".", "").isdigit()
    )
    points = {(_kind(t), t.host, t.port): _is_local(t) for t in enabled if _has_pulse(t)}
    pulses = [
        (local, PULSE_BYTES[kind] * DAY / schedule.pulse, 1 / schedule.pulse)
        for (kind, _, _), local in points.items()
        if schedule.pulse
    ]
    every = rows + pulses
    return Traffic(
        targets=len(enabled),
        pulse_points=len(points) if schedule.pulse else 0,
        connections_per_second=sum(rate for _, _, rate in every),
        bytes_per_day=sum(size for _, size, _ in every) + lookups,
        egress_bytes_per_day=sum(size for local, size, _ in every if not local),
    )


def traffic_lines(traffic: Traffic, price: float) -> Iterator[str]:
    """Yield the traffic as lines of text."""
    yield f"Targets                        {traffic.targets:>10}"
    yield f"Ways out checked by pulses     {traffic.pulse_points:>10}"
    yield f"Probes and pulses per second   {traffic.connections_per_second:>10.1f}"
    yield f"Traffic per day                {traffic.bytes_per_day / 1e6:>7.0f} MB"
    yield f"  of it out of the VPC         {traffic.egress_bytes_per_day / 1e6:>7.0f} MB"
    yield (
        f"NAT gateway, data processing   {traffic.nat_cost_per_year(price):>6.0f} USD per year "
        f"at {price:g} USD per GB"
    )


def traffic_json(traffic: Traffic, price: float) -> dict[str, object]:
    """Return the traffic as a JSON document."""
    return {
        "targets": traffic.targets,
        "pulse_points": traffic.pulse_points,
        "connections_per_second": round(traffic.connections_per_second, 3),
        "bytes_per_day": round(traffic.bytes_per_day),
        "egress_bytes_per_day": round(traffic.egress_bytes_per_day),
        "nat_gateway_usd_per_gb": price,
        "nat_gateway_usd_per_year": round(traffic.nat_cost_per_year(price), 2),
    }


def _probe_bytes(target: Target) -> int:
    prober = target.endpoint.prober
    if prober == "http" and target.endpoint.protocol.value == "http":
        return PLAIN_HTTP_BYTES
    return PROBE_BYTES.get(prober, PLAIN_HTTP_BYTES)


def _kind(target: Target) -> str:
    prober = target.endpoint.prober
    return prober if prober in PULSE_BYTES else "tcp"


def _has_pulse(target: Target) -> bool:
    known = target.endpoint.prober in {"http", "tls", "tcp", "nebula", "dns"}
    return known and target.endpoint.interval is None


def _is_local(target: Target) -> bool:
    return target.group == RESOLVER_GROUP or target.host.startswith("169.254.")
