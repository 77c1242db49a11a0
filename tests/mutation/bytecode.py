"""Differences between two compilations of a module. Pure.

A mutant within a function is applied by exchanging the code of the live function objects: no module
is imported again. A mutant outside of functions (a constant, a default value) needs a new import.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from tests.mutation.recorder import Key, key_of


@dataclass(frozen=True, slots=True)
class Difference:
    """The code that a mutant changes: ``functions`` are pairs of code before and after, the outer
    function of each pair first; ``body`` is whether a module or class body differs."""

    functions: tuple[tuple[CodeType, CodeType], ...]
    body: bool

    @property
    def keys(self) -> frozenset[Key]:
        """The keys of the changed functions."""
        return frozenset(key_of(before) for before, _ in self.functions)

    def __bool__(self) -> bool:
        return self.body or bool(self.functions)


def compiled(path: Path, source: str) -> CodeType:
    """Return the code of a module as the import system compiles it."""
    return compile(source, str(path), "exec", dont_inherit=True)


def difference(before: CodeType, after: CodeType) -> Difference:
    """Return the functions that differ between two compilations of a module."""
    pairs = list(_pairs(before, after))
    functions = tuple(pair for pair in pairs if _is_function(pair[0]) and _changed(*pair))
    return Difference(functions, any(_own(b) != _own(a) for b, a in pairs if not _is_function(b)))


def _pairs(before: CodeType, after: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    yield before, after
    inner = ([c for c in code.co_consts if inspect.iscode(c)] for code in (before, after))
    for one, other in zip(*inner, strict=True):
        yield from _pairs(one, other)


def _changed(before: CodeType, after: CodeType) -> bool:
    return any(_own(one) != _own(other) for one, other in _pairs(before, after))


def _is_function(code: CodeType) -> bool:
    return bool(code.co_flags & inspect.CO_OPTIMIZED)


def _own(code: CodeType) -> tuple[object, ...]:
    """Return what a code object does itself, without its nested functions and positions."""
    constants = [repr(c) for c in code.co_consts if not inspect.iscode(c)]
    return code.co_code, code.co_names, code.co_varnames, constants
