"""Mutations of Python source text: one small change of meaning each. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*", ast.Mod: "*",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the text between two offsets is replaced. ``line`` counts from 1."""

    line: int
    start: int
    end: int
    before: str
    after: str

    def apply(self, source: str) -> str:
        """Return the source with the change."""
        return f"{source[: self.start]}{self.after}{source[self.end :]}"


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module: comparisons, arithmetic, ``and``/``or``, ``not``, numbers,
    booleans, and returned values. Docstrings, annotations and imports stay as they are."""
    offsets = _offsets(source)
    for node in ast.walk(ast.parse(source)):
        for start, end, after in _changes(node, source, offsets):
            before = source[start:end]
            if before != after:
                line = source.count("\n", 0, start) + 1
                yield Mutant(line, start, end, before, after)


def _offsets(source: str) -> list[int]:
    offsets = [0]
    for line in source.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    return offsets


def _changes(node: ast.AST, source: str, offsets: list[int]) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.Compare):
        left: ast.expr = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            yield _between(left, right, source, offsets, _COMPARISONS[type(operator)])
            left = right
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        if not _is_text(node.left) and not _is_text(node.right):
            yield _between(node.left, node.right, source, offsets, _OPERATORS[type(node.op)])
    elif isinstance(node, ast.BoolOp):
        word = "or" if isinstance(node.op, ast.And) else "and"
        for one, other in zip(node.values, node.values[1:], strict=False):
            yield _between(one, other, source, offsets, word)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        start, end = _span(node, source, offsets)
        inner = _span(node.operand, source, offsets)
        yield start, end, source[inner[0] : inner[1]]
    elif isinstance(node, ast.Constant) and type(node.value) in {int, float, bool}:
        start, end = _span(node, source, offsets)
        value = node.value
        yield start, end, str(not value) if isinstance(value, bool) else str(value + 1)


def _span(node: ast.expr, source: str, offsets: list[int]) -> tuple[int, int]:
    return (
        _offset(node.lineno, node.col_offset, source, offsets),
        _offset(node.end_lineno or 0, node.end_col_offset or 0, source, offsets),
    )


def _offset(line: int, column: int, source: str, offsets: list[int]) -> int:
    """Return the offset in characters: the columns of ``ast`` count bytes of UTF-8."""
    start = offsets[line - 1]
    text = source[start : offsets[line]].encode()[:column].decode()
    return start + len(text)


def _between(
    left: ast.expr, right: ast.expr, source: str, offsets: list[int], word: str
) -> tuple[int, int, str]:
    """Return the replacement of the operator between two operands, parentheses kept."""
    start, end = _span(left, source, offsets)[1], _span(right, source, offsets)[0]
    text = source[start:end]
    core = text.strip(" ()\n")
    place = text.index(core)
    return start + place, start + place + len(core), word


def _is_text(node: ast.expr) -> bool:
    text = isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    return text or isinstance(node, ast.JoinedStr | ast.List | ast.Tuple)
