"""What the correlator looks at, and what it finds: values only."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from monitor.model.diagnosis import Cause, Verdict
from monitor.model.endpoint import Protocol
from monitor.model.groups import RESOLVER_GROUP
from monitor.model.incident import Scope
from monitor.model.probe_result import Attempt
from monitor.model.state import State
from monitor.model.target import Target

_UDP = frozenset({Protocol.UDP, Protocol.DNS, Protocol.NTP})


@dataclass(frozen=True, slots=True)
class Standing:
    """What the correlator looks at of one target: how it stands and its last attempt.
    ``getting_slow``: that was slower than usual, but not often enough to be called slow."""

    target: Target
    state: State
    since: float = 0.0
    verdict: Verdict | None = None
    attempt: Attempt | None = None
    getting_slow: bool = False

    @property
    def cause(self) -> Cause | None:
        """The cause of the last attempt."""
        return self.verdict.cause if self.verdict else None

    @property
    def failing(self) -> bool:
        """Whether the target is confirmed not to be well, for a cause that is known."""
        return self.state in {State.DOWN, State.DEGRADED} and self.cause is not None

    @property
    def transport(self) -> str:
        """``tcp/443``: what a firewall rule says."""
        kind = "udp" if self.target.endpoint.protocol in _UDP else "tcp"
        return f"{kind}/{self.target.port}"

    @property
    def local(self) -> bool:
        """Whether no egress is crossed: name servers and link-local services."""
        return self.target.group == RESOLVER_GROUP or _is_near(self.target.host)


@lru_cache(maxsize=4096)
def _is_near(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_link_local or address.is_loopback


@dataclass(frozen=True, slots=True)
class Finding:
    """One explanation: a scope, what is broken in it, and the failing targets it covers."""

    scope: Scope
    subject: str
    members: tuple[Standing, ...]
    cause: Cause
    evidence: Mapping[str, str]
