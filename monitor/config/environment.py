"""Variables of the environment as configuration: laid over the document before it is read.

- ``EGRESS_MONITOR_<KEY>``: a key at the top.
- ``EGRESS_MONITOR_<TABLE>__<KEY>``: a key of a table.
- ``EGRESS_MONITOR_<LIST>``: a whole list of tables, as TOML: ``[{id = "x", host = "y"}]``;
  ``EGRESS_MONITOR_GROUPS`` and ``EGRESS_MONITOR_TARGETS``: ``{name = {enabled = false}}``.
- ``EGRESS_MONITOR_<LIST>__<N>__<KEY>``: a key of the n-th table of a list, from 1.
- ``EGRESS_MONITOR_GROUPS__<GROUP>__<KEY>``, ``EGRESS_MONITOR_TARGETS__<ID>__<KEY>``: a key of one
  group or target; ``_`` in an id stands for ``-``.
- ``…__PASSWORD`` for a key ``password_file`` and so on: the secret itself.

Orchestrators inject variables that only look like ours (Kubernetes for each service, Docker for
each link): those are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from monitor.common.config_places import PATH_VARIABLE, TEXT_VARIABLE
from monitor.config.keys import TABLES, Key
from monitor.config.kinds import BadValueError, toml_value
from monitor.config.reader import FromVariable, Reading
from monitor.config.secrets import HEADER_SECRETS, SECRET_NAMES
from monitor.config.values import parse_write_header
from monitor.model.secret import Secret

PREFIX = "EGRESS_MONITOR_"
RESERVED = frozenset({PATH_VARIABLE, TEXT_VARIABLE})

_INJECTED = re.compile(
    r"(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|NAME|ENV_\w+"
    r"|PORT_\d{1,5}_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
"""Kubernetes' service variables (Kubernetes documentation, "Service": discovering services) and
Docker's of legacy links, behind our prefix."""

_INJECTED_PORT = re.compile(r"(?:\w+_)?PORT")
"""The same of a service's or link's port; its value is a URL such as tcp://10.0.0.1:9242."""

_TYPO = 0.8
"""Similarity from which an unknown name counts as a misspelled one of ours."""

