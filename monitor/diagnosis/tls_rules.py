"""The cause and the words of a TLS failure: alerts, verification errors, certificates. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from monitor.diagnosis.tls_alerts import alert
from monitor.diagnosis.verify_codes import (
    ADDRESS,
    EXPIRED,
    HOSTNAME,
    NO_ISSUER,
    NOT_YET_VALID,
    verify_code,
)
from monitor.model.causes import Cause
from monitor.model.probe_result import Certificate, Connection, Failure, FailureKind

C = Cause
K = FailureKind

_UNTRUSTED_CODES = NO_ISSUER | {18, 19, 27}
"""Verification errors with which no trusted CA was found at the end of the chain."""

_UNRECOGNIZED_NAME, _ACCESS_DENIED, _NO_APPLICATION_PROTOCOL = 112, 49, 120
_NAMES_SHOWN = 3

_MIDDLEBOXES = re.compile(
    r"zscaler|netskope|palo ?alto|fortinet|fortigate|fortiguard|blue ?coat|symantec web|"
    r"mcafee|skyhigh|check ?point|sophos|barracuda|forcepoint|websense|cisco umbrella|"
    r"iboss|menlo|cato networks|watchguard|sonicwall|squid|mitm|untrusted ca|ssl inspection|"
    r"tls inspection|web gateway|firewall|proxy",
    re.IGNORECASE,
)
"""Words by which inspecting products and their operators name their CAs."""


def inspector(connection: Connection | None) -> str:
    """Return the CA of an inspecting product that issued what the server sent; "" for none."""
    return next((c.issuer for c in chain_of(connection) if _MIDDLEBOXES.search(c.issuer)), "")


def chain_of(connection: Connection | None) -> Sequence[Certificate]:
    """Return the certificates that the server sent, its own first."""
    return connection.tls.chain if connection and connection.tls else ()


def verify_cause(host: str, failure: Failure, connection: Connection | None, at: float) -> Cause:
    """Return the cause of a certificate that was refused, at ``at`` (Unix seconds).

    The error number alone does not decide: OpenSSL reports 20 for a private CA, for a missing
    intermediate and for inspection, and 10 for every certificate of the chain.
    """
    code, chain = _number(failure), chain_of(connection)
    if code in _UNTRUSTED_CODES and inspector(connection):
        return C.TLS_INTERCEPTED
    if code in NO_ISSUER and chain and _lacks_intermediate(chain):
        return C.TLS_INCOMPLETE_CHAIN
    if code == EXPIRED and chain and chain[0].not_after >= at:
        return C.TLS_CA_EXPIRED
    if code in {HOSTNAME, ADDRESS} and chain:
        return _name_cause(host, chain[0])
    cause = verify_code(code).cause
    known = cause is not C.TLS_INCOMPLETE_CHAIN or not chain
    return cause if known else C.TLS_UNTRUSTED


def _lacks_intermediate(chain: Sequence[Certificate]) -> bool:
    """Whether the issuer of the server's certificate is missing from what it sent, and is an
    intermediate CA: the certificate names its URL, or another one was sent instead."""
    leaf, *others = chain
    others = [c for c in others if c.sha256 != leaf.sha256]
    if leaf.self_issued or any(c.subject == leaf.issuer for c in others):
        return False
    return bool(others) or leaf.names_issuer_url


def _name_cause(host: str, leaf: Certificate) -> Cause:
    if not leaf.has_names:
        return C.TLS_CERTIFICATE_UNSUITABLE
    own = any(_domain(name) == _domain(host) for name in leaf.names)
    return C.TLS_NAME_NOT_COVERED if own else C.TLS_NAME_MISMATCH


def _domain(name: str) -> list[str]:
    return name.lower().removeprefix("*.").rstrip(".").split(".")[-2:]


def alert_cause(failure: Failure) -> Cause:
    """Return the cause of an alert by its number."""
    return {
        _UNRECOGNIZED_NAME: C.TLS_NAME_REFUSED,
        _ACCESS_DENIED: C.TLS_NAME_REFUSED,
        _NO_APPLICATION_PROTOCOL: C.TLS_NO_APPLICATION_PROTOCOL,
    }.get(_number(failure), C.TLS_PROTOCOL)


def tls_text(
    cause: Cause, host: str, failure: Failure, connection: Connection | None
) -> tuple[str, str] | None:
    """Return the templates of sentence and remediation of a TLS failure; None if those of the
    cause's record fit."""
    if failure.kind is K.TLS_ALERT:
        told = alert(_number(failure))
        return told.sentence, told.remediation
    if connection is not None and connection.received and cause in _UNFINISHED:
        return _UNFINISHED[cause]
    verify = failure.kind is K.TLS_VERIFY and cause not in _RECORD_FITS
    return _verify_text(cause, host, failure, chain_of(connection)) if verify else None


