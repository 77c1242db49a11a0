"""Strict loader of the shipped catalog: one TOML file per provider.

A file holds ``[[endpoint]]`` tables with the fields of ``monitor.model.endpoint.Endpoint`` and
``[expect.NAME]`` tables that its endpoints name in ``expect``. Only ``id``, ``group`` and ``host``
are mandatory: an endpoint is HTTPS on port 443, required, enabled, in every profile. Its
``[[chain]]`` tables are those of ``monitor.catalog.chains``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from monitor.catalog.chains import Chain, check_rows, parse_chain
from monitor.model.endpoint import (
    DEFAULT_PORTS,
    DEFAULT_PROBERS,
    Endpoint,
    Expectation,
    Profile,
    Protocol,
    StatusSet,
)

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_Fields = dict[str, Any]


class CatalogError(Exception):
    """A shipped catalog file is malformed: a bug in this program."""


def load_catalog() -> tuple[Endpoint, ...]:
    """Return every row of the catalog, of all profiles, in file order.

    Raises:
        CatalogError: if a shipped file is malformed or two rows share an id.
    """
    return _load()[0]


def load_chains() -> tuple[Chain, ...]:
    """Return every discovery chain of the catalog, in file order.

    Raises:
        CatalogError: if a shipped file is malformed or two chains share an id.
    """
    return _load()[1]


@cache
def _load() -> tuple[tuple[Endpoint, ...], tuple[Chain, ...]]:
    folder = resources.files("monitor.catalog")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    parsed = [parse(file.name, file.read_text("utf-8")) for file in files]
    rows = tuple(row for of_file, _ in parsed for row in of_file)
    chains = tuple(chain for _, of_file in parsed for chain in of_file)
    for ids in ([row.id for row in rows], [chain.id for chain in chains]):
        repeated = {name for name in ids if ids.count(name) > 1}
        if repeated:
            raise CatalogError(f"ids used twice: {', '.join(sorted(repeated))}")
    try:
        check_rows(chains, rows)
    except ValueError as error:
        raise CatalogError(str(error)) from None
    return rows, chains


def parse(name: str, text: str) -> tuple[tuple[Endpoint, ...], tuple[Chain, ...]]:
    """Parse one catalog file, its rows and its chains; ``name`` identifies it in errors.

    Raises:
        CatalogError: if it is not TOML, or has an unknown key or an invalid value.
    """
    try:
        document = tomllib.loads(text)
        _only(document, {"expect", "endpoint", "chain"})
        expectations = {key: _expectation(table) for key, table in document["expect"].items()}
        rows = tuple(_endpoint(table, expectations) for table in document["endpoint"])
        return rows, tuple(map(parse_chain, document.get("chain", ())))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CatalogError(f"{name}: {type(error).__name__}: {error}") from error


def _only(table: Mapping[str, Any], allowed: set[str]) -> None:
    unknown = sorted(table.keys() - allowed)
    if unknown:
        raise ValueError(f"unknown keys {unknown} in {table.get('id', 'a table')}")


def _expectation(table: Mapping[str, Any]) -> Expectation:
    _only(table, {"statuses", "headers"})
    headers = tuple(table.get("headers", ()))
    if any(header != header.lower() for header in headers):
        raise ValueError(f"header names are written in lower case: {headers}")
    return Expectation(StatusSet.parse(table["statuses"]), headers)


def _endpoint(table: Mapping[str, Any], expectations: Mapping[str, Expectation]) -> Endpoint:
    _only(table, _COPIED.keys() | {"protocol", "expect", "profiles"})
    protocol = Protocol(table.get("protocol", "https"))
    fields: _Fields = {"prober": DEFAULT_PROBERS[protocol]}
    # A TCP endpoint has no default port: a row without one is malformed.
    fields["port"] = table["port"] if "port" in table else DEFAULT_PORTS[protocol]
    fields |= _copied(table)
    if "expect" in table:
        fields["expect"] = expectations[table["expect"]]
    profiles = frozenset(map(Profile, table.get("profiles", Profile)))
    return Endpoint(protocol=protocol, profiles=profiles, **fields)


def _copied(table: Mapping[str, Any]) -> _Fields:
    for key in _COPIED.keys() & table.keys():
        if not _COPIED[key](table[key]):
            raise ValueError(f"{table.get('id')}: {key} = {table[key]!r}")
    return {key: table[key] for key in _COPIED if key in table or key in _NEEDED}


_NEEDED = ("id", "group", "host")
_COPIED: Mapping[str, Callable[[Any], bool]] = {
    "id": lambda v: _ID.fullmatch(v) is not None,
    "group": lambda v: isinstance(v, str) and v != "",
    "host": lambda v: isinstance(v, str) and v != "" and "*" not in v,
    "port": lambda v: type(v) is int and 1 <= v <= 65_535,
    "prober": lambda v: isinstance(v, str) and v.isidentifier(),
    "path": lambda v: isinstance(v, str) and v.startswith("/") and "*" not in v,
    "method": lambda v: v in {"GET", "HEAD"},
    "required": lambda v: isinstance(v, bool),
    "enabled": lambda v: isinstance(v, bool),
    "interval": lambda v: isinstance(v, float) and v > 0,
    "timeout": lambda v: isinstance(v, float) and v > 0,
    "query": lambda v: isinstance(v, str) and v != "",
    "wildcard": lambda v: isinstance(v, str) and "*" in v,
    "gateway": lambda v: isinstance(v, str) and v != "",
    "gateway_entry": lambda v: isinstance(v, bool),
    "audited": lambda v: isinstance(v, bool),
    "redundancy_group": lambda v: isinstance(v, str) and v != "",
    "note": lambda v: isinstance(v, str) and v != "",
}
"""Keys that are copied unchanged, each with the check of its value."""
