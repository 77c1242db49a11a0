"""Issuers of a target's certificates: the known ones, and new ones. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from monitor.model.probe_result import Certificate, ProbeResult

KEPT = 8
"""Issuers remembered per target: the 8 most recent. CDNs alternate between a few."""

NAME_LIMIT = 256
_ORGANIZATION = re.compile(r"(?:^|, )O=(.+?)(?=, (?:C|O|OU|CN)=|$)")


def leaf_of(probe_result: ProbeResult | None) -> Certificate | None:
    """Return the certificate of the endpoint, trusted or not."""
    primary = probe_result.primary if probe_result else None
    chain = primary.tls.chain if primary and primary.tls else ()
    return chain[0] if chain else None


def issuer_of(certificate: Certificate) -> str:
    """Return the issuer of a certificate: its organization if it has one.

    Public CAs issue from several intermediate CAs, and from another one with each renewal, so
    a change of the intermediate's name means nothing.
    """
    organization = _ORGANIZATION.search(certificate.issuer)
    return (organization[1] if organization else certificate.issuer)[:NAME_LIMIT]


def remembered(seen: Sequence[str], issuer: str) -> tuple[str, ...]:
    """Return the issuers seen so far, the latest last, after ``issuer`` was seen again."""
    return (*(name for name in seen if name != issuer), issuer)[-KEPT:]
