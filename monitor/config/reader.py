"""Walks a document by the declared keys and collects everything that is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from monitor.config.keys import TABLES, Key
from monitor.config.kinds import BadItemsError, BadValueError, MissingFileError
from monitor.model.settings import Problem


@dataclass(frozen=True, slots=True)
class FromVariable:
    """A value of the document that a variable of the environment has set. ``secret``: it is a
    secret itself, in the place of the key that names its file."""

    value: object
    variable: str
    secret: bool = False


@dataclass(slots=True)
class Reading:
    """Values by the path of their table and their key, and the problems. ``missing`` holds files
    that are not there yet, by the path of their key; ``ignored`` are variables that look like
    ours."""

    file: str
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    missing: dict[str, tuple[Path, Problem]] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    _invalid: set[str] = field(default_factory=set)

    def problem(self, key: str, what: str, remediation: str, *, file: str = "") -> None:
        """Note a problem."""
        self.problems.append(Problem(file or self.file, key, what, remediation))

    def reported(self, key: str) -> bool:
        """Return whether a problem of that key is noted already."""
        told = any(problem.key == key for problem in self.problems)
        return told or key in self.missing or key in self._invalid

    def note(self, key: str, problem: Problem, file: Path | None = None) -> None:
        """Note a problem of the value of a key; with ``file``, that this file is missing."""
        self._invalid.add(key)
        if file is None:
            self.problems.append(problem)
        else:
            self.missing[key] = (file, problem)

    def waits_for_file(self, prefix: str) -> bool:
        """Return whether a file is missing that a key whose path begins so names."""
        return any(key.startswith(prefix) for key in self.missing)

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
        reading.problem(section, "it is not a table", f"write [{section}.NAME]")
        return
    for name, table in raw.items():
        _read_named(f"{section}.*", f"{section}.{name}", table, reading)


def _read_list(section: str, raw: object, reading: Reading) -> None:
    if not isinstance(raw, list):
        reading.problem(section, "it is not a list of tables", f"write [[{section}]]")
        return
    for number, table in enumerate(raw, 1):
        _read_named(f"{section}[]", f"{section}[{number}]", table, reading)


def _read_named(declared: str, path: str, raw: object, reading: Reading) -> None:
    if not isinstance(raw, dict):
        reading.problem(path, "it is not a table", f"write [{path}] and its keys below")
        return
    _read_table(declared, path, raw, reading)


def _read_table(declared: str, path: str, raw: Mapping[str, object], reading: Reading) -> None:
    keys = {key.name: key for key in TABLES[declared]}
    values = reading.tables.setdefault(path, {})
    for name, value in raw.items():
        where = f"{path}.{name}" if path else name
        if isinstance(value, FromVariable) and value.secret:
            values[name] = value.value
        elif name not in keys:
            reading.problem(where, "there is no such key", _suggest(name, declared))
        else:
            values |= _read_value(keys[name], value, reading, where)
    for key in keys.values():
        if key.required and key.name not in raw:
            reading.problem(
                f"{path}.{key.name}", "it is missing", f"write {key.name} = {key.kind.example}"
            )


def _read_value(key: Key, raw: object, reading: Reading, path: str) -> dict[str, Any]:
    """Return the key with its value; nothing if that is wrong, which is noted. ``path`` is the
    key's place in the document."""
    file, place = reading.file, path
    if isinstance(raw, FromVariable):
        file, place, raw = "environment", raw.variable, raw.value
    try:
        return {key.name: key.kind.read(raw)}
    except BadItemsError as bad:
        for number, item in bad.items.items():
            problem = Problem(file, f"{place}[{number}]", item.what, item.remediation)
            reading.note(path, problem)
    except BadValueError as error:
        missing = error.path if isinstance(error, MissingFileError) else None
        reading.note(path, Problem(file, place, error.what, error.remediation), missing)
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
        return f"it belongs in {where}" if elsewhere[0] else "it belongs at the top"
    return f"known keys are {', '.join(known)}"
