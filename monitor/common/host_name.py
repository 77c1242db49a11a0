"""Host names in the form that DNS, TLS and HTTP use: the one place that converts them."""

from __future__ import annotations

import re

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NAME_LIMIT = 253
_LABEL_LIMIT = 63


def to_ascii(name: str) -> str:
    """Return the ASCII form of a host name, in lower case and without a final dot.

    Letters outside ASCII are mapped by UTS 46, non-transitional, and encoded as A-labels
    (RFC 5891): ``straße.test`` becomes ``xn--strae-oqa.test``, as in Go's net/http
    (golang.org/x/net/idna, profile Lookup).

    Raises:
        ValueError: if it is not a valid internationalized name.
    """
    if name.isascii():
        return name.lower().removesuffix(".")
    import idna  # noqa: PLC0415 - 1 MiB of tables that few configurations need

    # Go's tables map this letter as Unicode did before version 15.1.
    mapped = idna.uts46_remap(name.replace("ẞ", "ss"), std3_rules=True, transitional=False)
    labels = [_a_label(label) for label in mapped.removesuffix(".").split(".")]
    return ".".join(labels)


def _a_label(label: str) -> str:
    """Encode one mapped label. The rules are those of UTS 46 section 4.1, with the code points
    that UTS 46 allows: more than IDNA 2008 does (symbols), as in Go.

    Raises:
        ValueError: if a rule is broken.
    """
    import idna  # noqa: PLC0415 - see to_ascii

    if label.isascii() and not label.startswith("xn--"):
        idna.check_hyphen_ok(label)
    if label.isascii():
        return label
    idna.check_nfc(label)
    idna.check_hyphen_ok(label)
    idna.check_initial_combiner(label)
    for position, character in enumerate(label):
        if character in _JOINERS and not idna.valid_contextj(label, position):
            raise ValueError("a joiner stands where it must not")
    idna.check_bidi(label)
    encoded = "xn--" + label.encode("punycode").decode()
    if len(encoded) > _LABEL_LIMIT:
        raise ValueError("a label of the name is too long")
    return encoded


_JOINERS = "\u200c\u200d"


def is_host_name(name: str) -> bool:
    """Return whether a name in ASCII form is one that can be looked up: labels of letters,
    digits, hyphens and underscores, 253 characters at most."""
    return len(name) <= _NAME_LIMIT and all(_LABEL.fullmatch(part) for part in name.split("."))
