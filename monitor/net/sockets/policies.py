"""Certificate policies (RFC 5280 section 6.1, updated by RFC 9618), which Go verifies and OpenSSL
verifies only on request, and then wrongly if any policy is acceptable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.net.sockets import der
from monitor.net.sockets.der import DerError, DerReader, context_tag

POLICIES, MAPPINGS, CONSTRAINTS, INHIBIT_ANY = "2.5.29.32", "2.5.29.33", "2.5.29.36", "2.5.29.54"
ANY = "2.5.29.32.0"


@dataclass(slots=True)
class Policies:
    """The policy extensions of one certificate. The numbers are certificates that may follow it
    before the rule applies; None without the rule."""

    named: tuple[str, ...] = ()
    mappings: tuple[tuple[str, str], ...] = ()
    require_explicit: int | None = None
    inhibit_mapping: int | None = None
    inhibit_any: int | None = None

    def read(self, kind: str, value: bytes) -> None:
        """Take in one of the extensions.

        Raises:
            DerError: if it is malformed as Go judges it.
        """
        reader = DerReader(value)
        if kind == POLICIES:
            self.named = _named(reader.read(der.SEQUENCE))
        elif kind == MAPPINGS:
            self.mappings = _mappings(reader.read(der.SEQUENCE))
        elif kind == INHIBIT_ANY:
            self.inhibit_any = reader.integer()
        elif kind == CONSTRAINTS:
            constraints = reader.read(der.SEQUENCE)
            self.require_explicit = _number(constraints, 0)
            self.inhibit_mapping = _number(constraints, 1)


def _named(sequence: DerReader) -> tuple[str, ...]:
    found: list[str] = []
    while not sequence.empty:
        found.append(sequence.read(der.SEQUENCE).oid())
    if len(set(found)) < len(found):
        raise DerError("a policy is named twice")
    return tuple(found)


def _mappings(sequence: DerReader) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    while not sequence.empty:
        mapping = sequence.read(der.SEQUENCE)
        found.append((mapping.oid(), mapping.oid()))
    return tuple(found)


def _number(constraints: DerReader, tag: int) -> int | None:
    number = constraints.optional(context_tag(tag))
    if number is None:
        return None
    if not number.rest:
        raise DerError("an empty integer")
    return int.from_bytes(number.rest, "big", signed=True)


@dataclass(slots=True)
class _State:
    """State of the verification: the policies that are valid so far, None below a certificate
    without policies, and the certificates that may still follow before each rule applies."""

    valid: set[str] | None
    explicit: int
    mapping: int
    any_inhibited: int


def valid(chain: Sequence[Policies], self_issued: Sequence[bool]) -> bool:
    """Whether the policies of a chain, leaf first and without the trust anchor, are valid if every
    policy is acceptable."""
    count = len(chain) + 1
    state = _State({ANY}, count, count, count)
    for number in reversed(range(len(chain))):
        certificate = chain[number]
        _narrow(state, certificate, expandable=number > 0 and self_issued[number])
        if not state.explicit and state.valid is None:
            return False
        if number:
            if not _map(state, certificate):
                return False
            _prepare(state, certificate, self_issued=self_issued[number])
    explicit = max(0, state.explicit - 1)
    if chain and chain[0].require_explicit == 0:
        explicit = 0
    return explicit > 0 or bool(state.valid)


def _narrow(state: _State, certificate: Policies, *, expandable: bool) -> None:
    """Leave the policies that the certificate names as well (section 6.1.3 d to f)."""
    named = set(certificate.named)
    if not named or state.valid is None:
        state.valid = None
        return
    kept = named if ANY in state.valid else named & state.valid
    if ANY in named and (state.any_inhibited > 0 or expandable):
        kept = kept | state.valid
    elif ANY in named:
        kept = kept - {ANY}
    state.valid = kept


def _map(state: _State, certificate: Policies) -> bool:
    """Replace policies by those they are mapped to (section 6.1.4 b); returns whether the mappings
    are allowed."""
    if state.valid is None:
        return True
    mapped: dict[str, set[str]] = {}
    for issuer, subject in certificate.mappings:
        if state.mapping and ANY in {issuer, subject}:
            return False
        mapped.setdefault(issuer, set()).add(subject)
    for issuer, subjects in mapped.items():
        covered = issuer in state.valid or (ANY in state.valid and state.mapping > 0)
        state.valid = state.valid - {issuer}
        if covered and state.mapping:
            state.valid = state.valid | subjects
    return True


def _prepare(state: _State, certificate: Policies, *, self_issued: bool) -> None:
    """Prepare for the next certificate (section 6.1.4 h to j)."""
    if not self_issued:
        state.explicit = max(0, state.explicit - 1)
        state.mapping = max(0, state.mapping - 1)
        state.any_inhibited = max(0, state.any_inhibited - 1)
    state.explicit = _lower(state.explicit, certificate.require_explicit)
    state.mapping = _lower(state.mapping, certificate.inhibit_mapping)
    state.any_inhibited = _lower(state.any_inhibited, certificate.inhibit_any)


def _lower(count: int, limit: int | None) -> int:
    return count if limit is None else min(count, max(0, limit))
