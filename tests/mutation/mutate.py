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


_PLAIN = ast.Name | ast.Attribute | ast.Call | ast.Subscript
"""Conditions that no other mutation changes."""

_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
_LEFT_OUT = frozenset({"annotation", "returns", "decorator_list"})


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
    """Yield every mutant of a module: comparisons, arithmetic, ``and``/``or``, conditions, numbers,
    booleans, ``min``/``max`` and ``any``/``all``.

    Left out is what decides nothing: docstrings, annotations, decorators, imports, ``strict=`` of
    ``zip``, and the values of named constants and fields, which tests refer to by name.
    """
    offsets = _offsets(source)
    for node in _nodes(ast.parse(source)):
        for start, end, after in _changes(node, source, offsets):
            before = source[start:end]
            if before != after:
                line = source.count("\n", 0, start) + 1
                yield Mutant(line, start, end, before, after)


def _nodes(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes that are mutated, outer nodes first."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop(0)
        yield node
        waiting += _children(node)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(node):
        if name in _LEFT_OUT:
            continue
        for child in value if isinstance(value, list) else [value]:
            strict = isinstance(child, ast.keyword) and child.arg == "strict"
            named = isinstance(node, ast.Module | ast.ClassDef) and _is_named_constant(child)
            if isinstance(child, ast.AST) and not strict and not named:
                yield child


def _is_named_constant(node: object) -> bool:
    """Return whether a statement of a module or class gives a name to a value or to several."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return False
    values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    return all(isinstance(value, ast.Constant) for value in values)


def _offsets(source: str) -> list[int]:
    offsets = [0]
    for line in source.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    return offsets


def _changes(node: ast.AST, source: str, offsets: list[int]) -> Iterator[tuple[int, int, str]]:
    yield from _operators(node, source, offsets)
    yield from _conditions(node, source, offsets)
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(node, ast.Constant) and isinstance(value, int | float):
        after = str(not value) if isinstance(value, bool) else str(value + 1)
        yield *_span(node, source, offsets), after
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
        yield *_span(node.func, source, offsets), _CALLS[node.func.id]


def _operators(node: ast.AST, source: str, offsets: list[int]) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.Compare):
        left: ast.expr = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            yield _between(left, right, source, offsets, _COMPARISONS[type(operator)])
            left = right
    elif isinstance(node, ast.BinOp) and _is_arithmetic(node):
        yield _between(node.left, node.right, source, offsets, _OPERATORS[type(node.op)])


def _conditions(node: ast.AST, source: str, offsets: list[int]) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.BoolOp):
        word = "or" if isinstance(node.op, ast.And) else "and"
        for one, other in zip(node.values, node.values[1:], strict=False):
            yield _between(one, other, source, offsets, word)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        start, end = _span(node, source, offsets)
        inner = _span(node.operand, source, offsets)
        yield start, end, source[inner[0] : inner[1]]
    elif isinstance(node, ast.If | ast.IfExp | ast.While) and isinstance(node.test, _PLAIN):
        start, end = _span(node.test, source, offsets)
        yield start, end, f"not {source[start:end]}"


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


def _is_arithmetic(node: ast.BinOp) -> bool:
    text = _is_text(node.left) or _is_text(node.right)
    return type(node.op) in _OPERATORS and not text


def _is_text(node: ast.expr) -> bool:
    text = isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    return text or isinstance(node, ast.JoinedStr | ast.List | ast.Tuple)
