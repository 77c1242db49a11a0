"""Status line and field lines of an HTTP/1 message, read as Go's net/textproto reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from monitor.model.probe_result import FailureKind
from monitor.net.errors import ExchangeError

_STATUS = re.compile(r"\+?[0-9]{2,3}|-0[0-9]")
_VERSION = re.compile(r"HTTP/([0-9]\.[0-9])")
_LINE = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z ]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
"""A field line. Go accepts spaces in the name, which RFC 9110 section 5.1 does not; control
characters are not allowed in the value (section 5.5)."""

_LENGTH = re.compile(r"[0-9]+", re.ASCII)
_LENGTH_LIMIT = 2**63 - 1
FIELD_LINES_LIMIT = 4_000
"""Field lines of one head or trailer section: at most 4,000, because each costs time and memory."""

_NO_TRAILERS = frozenset({"transfer-encoding", "trailer", "content-length"})


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and fields of a response. Names are lower-case; the values of repeated
    fields are joined by a comma in ``headers`` and kept apart in ``lists``."""

    version: str
    status: int
    headers: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def content_length(self) -> int | None:
        """The announced length of the body in bytes; None if it is not announced.

        Raises:
            ExchangeError: HTTP_FORMAT, if it is not a number, or there are different ones.
        """
        values = self.lists.get("content-length", ())
        if not values:
            return None
        if len(set(values)) > 1:
            raise bad("different values of Content-Length")
        digits = values[0].lstrip("0") or "0"
        if not _LENGTH.fullmatch(values[0]) or len(digits) > 19 or int(digits) > _LENGTH_LIMIT:
            raise bad("a Content-Length that is not a number")
        return int(digits)

    @property
    def chunked(self) -> bool:
        """Whether the body is chunked (RFC 9112 section 7.1).

        Like Go, accept no other transfer coding and only one field, and ignore the field in
        HTTP/1.0.

        Raises:
            ExchangeError: HTTP_FORMAT, if the transfer coding is another one.
        """
        values = self.lists.get("transfer-encoding")
        if values is None or self.version < "1.1":
            return False
        if len(values) > 1 or values[0].lower() != "chunked":
            raise bad("a Transfer-Encoding other than chunked")
        if any(name in _NO_TRAILERS for name in self._announced_trailers()):
            raise bad("a Trailer field that announces a framing field")
        return True

    def _announced_trailers(self) -> Iterable[str]:
        text = self.headers.get("trailer", "")
        return (name.strip().lower() for name in text.split(",") if name.strip())


def parse_status_line(line: str) -> tuple[str, int]:
    """Return version and status of a status line (RFC 9112 section 4), decoded as Latin-1.

    Raises:
        ExchangeError: HTTP_FORMAT.
    """
    protocol, space, rest = line.partition(" ")
    status = rest.lstrip(" ").partition(" ")[0]
    version = _VERSION.fullmatch(protocol)
    if not space or version is None:
        raise bad("a response that is not HTTP/1")
    if len(status) != 3 or not _STATUS.fullmatch(status):
        raise bad("a status that is not a number of three digits")
    return version[1], int(status)


def parse_fields(lines: list[str]) -> dict[str, tuple[str, ...]]:
    """Return the values of each field, by its name in lower case.

    ``lines`` are decoded as Latin-1 and have no line ends. A line that begins with a space
    continues the one before (obsolete line folding, RFC 9112 section 5.2).

    Raises:
        ExchangeError: HTTP_FORMAT.
    """
    if lines and lines[0][:1] in _SPACES:
        raise bad("a first field line that begins with a space")
    fields: dict[str, tuple[str, ...]] = {}
    folded = any(line[:1] in _SPACES for line in lines)
    for line in _unfolded(lines) if folded else lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise bad("a malformed field line")
        name, value = match.groups()
        key, value = name.lower(), value.rstrip(" \t")
        fields[key] = (*fields[key], value) if key in fields else (value,)
    return fields


_SPACES = frozenset({" ", "\t"})


def _unfolded(lines: list[str]) -> Iterable[str]:
    current: list[str] = []
    for line in lines:
        if current and line[:1] in _SPACES:
            current.append(line.strip(" \t"))
            continue
        if current:
            yield " ".join(current)
        if ":" not in line:
            raise bad("a field line without a colon")
        current = [line.strip(" \t")]
    if current:
        yield " ".join(current)


def bad(what: str) -> ExchangeError:
    """Return the error of a peer that does not send HTTP/1."""
    return ExchangeError(FailureKind.HTTP_FORMAT, f"the peer sent {what}")
