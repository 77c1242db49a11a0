"""Numbers and names of TLS alerts (RFC 8446 section 6, RFC 5246 section 7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ALERT_NAMES: Mapping[int, str] = MappingProxyType(
    {
        0: "close_notify",
        10: "unexpected_message",
        20: "bad_record_mac",
        21: "decryption_failed",
        22: "record_overflow",
        30: "decompression_failure",
        40: "handshake_failure",
        41: "no_certificate",
        42: "bad_certificate",
        43: "unsupported_certificate",
        44: "certificate_revoked",
        45: "certificate_expired",
        46: "certificate_unknown",
        47: "illegal_parameter",
        48: "unknown_ca",
        49: "access_denied",
        50: "decode_error",
        51: "decrypt_error",
        60: "export_restriction",
        70: "protocol_version",
        71: "insufficient_security",
        80: "internal_error",
        86: "inappropriate_fallback",
        90: "user_canceled",
        100: "no_renegotiation",
        109: "missing_extension",
        110: "unsupported_extension",
        111: "certificate_unobtainable",
        112: "unrecognized_name",
        113: "bad_certificate_status_response",
        114: "bad_certificate_hash_value",
        115: "unknown_psk_identity",
        116: "certificate_required",
        120: "no_application_protocol",
        121: "ech_required",
    }
)

_PREFIXES = ("sslv3 alert ", "tlsv1 alert ", "tlsv13 alert ", "tlsv1 ")
_OTHER_SPELLINGS = {"user cancelled": 90}
_NUMBERS = {name.replace("_", " "): number for number, name in ALERT_NAMES.items()}


def alert_of_reason(reason: str | None, text: str) -> int | None:
    """Return the number of the alert that an OpenSSL error stands for; None for another error.

    Python names the reason of most alerts (``TLSV1_ALERT_UNKNOWN_CA``); the others are
    only in OpenSSL's own text (``[SSL] tlsv1 alert no application protocol (_ssl.c:1006)``).
    """
    words = (reason or text.partition("] ")[2].rpartition(" (")[0]).replace("_", " ").lower()
    for prefix in _PREFIXES:
        if words.startswith(prefix):
            name = words.removeprefix(prefix)
            return _NUMBERS.get(name, _OTHER_SPELLINGS.get(name))
    return None
