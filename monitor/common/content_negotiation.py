"""Choice of a media type or content coding by a request's Accept headers (RFC 9110, section 12).
Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_HEADER_LIMIT = 64
"""Maximum number of elements of one header that are considered."""


def preferred_type(accept: str, offers: Sequence[str]) -> str | None:
    """Return the media type of ``offers`` that an Accept header prefers; the first one if it
    has no preference, None if it accepts none of them (section 12.5.1)."""
    ranges = list(_elements(accept))
    if not ranges:
        return offers[0]
    rated = [_type_quality(offer, ranges) for offer in offers]
    best = max(rated)
    return offers[rated.index(best)] if best > 0 else None


def accepts_coding(accept_encoding: str, coding: str) -> bool:
    """Report whether a content coding may be used (section 12.5.3). Without an Accept-Encoding
    header it may not: old clients that cannot decode send none."""
    quality = {name: weight for name, _, weight in _elements(accept_encoding)}
    names = (coding, f"x-{coding}", "*")
    return next((quality[name] > 0 for name in names if name in quality), False)


def _type_quality(offer: str, ranges: list[tuple[str, dict[str, str], float]]) -> float:
    """Return the quality of an offer: the most specific range that matches decides."""
    kind = offer.partition(";")[0].strip()
    main = kind.partition("/")[0]
    found: dict[int, float] = {}
    for name, _, weight in ranges:
        match name:
            case "*/*":
                rank = 0
            case _ if name == f"{main}/*":
                rank = 1
            case _ if name == kind:
                rank = 2
            case _:
                continue
        found[rank] = max(weight, found.get(rank, 0.0))
    return found[max(found)] if found else 0.0


def _elements(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Return name, parameters and weight of each element of a header."""
    for element in header.split(",")[:_HEADER_LIMIT]:
        name, *rest = (part.strip() for part in element.split(";"))
        if not name:
            continue
        parameters = {
            key.strip().lower(): value.strip().strip('"')
            for key, _, value in (parameter.partition("=") for parameter in rest)
        }
        yield name.lower(), parameters, _weight(parameters.pop("q", "1"))


def _weight(value: str) -> float:
    """Return a weight between 0 and 1; a malformed one counts as 0 (section 12.4.2)."""
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0
