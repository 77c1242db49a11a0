"""Pulses: cheap checks of each distinct way out of the subnet, between full probes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitor.model.probe_result import Family


class PulseKind(StrEnum):
    """The exchange of a pulse. Stable label values."""

    TCP = "tcp"  # a connection, closed at once by RST
    NEBULA = "nebula"  # a test packet, answered by recv_error
    DNS = "dns"  # one query
    PROXY = "proxy"  # a connection and one CONNECT


@dataclass(frozen=True, slots=True)
class PulsePoint:
    """One way out: everything that a pulse checks, and nothing else.

    ``name`` is the query for DNS and ``HOST:PORT`` of the CONNECT for a proxy, else "".
    """

    kind: PulseKind
    address: str
    port: int
    name: str = ""

    @property
    def family(self) -> Family:
        """The address family."""
        return Family.IPV6 if ":" in self.address else Family.IPV4

    @property
    def labels(self) -> tuple[str, str, str]:
        """Kind, port and family: the labels of its metrics. Addresses are not among them,
        because their number is not limited by the configuration."""
        return self.kind.value, str(self.port), self.family.value


@dataclass(frozen=True, slots=True)
class PulseResult:
    """The result of one pulse. ``rtt`` is seconds by the kernel, None without a reply;
    ``retransmits`` counts SYN segments or datagrams sent again."""

    ok: bool
    rtt: float | None = None
    retransmits: int = 0
