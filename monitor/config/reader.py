"""Walks a document by the declared keys and collects everything that is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from monitor.config.keys import TABLES, Key
from monitor.config.kinds import BadItemsError, BadValueError
from monitor.model.settings import Problem

ENV_PREFIX = "EGRESS_MONITOR_"
RESERVED = frozenset({"EGRESS_MONITOR_CONFIG"})
"""Variables with our prefix that are no keys of the configuration."""


@dataclass(slots=True)
class Reading:
    """What was read: values by the path of their table and their key, and the problems."""

    file: str
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, key: str, what: str, remediation: str, *, file: str = "") -> None:
        """Note a problem."""
        self.problems.append(Problem(file or self.file, key, what, remediation))

    def table(self, path: str) -> Mapping[str, Any]:
        """Return the values of a table; empty when it is not there."""
        return self.tables.get(path, {})

    def below(self, prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Return name and values of each table below ``prefix``."""
        for path, values in self.tables.items():
            if path.startswith(prefix):
                yield path.removeprefix(prefix), values


def read_document(document: Mapping[str, object], reading: Reading) -> None:
    """Read a parsed TOML document into ``reading``."""
    sections = {path for path in TABLES if path and path.isidentifier()}
    lists = [path.removesuffix("[]") for path in TABLES if path.endswith("[]")]
    tables = sections | {"groups", "targets", *lists}
    plain = {k: v for k, v in document.items() if k not in tables}
    _read_table("", "", plain, reading)
    for section in sections & document.keys():
        _read_named(section, section, document[section], reading)
    for section in ("groups", "targets"):
        _read_tables_below(section, document.get(section, {}), reading)
    for section in lists:
        _read_list(section, document.get(section, []), reading)


def _read_tables_below(section: str, raw: object, reading: Reading) -> None:
    if not isinstance(raw, dict):
        reading.problem(section, "this is no table", f"write [{section}.NAME]")
        return
    for name, table in raw.items():
        _read_named(f"{section}.*", f"{section}.{name}", table, reading)


def _read_list(section: str, raw: object, reading: Reading) -> None:
    if not isinstance(raw, list):
        reading.problem(section, "this is no list of tables", f"write [[{section}]]")
        return
    for number, table in enumerate(raw, 1):
        _read_named(f"{section}[]", f"{section}[{number}]", table, reading)


def _read_named(declared: str, path: str, raw: object, reading: Reading) -> None:
    if not isinstance(raw, dict):
        reading.problem(path, "this is no table", f"write [{path}] and its keys below")
        return
    _read_table(declared, path, raw, reading)


def _read_table(declared: str, path: str, raw: Mapping[str, object], reading: Reading) -> None:
    keys = {key.name: key for key in TABLES[declared]}
    values = reading.tables.setdefault(path, {})
    for name, value in raw.items():
        where = f"{path}.{name}" if path else name
        if name not in keys:
            reading.problem(where, "there is no such key", _suggest(name, declared))
        else:
            values |= _read_value(keys[name], value, reading, (reading.file, where))
    for key in keys.values():
        if key.required and key.name not in raw:
            reading.problem(
                f"{path}.{key.name}", "it is missing", f"write {key.name} = {key.kind.example}"
            )


def _read_value(key: Key, raw: object, reading: Reading, where: tuple[str, str]) -> dict[str, Any]:
    """Return the key with its value; nothing when it is wrong, which is noted for ``where``:
    a file and a path in it."""
    file, path = where
    try:
        return {key.name: key.kind.read(raw)}
    except BadItemsError as bad:
        for number, error in bad.items.items():
            reading.problem(f"{path}[{number}]", error.what, error.remediation, file=file)
    except BadValueError as error:
        reading.problem(path, error.what, error.remediation, file=file)
    return {}


def _suggest(name: str, declared: str) -> str:
    known = [key.name for key in TABLES[declared]]
    if not declared:
        known += [path.partition(".")[0].removesuffix("[]") for path in TABLES if path]
    near = get_close_matches(name, known, n=1)
    if near:
        return f'did you mean "{near[0]}"?'
    elsewhere = [path for path, keys in TABLES.items() if any(k.name == name for k in keys)]
    if elsewhere and declared not in elsewhere:
        where = f"[[{elsewhere[0][:-2]}]]" if elsewhere[0].endswith("[]") else f"[{elsewhere[0]}]"
        return f"it belongs into {where}" if elsewhere[0] else "it belongs to the top"
    return f"known keys are {', '.join(known)}"


def read_environment(environ: Mapping[str, str], reading: Reading) -> None:
    """Read ``EGRESS_MONITOR_<KEY>``, ``__`` standing between table and key, over what the
    file said. An empty variable counts as not set."""
    known = {
        variable(table, key.name): (table, key)
        for table, keys in TABLES.items()
        for key in keys
        if table == "" or table.isidentifier()
    }
    for name, text in sorted(environ.items()):
        if not name.startswith(ENV_PREFIX) or name in RESERVED or not text:
            continue
        if name not in known:
            near = get_close_matches(name, known, n=1)
            remediation = f"did you mean {near[0]}?" if near else "unset it, or see config.toml"
            reading.problem(name, "there is no such key", remediation, file="environment")
            continue
        table, key = known[name]
        values = reading.tables.setdefault(table, {})
        values |= _read_value(key, key.kind.from_text(text), reading, ("environment", name))


def variable(table: str, key: str) -> str:
    """Return the environment variable of a key."""
    path = f"{table}__{key}" if table else key
    return ENV_PREFIX + path.upper()
