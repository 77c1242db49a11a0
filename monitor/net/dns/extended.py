"""Names of Extended DNS Errors (RFC 8914 and IANA's registry of them)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

EXTENDED_ERRORS: Mapping[int, str] = MappingProxyType(
    {
        0: "Other",
        1: "Unsupported DNSKEY Algorithm",
        2: "Unsupported DS Digest Type",
        3: "Stale Answer",
        4: "Forged Answer",
        5: "DNSSEC Indeterminate",
        6: "DNSSEC Bogus",
        7: "Signature Expired",
        8: "Signature Not Yet Valid",
        9: "DNSKEY Missing",
        10: "RRSIGs Missing",
        11: "No Zone Key Bit Set",
        12: "NSEC Missing",
        13: "Cached Error",
        14: "Not Ready",
        15: "Blocked",
        16: "Censored",
        17: "Filtered",
        18: "Prohibited",
        19: "Stale NXDOMAIN Answer",
        20: "Not Authoritative",
        21: "Not Supported",
        22: "No Reachable Authority",
        23: "Network Error",
        24: "Invalid Data",
        25: "Signature Expired before Valid",
        26: "Too Early",
        27: "Unsupported NSEC3 Iterations Value",
        28: "Unable to conform to policy",
        29: "Synthesized",
        30: "Invalid Query Type",
        31: "Rate Limited",
        32: "Over Quota",
    }
)


def extended_error_text(code: int, text: str) -> str:
    """Return an Extended DNS Error as one phrase: ``15 Blocked (policy 7: software)``."""
    name = f"{code} {EXTENDED_ERRORS.get(code, 'unassigned code')}"
    return f"{name} ({text})" if text else name