_LISTS = {path.removesuffix("[]") for path in TABLES if path.endswith("[]")}
_NAMED = {path.removesuffix(".*") for path in TABLES if path.endswith(".*")}


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the document: ``declared`` is its table's path in ``TABLES``, ``path`` leads to
    the table, ``name`` is the key in it; "" for the whole table or list."""

    declared: str
    path: tuple[str | int, ...]
    name: str


def overlay(
    document: Mapping[str, object], environ: Mapping[str, str], reading: Reading
) -> dict[str, Any]:
    """Return the document with the variables' values in it. An empty variable counts as unset.
    Problems with variables are noted in ``reading``, and the names that are ignored."""
    merged = _copy(document)
    for name, text in sorted(environ.items(), key=lambda item: _order(item[0])):
        rest = name.removeprefix(PREFIX)
        if rest == name or name in RESERVED or not text:
            continue
        place = _place_of(rest)
        if place is None:
            _note_unknown(name, text, reading)
            continue
        try:
            _set(merged, place, text, name)
        except BadValueError as error:
            reading.problem(name, error.what, error.remediation, file="environment")
    return merged


def variable(table: str, key: str) -> str:
    """Return the variable of a key at the top (``table`` "") or in a table."""
    path = f"{table}__{key}" if table else key
    return PREFIX + path.upper()


def _order(name: str) -> tuple[tuple[int, str], ...]:
    """Sort whole lists before their entries, and entries by number."""
    parts = name.split("__")
    return tuple((int(p), "") if p.isdecimal() and p.isascii() else (-1, p) for p in parts)


def _copy(document: Mapping[str, object]) -> dict[str, Any]:
    """Copy the levels that a variable may change; deeper ones may be too deep to recurse."""
    copied: dict[str, Any] = dict(document)
    for name, value in copied.items():
        if isinstance(value, list):
            copied[name] = [dict(item) if isinstance(item, dict) else item for item in value]
        elif isinstance(value, dict):
            copied[name] = {k: dict(v) if isinstance(v, dict) else v for k, v in value.items()}
    return copied


def _place_of(rest: str) -> _Place | None:
    match rest.lower().split("__"):
        case [name]:
            return _place_at_the_top(name)
        case [table, name] if _known(table, name):
            return _Place(table, (table,), name)
        case [table, number, name] if table in _LISTS and _known(f"{table}[]", name):
            if number.isascii() and number.isdecimal() and 0 < int(number) < 1000:
                return _Place(f"{table}[]", (table, int(number)), name)
        case [table, entry, name] if table in _NAMED and _known(f"{table}.*", name):
            entry = entry.replace("_", "-") if table == "targets" else entry
            return _Place(f"{table}.*", (table, entry), name)
    return None


def _place_at_the_top(name: str) -> _Place | None:
    if _key("", name):
        return _Place("", (), name)
    if name in _LISTS:
        return _Place(f"{name}[]", (name,), "")
    return _Place(f"{name}.*", (name,), "") if name in _NAMED else None


def _known(declared: str, name: str) -> bool:
    return declared in TABLES and bool(_key(declared, name) or _is_secret(declared, name))


def _key(declared: str, name: str) -> Key | None:
    return next((key for key in TABLES[declared] if key.name == name), None)


def _is_secret(declared: str, name: str) -> bool:
    if name == HEADER_SECRETS:
        return _key(declared, "header_files") is not None
    return name in SECRET_NAMES and _key(declared, f"{name}_file") is not None


def _set(merged: dict[str, Any], place: _Place, text: str, variable: str) -> None:
    """Put the value of one variable into the document.

    Raises:
        BadValueError: if the text cannot be the value of that place.
    """
    if not place.name:
        (section,) = place.path
        merged[str(section)] = _attributed(toml_value(text), place.declared, variable)
        return
    table = _table_at(merged, place.path)
    if table is None:
        return  # what the document has there is reported when it is read
    if place.name == HEADER_SECRETS:
        table[place.name] = FromVariable(_secret_headers(text), variable, secret=True)
    elif (key := _key(place.declared, place.name)) is not None:
        table[place.name] = FromVariable(key.kind.from_text(text), variable)
    else:
        table[place.name] = FromVariable(Secret(text.strip()), variable, secret=True)
        table.pop(f"{place.name}_file", None)


def _table_at(merged: dict[str, Any], path: tuple[str | int, ...]) -> dict[str, Any] | None:
    """Return the table at ``path``, made if it is not there; None if the document has something
    else in its place."""
    match path:
        case ():
            return merged
        case (str(section),):
            found = merged.setdefault(section, {})
        case (str(section), int(number)):
            tables = merged.setdefault(section, [])
            if not isinstance(tables, list):
                return None
            if number > len(tables) + 1:
                what = f"{section} has {len(tables)} entries, so {number} leaves a gap"
                raise BadValueError(what, "number them from 1")
            if number == len(tables) + 1:
                tables.append({})
            found = tables[number - 1]
        case (str(section), name):
            tables = merged.setdefault(section, {})
            found = tables.setdefault(name, {}) if isinstance(tables, dict) else None
    return found if isinstance(found, dict) else None


def _attributed(value: object, declared: str, variable: str) -> object:
    """Mark each key of a list of tables, or of a table of tables, as that variable's.

    Raises:
        BadValueError: if the value is neither.
    """
    if declared.endswith("[]"):
        if not isinstance(value, list):
            raise BadValueError("it is not a list of tables", 'write [{ id = "x", ... }]')
        return [_marked(table, variable) for table in value]
    if not isinstance(value, dict):
        raise BadValueError("it is not a table of tables", "write { name = { enabled = false } }")
    return {name: _marked(table, variable) for name, table in value.items()}


def _marked(table: object, variable: str) -> object:
    if not isinstance(table, dict):
        return table
    return {name: FromVariable(value, variable) for name, value in table.items()}


def _secret_headers(text: str) -> tuple[tuple[str, Secret], ...]:
    headers = toml_value(text)
    if not isinstance(headers, dict) or not all(isinstance(v, str) for v in headers.values()):
        raise BadValueError("it is not a table of strings", """write {"X-Api-Key" = "secret"}""")
    return tuple((parse_write_header(name), Secret(value)) for name, value in headers.items())


def _note_unknown(name: str, text: str, reading: Reading) -> None:
    """Note a misspelled variable as a problem, and any other as ignored."""
    rest = name.removeprefix(PREFIX)
    if _INJECTED.fullmatch(rest) or (_INJECTED_PORT.fullmatch(rest) and "://" in text):
        return
    known = [
        known_name
        for table, keys in TABLES.items()
        if table == "" or table.isidentifier()
        for known_name in _variables_of(table, keys)
    ]
    if near := get_close_matches(rest, known, n=1, cutoff=_TYPO):
        remediation = f"did you mean {PREFIX}{near[0]}?"
        reading.problem(name, "there is no such key", remediation, file="environment")
    else:
        reading.ignored.append(name)


def _variables_of(table: str, keys: tuple[Key, ...]) -> list[str]:
    names = [key.name for key in keys]
    names += [name for name in SECRET_NAMES if f"{name}_file" in names]
    return [variable(table, name).removeprefix(PREFIX) for name in names]
