"""What results tell together, beside incidents: kept on the board, and events where it changes."""

from __future__ import annotations

from monitor.diagnosis.issuers import issuer_of, leaf_of, remembered
from monitor.health.gateways import survey
from monitor.health.status import Standing
from monitor.state.events import Event, gateway_changed, issuer_changed
from monitor.state.store import Board, Record


class Survey:
    """Keeps what the board says of gateways and issuers in step with the records."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._choice: str | None = None
        self._chosen = False

    def renew(self) -> None:
        """Forget what the board's records no longer tell of; they are others now."""
        self._survey_gateways("")

    def take_in(self, record: Record, now: float) -> tuple[Event, ...]:
        """Take in a record's newest result (``now`` is Unix seconds)."""
        return (*self._gateways(record, now), *_issuer(record, now))

    def _gateways(self, record: Record, now: float) -> tuple[Event, ...]:
        if not record.target.endpoint.gateway:
            return ()
        self._survey_gateways(record.target.id)
        before, after = self._choice, self._preferred()
        self._choice = after
        if before == after or not self._chosen:
            self._chosen = self._chosen or after is not None
            return ()
        return (gateway_changed(before, self._board.gateways, now),)

    def _survey_gateways(self, measured: str) -> None:
        records = self._board.records.values()
        standings = [
            Standing(r.target, r.health.state, attempt=r.attempt)
            for r in records
            if r.target.endpoint.gateway
        ]
        self._board.gateways = survey(self._board.gateways, standings, measured)

    def _preferred(self) -> str | None:
        return next((g.name for g in self._board.gateways if g.preferred), None)


def _issuer(record: Record, now: float) -> tuple[Event, ...]:
    leaf = leaf_of(record.attempt)
    if leaf is None:
        return ()
    issuer, seen = issuer_of(leaf), record.issuers
    record.issuers = remembered(seen, issuer)
    return (issuer_changed(record, seen[-1], issuer, now),) if seen and issuer not in seen else ()
