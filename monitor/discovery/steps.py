"""One step of a discovery chain: its request, and the values read from the response. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from monitor.catalog.chains import PLACEHOLDER, SHAPES, TOKEN, Part, Read, Step, Template
from monitor.model.causes import Cause
from monitor.model.endpoint import Expectation
from monitor.model.secret import Secret
from monitor.model.target import Target

Values = Mapping[str, str | Secret]
"""Values read so far, by name; tokens are secrets."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The parts of an HTTP response that a step reads. ``whole`` is False if the body exceeded the
    limit."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    whole: bool = True


class UnusableError(Exception):
    """A response does not contain the values of its step. The message is safe to print: it repeats
    nothing that the server sent."""

    def __init__(self, cause: Cause, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


def request(step: Step, row: Target, values: Values) -> tuple[Target, Mapping[str, str | Secret]]:
    """Return the request of a step: ``row``, with another path if the step has one, and the
    headers."""
    path = filled(step.path, values) or row.endpoint.path
    endpoint = replace(row.endpoint, path=path, method="GET", expect=Expectation(step.status))
    headers: dict[str, str | Secret] = {"Accept": step.accept} if step.accept else {}
    if step.bearer:
        headers["Authorization"] = _bearer(values[step.bearer])
    return replace(row, endpoint=endpoint), headers


def read(step: Step, answer: Answer) -> Values:
    """Return the values of a step from its response.

    Raises:
        UnusableError: if a value is missing or malformed.
    """
    document = _document(answer) if any(r.json is not None for r in step.reads) else None
    return {r.name: _value(r, document, answer) for r in step.reads}


def stood_in(template: Template, values: Values) -> tuple[str, str]:
    """Return host and path of a wildcard sample, "" for the row's own."""
    return filled(template.host, values), filled(template.path, values)


def filled(text: str, values: Values) -> str:
    """Fill ``{name}`` with values read. The loader of the catalog ensures that none is secret."""
    return PLACEHOLDER.sub(lambda match: str(values[match[1]]), text)


def _bearer(token: str | Secret) -> Secret:
    return Secret(f"Bearer {token.reveal() if isinstance(token, Secret) else token}")


def _document(answer: Answer) -> Any:  # noqa: ANN401 - whatever a server sends
    if not answer.whole:
        raise UnusableError(Cause.HTTP_PROTOCOL, f"its answer is longer than {BODY_LIMIT} bytes")
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        pass
    if "html" in answer.headers.get("content-type", "").lower():
        raise UnusableError(Cause.HTTP_BLOCKED_PAGE, "it answered with a page, not with JSON")
    raise UnusableError(Cause.HTTP_PROTOCOL, "the response is not JSON")


BODY_LIMIT = 262_144
"""Bytes of a response that are read: 256 KiB. An image index with attestations has about 20 KB, the
list of VS Code's commits 10 KB, an extension with builds for all platforms 60 KB."""


def _value(wanted: Read, document: Any, answer: Answer) -> str | Secret:  # noqa: ANN401
    if wanted.json is None:
        where, text = "Location header", answer.headers.get("location", "")
    else:
        where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in wanted.json)
        text = _walk(document, wanted.json, where)
    if wanted.part is not None:
        text = _part(text, wanted.part)
    if not SHAPES[wanted.shape].fullmatch(text):
        raise UnusableError(Cause.HTTP_PROTOCOL, f"its answer has no {wanted.shape} at {where}")
    return Secret(text) if wanted.shape == TOKEN else text


def _walk(document: Any, keys: tuple[str | int, ...], where: str) -> str:  # noqa: ANN401
    here: Any = document
    for key in keys:
        fits = isinstance(here, dict if isinstance(key, str) else list)
        try:
            here = here[key] if fits else None
        except LookupError:
            here = None
    if not isinstance(here, str):
        raise UnusableError(Cause.HTTP_PROTOCOL, f"its answer has no text at {where}")
    return here


def _part(text: str, part: Part) -> str:
    try:
        url = urlsplit(text)
    except ValueError:
        return ""
    return (url.hostname or "") if part is Part.HOST else url.path
