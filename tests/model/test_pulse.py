"""Ways out as metrics label them: bounded by the configuration."""

from __future__ import annotations

from monitor.model.probe_result import Family
from monitor.model.pulse import PulseKind, PulsePoint


def test_labels_hold_kind_port_and_family_and_no_address() -> None:
    point = PulsePoint(PulseKind.TCP, "192.0.2.1", 443)
    assert (point.family, point.labels) == (Family.IPV4, ("tcp", "443", "ipv4"))
    point = PulsePoint(PulseKind.DNS, "2001:db8::53", 53, "app.gitpod.io")
    assert (point.family, point.labels) == (Family.IPV6, ("dns", "53", "ipv6"))
