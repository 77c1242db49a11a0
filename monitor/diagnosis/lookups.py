"""Remarks on a lookup, and the time that it took. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from monitor.model.probe_result import (
    Connection,
    DnsAnswer,
    FailureKind,
    Phase,
    Resolution,
    ResolutionSource,
)
from monitor.net.dns.extended import extended_error_text

_MOST = 0.5
"""Share of the timeout from which a lookup is to blame for a timeout after it: half."""

_FAMILIES = {"A": "IPv4", "AAAA": "IPv6"}


def unanswered(resolution: Resolution | None) -> str:
    """Return the record type ("A" or "AAAA") that no server answered while the other one was
    answered; "" if there is none."""
    if resolution is None or resolution.failure is not None:
        return ""
    answers = [a for a in resolution.answers if a.name in {"", resolution.name}]
    tries = {qtype: [a for a in answers if a.qtype == qtype] for qtype in _FAMILIES}
    silent = [q for q, of_type in tries.items() if of_type and _silent(of_type)]
    answered = [q for q, of_type in tries.items() if any(a.rcode is not None for a in of_type)]
    return silent[0] if silent and answered else ""


def waited_for(resolution: Resolution | None, qtype: str) -> float:
    """Return the longest time (seconds) for which one server was asked for a record type."""
    answers = resolution.answers if resolution else ()
    return max((answer.seconds for answer in answers if answer.qtype == qtype), default=0.0)


def _silent(answers: Iterable[DnsAnswer]) -> bool:
    return all(a.failure is not None and a.failure.kind is FailureKind.TIMEOUT for a in answers)


def other_type(qtype: str) -> str:
    """Return the record type of the other address family."""
    return "A" if qtype == "AAAA" else "AAAA"


def family_of_type(qtype: str) -> str:
    """Return the name of the address family that a record type is of."""
    return _FAMILIES.get(qtype, "")


def lookup_used_the_time(connection: Connection | None, timeout: float) -> bool:
    """Return whether looking the name up took most of a probe's time (seconds), and more than
    any other phase."""
    if connection is None:
        return False
    lookup = connection.phases.get(Phase.RESOLVE, 0.0)
    return lookup >= timeout * _MOST and lookup >= max(connection.phases.values(), default=0.0)


def remarks(resolution: Resolution) -> Iterator[tuple[str, str]]:
    """Yield what an engineer has to know of a lookup, whether it failed or not: where the
    address is from, the name that a search domain made, EDNS, Extended DNS Errors."""
    if resolution.source is ResolutionSource.HOSTS:
        yield "address_source", "/etc/hosts"
    if resolution.name and resolution.name != resolution.host.removesuffix("."):
        yield "resolved_as", resolution.name
    refusing = next((a for a in resolution.answers if a.edns_refused), None)
    if refusing is not None:
        yield (
            "edns",
            f"{refusing.server} answers {refusing.edns_refused} to EDNS: Go's resolver, which "
            "always sends it, fails here; glibc does not send it",
        )
    said = {
        extended_error_text(code, text): answer.server
        for answer in resolution.answers
        for code, text in answer.extended
    }
    for number, (text, server) in enumerate(list(said.items())[:_EXTENDED_LIMIT]):
        yield f"dns_error_{number}" if number else "dns_error", f"{server}: {text}"


_EXTENDED_LIMIT = 4
