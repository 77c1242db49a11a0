"""Facts that follow from results apart from incidents: gateways and issuers, with their events."""

from __future__ import annotations

from monitor.diagnosis.issuers import issuer_of, leaf_of, remembered
from monitor.health.gateways import rollup
from monitor.health.status import TargetStatus
from monitor.state.events import Event, gateway_changed, issuer_changed
from monitor.state.store import StateStore


class Rollup:
    """Keeps gateways and issuers in the store in step with the statuses."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._choice: str | None = None
        self._chosen = False

    def reload(self) -> None:
        """Recompute the gateways after the targets changed."""
        self._rollup_gateways("")

    def take_in(self, status: TargetStatus, now: float) -> tuple[Event, ...]:
        """Take in the newest result of a status (``now`` is Unix seconds) and return the events."""
        return (*self._gateways(status, now), *_issuer(status, now))

    def _gateways(self, status: TargetStatus, now: float) -> tuple[Event, ...]:
        if not status.target.endpoint.gateway:
            return ()
        self._rollup_gateways(status.target.id)
        before, after = self._choice, self._preferred()
        self._choice = after
        if before == after or not self._chosen:
            self._chosen = self._chosen or after is not None
            return ()
        return (gateway_changed(before, self._store.gateways, now),)

    def _rollup_gateways(self, measured: str) -> None:
        statuses = [s for s in self._store.statuses.values() if s.target.endpoint.gateway]
        self._store.gateways = rollup(self._store.gateways, statuses, measured)

    def _preferred(self) -> str | None:
        return next((g.name for g in self._store.gateways if g.preferred), None)


def _issuer(status: TargetStatus, now: float) -> tuple[Event, ...]:
    leaf = leaf_of(status.probe_result)
    if leaf is None:
        return ()
    issuer, seen = issuer_of(leaf), status.issuers
    status.issuers = remembered(seen, issuer)
    return (issuer_changed(status, seen[-1], issuer, now),) if seen and issuer not in seen else ()
