"""Discovery chains as data: what is asked, step by step, to find a name for a wildcard.

Chains stand in the catalogue's files beside the rows that they serve::

    [[chain]]
    id = "vscode-server-x64"

    [[chain.step]]
    ask = "vscode-commits-x64"                  # the row whose host, port and way are used
    read.commit = { json = [0], as = "commit" }

    [chain.wildcard_sample]
    vscode-server-x64 = { path = "/commit:{commit}/server-linux-x64/stable" }

A step asks an HTTPS row with GET: at the row's own path, or at ``path``, in which ``{name}``
stands for what an earlier step read. ``accept`` is the Accept header, ``bearer`` names the
token to send, ``status`` the statuses of a usable answer ("200"). ``read`` takes values out of
the answer: by ``json``, the keys and indexes on the way to a string, or by ``redirect = true``,
the Location header; ``part`` ("host" or "path") takes one part of a URL. ``as`` is the shape
that a value must have (``SHAPES``).

``wildcard_sample`` gives host, path or both of wildcard rows. A chain without it is there for the
redirect at its end, and names in ``for`` the rows with which it is of use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from monitor.model.endpoint import Endpoint, Protocol, StatusSet

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
TOKEN = "token"
"""The shape of secret values."""

SHAPES: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "commit": re.compile(r"[0-9a-f]{40}"),
        "version": re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,63}"),
        "digest": re.compile(r"sha256:[0-9a-f]{64}"),
        "host": re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"),
        "path": re.compile(r"/[!\"$->@-~]{0,1023}"),
        TOKEN: re.compile(r"[!-~]{1,16384}"),
    }
)
"""Patterns of values: anything else in a response is discarded. Public ECR's tokens have several
thousand characters, so that limit is wide."""


class Part(StrEnum):
    """A part of a URL."""

    HOST = "host"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class Read:
    """Extraction of one value from a response; ``json`` is None for the redirect."""

    name: str
    shape: str
    json: tuple[str | int, ...] | None = None
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a chain and the values read from its response. ``path`` "" is the row's."""

    ask: str
    reads: tuple[Read, ...]
    path: str = ""
    accept: str = ""
    bearer: str = ""
    status: StatusSet = StatusSet(((200, 200),))


@dataclass(frozen=True, slots=True)
class Template:
    """Host and path of a wildcard sample; "" keeps the row's own."""

    host: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """A discovery chain. ``serves`` are the rows that it finds a sample for, or whose redirects it
    follows."""

    id: str
    steps: tuple[Step, ...]
    serves: tuple[str, ...]
    wildcard_samples: Mapping[str, Template] = field(default_factory=dict)


def parse_chain(table: Mapping[str, Any]) -> Chain:
    """Parse one ``[[chain]]``.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: if it is malformed.
    """
    _only(table, "id", "step", "wildcard_sample", "for")
    wildcard_samples = {
        row: Template(**_texts(value, "host", "path"))
        for row, value in table.get("wildcard_sample", {}).items()
    }
    chain = Chain(
        id=_text(table["id"]),
        steps=tuple(map(_step, table["step"])),
        serves=tuple(map(_text, table.get("for", wildcard_samples))),
        wildcard_samples=wildcard_samples,
    )
    if not chain.steps or not chain.serves:
        raise ValueError(f"chain {chain.id} has no step, or nothing that it serves")
    _check_names(chain)
    return chain


def check_rows(chains: Iterable[Chain], rows: Iterable[Endpoint]) -> None:
    """Check that chains request and serve existing rows.

    Raises:
        ValueError: if one does not.
    """
    known = {row.id: row for row in rows}
    for chain in chains:
        for step in chain.steps:
            row = known.get(step.ask)
            if row is None or row.protocol is not Protocol.HTTPS or row.prober != "http":
                raise ValueError(f"chain {chain.id} asks {step.ask}, which is not an HTTPS row")
        for name in chain.serves:
            if name not in known or (name in chain.wildcard_samples and not known[name].wildcard):
                raise ValueError(f"chain {chain.id} serves {name}, which is no such row")


def _step(table: Mapping[str, Any]) -> Step:
    _only(table, "ask", "path", "accept", "bearer", "status", "read")
    texts = _texts({k: v for k, v in table.items() if k != "read"})
    status = StatusSet.parse(texts.pop("status", "200"))
    reads = tuple(_read(name, value) for name, value in table["read"].items())
    return Step(status=status, reads=reads, **texts)


def _read(name: str, table: Mapping[str, Any]) -> Read:
    _only(table, "json", "redirect", "part", "as")
    if ("json" in table) == ("redirect" in table) or table.get("redirect", True) is not True:
        raise ValueError(f"{name} is read by json, or by redirect = true")
    if table["as"] not in SHAPES:
        raise ValueError(f"{name} is read as {table['as']!r}")
    path = tuple(table["json"]) if "json" in table else None
    if not all(type(key) in {str, int} for key in path or ()):
        raise ValueError(f"{name}: json takes keys and indexes")
    return Read(name, table["as"], path, Part(table["part"]) if "part" in table else None)


def _check_names(chain: Chain) -> None:
    """Check that each value is read before it is used, and that a token is used only in the header
    made for it."""
    identifiers: dict[str, str] = {}
    for step in chain.steps:
        used = set(PLACEHOLDER.findall(step.path))
        if any(identifiers.get(name, TOKEN) == TOKEN for name in used):
            raise ValueError(f"chain {chain.id}: {step.path} uses what is not known, or a token")
        if step.bearer and identifiers.get(step.bearer) != TOKEN:
            raise ValueError(f"chain {chain.id}: bearer {step.bearer} is not a token")
        identifiers |= {read.name: read.shape for read in step.reads}
    for template in chain.wildcard_samples.values():
        names = PLACEHOLDER.findall(template.host + template.path)
        if not names or any(identifiers.get(name, TOKEN) == TOKEN for name in names):
            raise ValueError(f"chain {chain.id} stands in what it did not read, or a token")


def _only(table: Mapping[str, Any], *allowed: str) -> None:
    unknown = sorted(table.keys() - set(allowed))
    if unknown:
        raise ValueError(f"unknown keys {unknown} in chain {table.get('id', '')}")


def _texts(table: Mapping[str, Any], *allowed: str) -> dict[str, str]:
    if allowed:
        _only(table, *allowed)
    return {name: _text(value) for name, value in table.items()}


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r} is not a string")
    return value