def _verify_text(
    cause: Cause, host: str, failure: Failure, chain: Sequence[Certificate]
) -> tuple[str, str] | None:
    if cause is C.TLS_CERTIFICATE_UNSUITABLE and _number(failure) in {HOSTNAME, ADDRESS}:
        return _NO_NAMES
    if cause is C.TLS_NAME_NOT_COVERED and chain and _wildcard_is_short(host, chain[0]):
        return _SHORT_WILDCARD
    if cause is C.TLS_UNTRUSTED and _number(failure) in NO_ISSUER and len(chain) == 1:
        return _ALONE
    code = verify_code(_number(failure))
    return (code.sentence, code.remediation) if cause is code.cause else None


_UNFINISHED = {
    C.TLS_TIMEOUT_ON_HELLO: (
        "{host} begins to answer the ClientHello ({received} bytes), but the TLS handshake is not "
        "done within {timeout}.",
        "Check the path MTU and that ICMP fragmentation-needed passes: the certificate is the "
        "first large packet. If small segments stall too, ask the owner of {host} why the server "
        "stops.",
    ),
    C.TLS_RESET_ON_HELLO: (
        "The connection to {host} ends within the TLS handshake, after {received} bytes of the "
        "server's answer.",
        "Ask the owner of {host} to check the TLS log of the server; a firewall that reads the "
        "server's certificate (AWS Network Firewall, TLS inspection) may end connections here as "
        "well.",
    ),
}
"""The texts of a handshake that the server has begun to answer: its name is not the reason."""

_RECORD_FITS = frozenset({C.TLS_INTERCEPTED, C.TLS_INCOMPLETE_CHAIN})
_NO_NAMES = (
    "The certificate of {host} has no subjectAltName, only {subject}. Go, which the runner is "
    "written in, ignores Common Names.",
    "Ask the owner of {host} for a certificate that names it in subjectAltName (RFC 9525 section "
    "2).",
)
_SHORT_WILDCARD = (
    "The certificate of {host} is for {names}: a wildcard stands for exactly one label, so it does "
    "not cover {host}.",
    "Ask the owner of {host} for a certificate that names it, or for a wildcard of its own level "
    "(RFC 9525 section 6.3).",
)
_ALONE = (
    "{host} sends only its own certificate, issued by {issuer}, and this host trusts no CA of that "
    "name: the chain is incomplete, or the CA is a private one.",
    "Ask the owner of {host} to send the intermediate certificate together with it. If {issuer} is "
    "a CA of your organization, add it to the runner's CA bundle (SSL_CERT_FILE, AWS_CA_BUNDLE).",
)


def _wildcard_is_short(host: str, leaf: Certificate) -> bool:
    bases = [name[1:].lower() for name in leaf.names if name.startswith("*.")]
    return any(f".{host.lower()}".endswith(base) for base in bases)


def certificate_words(
    failure: Failure | None, connection: Connection | None, host: str, at: float
) -> Mapping[str, str]:
    """Return the words about certificates that the templates may use."""
    chain = chain_of(connection)
    names = chain[0].names if chain else ()
    shown = ", ".join(names[:_NAMES_SHOWN]) or (chain[0].subject if chain else "another name")
    more = f" and {len(names) - _NAMES_SHOWN} more names" if len(names) > _NAMES_SHOWN else ""
    return {
        "issuer": chain[0].issuer if chain else "an unknown CA",
        "subject": (chain[0].subject or "a certificate without a name")
        if chain
        else "another name",
        "names": shown + more,
        "top": (chain[-1].subject if chain[-1].self_issued else chain[-1].issuer)
        if chain
        else "an unknown CA",
        **_dated(failure, chain, host, at),
    }


def _dated(
    failure: Failure | None, chain: Sequence[Certificate], host: str, at: float
) -> Mapping[str, str]:
    """Return the certificate that is not valid now, and its date, in words."""
    early = failure is not None and _number(failure) == NOT_YET_VALID
    wrong = [c for c in chain if (at < c.not_before if early else at > c.not_after)]
    if not chain or (wrong and wrong[0] is chain[0]):
        which = f"The certificate of {host}"
    elif wrong:
        kind = "root CA" if wrong[0].self_issued else "intermediate CA"
        which = f"The {kind} {wrong[0].subject}, above the certificate of {host},"
    else:
        which = f"A CA in this host's trust store, above {chain[-1].issuer} and {host},"
    if not wrong:
        return {"dated": which, "on": "", "since": " yet"}
    moment = wrong[0].not_before if early else wrong[0].not_after
    day = _day(moment)
    since = f" before {day}" if day else " yet"
    return {"dated": which, "on": day and f" on {day}", "since": since}


def _day(moment: float) -> str:
    """Return a time as text; "" for one that no calendar has, which peers may send."""
    try:
        return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return ""


def _number(failure: Failure) -> int:
    return int(failure.code) if failure.code and failure.code.isdecimal() else 0
