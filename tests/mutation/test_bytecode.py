"""A mutant is found in the functions that it changes, or in the body of the module."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.bytecode import Difference, compiled, difference

SOURCE = """
LIMIT = 3

def outer(a):
    def inner(b):
        return b < 5
    return inner(a) and a > 1

class Thing:
    size = 7

    def big(self, least=2):
        return self.size > least
"""


def changed(before: str, after: str) -> Difference:
    path = Path("x.py")
    return difference(compiled(path, SOURCE), compiled(path, SOURCE.replace(before, after)))


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ("a > 1", "a >= 1", ["outer"]),
        ("b < 5", "b <= 5", ["outer", "outer.<locals>.inner"]),
        ("self.size > least", "self.size >= least", ["Thing.big"]),
    ],
)
def test_a_change_in_a_function_leaves_the_body(before: str, after: str, names: list[str]) -> None:
    change = changed(before, after)
    assert [one.co_qualname for one, _ in change.functions] == names
    assert not change.body


@pytest.mark.parametrize(
    ("before", "after"),
    [("LIMIT = 3", "LIMIT = 4"), ("size = 7", "size = 8"), ("least=2", "least=3")],
)
def test_a_constant_or_a_default_value_is_in_a_body(before: str, after: str) -> None:
    change = changed(before, after)
    assert change.body
    assert change.functions == ()


def test_a_change_that_the_compiler_undoes_is_none() -> None:
    assert not changed("b < 5", "b < (5)")
