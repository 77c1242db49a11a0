"""Kinds of values: what a kind takes, and lists, tables and choices made of kinds. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any


class BadValueError(ValueError):
    """A value can't be used: ``what`` is wrong with it and the ``remediation``."""

    def __init__(self, what: str, remediation: str) -> None:
        super().__init__(what)
        self.what = what
        self.remediation = remediation


class MissingFileError(BadValueError):
    """A file is not there, or cannot be opened, which may change by itself. ``path`` is None if
    the text may be a secret in the wrong place rather than a path."""

    def __init__(self, what: str, remediation: str, path: Path | None) -> None:
        super().__init__(what, remediation)
        self.path = path


class BadItemsError(ValueError):
    """Items of a list can't be used: each by its number, from 1 on, with what is wrong."""

    def __init__(self, items: Mapping[int, BadValueError]) -> None:
        super().__init__("items can't be used")
        self.items = items


def repeated(text: str) -> str:
    """Repeat a value that is wrong, unless it may hold a secret: what has an @ may have a
    password before it, what has a query a token in it."""
    return "this" if set(text) & set("@?#") else repr(text[:80])


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value. ``parse`` takes what TOML gives (of ``types``), ``from_text`` turns
    an environment variable into that.

    Raises (``parse``):
        BadValueError: if the value can't be used.
        BadItemsError: if it is a list, and items of it can't be used.
    """

    name: str
    types: tuple[type, ...]
    parse: Callable[[Any], Any]
    from_text: Callable[[str], Any] = str
    example: str = ""

    def read(self, raw: object) -> Any:  # noqa: ANN401 - its type is the key's own
        """Check the type and parse.

        Raises:
            BadValueError: if the value can't be used.
            BadItemsError: if it is a list, and items of it can't be used.
        """
        wrong_bool = isinstance(raw, bool) and bool not in self.types
        if wrong_bool or not isinstance(raw, self.types):
            raise BadValueError(f"{_shown(raw)} is not {self.name}", f"write {self.example}")
        return self.parse(raw)


def _shown(raw: object) -> str:
    """Name a value's type: the value itself may be a secret in the wrong place."""
    names = {str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    names |= {list: "a list", dict: "a table"}
    return names.get(type(raw), "this")


def one_of(values: type[StrEnum]) -> Kind:
    """A choice, in upper or lower case."""
    names = [member.value for member in values]
    by_folded_name = {name.casefold(): name for name in names}

    def parse(given: str) -> StrEnum:
        text = by_folded_name.get(given.casefold(), given)
        if text not in names:
            near = get_close_matches(text, names, n=1)
            remediation = (
                f'did you mean "{near[0]}"?' if near else f"write one of {', '.join(names)}"
            )
            raise BadValueError(f"{repeated(text)} is not one of {', '.join(names)}", remediation)
        return values(text)

    return Kind(f"one of {', '.join(names)}", (str,), parse, example=f'"{names[0]}"')


def list_of(kind: Kind) -> Kind:
    """A list of values of one kind."""

    def parse(raw: Sequence[object]) -> tuple[Any, ...]:
        values, wrong = [], {}
        for number, item in enumerate(raw, 1):
            try:
                values.append(kind.read(item))
            except BadValueError as error:
                wrong[number] = error
        if wrong:
            raise BadItemsError(wrong)
        return tuple(values)

    def from_text(text: str) -> object:
        if text.lstrip().startswith("["):
            return toml_value(text)
        return [kind.from_text(part.strip()) for part in text.split(",") if part.strip()]

    return Kind(f"a list, each {kind.name}", (list,), parse, from_text, f"[{kind.example}]")


def table_of(name: Kind, value: Kind) -> Kind:
    """A table of names and values, each of one kind."""

    def parse(raw: Mapping[str, object]) -> tuple[tuple[Any, Any], ...]:
        values = []
        for key, item in raw.items():
            try:
                values.append((name.read(key), value.read(item)))
            except BadValueError as error:
                raise BadValueError(f"{key[:40]}: {error.what}", error.remediation) from None
        return tuple(values)

    example = f"{{ {name.example.strip(chr(34))} = {value.example} }}"
    form = f"a table of {name.name} and {value.name}"
    return Kind(form, (dict,), parse, toml_value, example)


def toml_value(text: str) -> object:
    """Read one TOML value, an array or an inline table for example.

    Raises:
        BadValueError: if it is not one.
    """
    try:
        document = tomllib.loads(f"value = {text.strip()}")
    except (tomllib.TOMLDecodeError, RecursionError):
        document = {}
    if document.keys() != {"value"}:
        raise BadValueError("it is not a TOML value", 'write e.g. ["a", "b"] or { name = "value" }')
    return document["value"]


def text_kind(name: str, parse: Callable[[str], Any], example: str) -> Kind:
    """A kind that is written as a string."""
    return Kind(name, (str,), parse, example=f'"{example}"')
