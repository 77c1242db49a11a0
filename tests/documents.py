"""The shell commands of a document: what its fenced blocks with the language ``sh`` contain.

Comments of the document, which no reader sees, say what a test cannot do as written:

``<!-- not run: PROGRAM, PROGRAM: REASON -->``
    leaves these programs of the next block out.
``<!-- serves -->``
    the next block is one command that runs until it is stopped: the next command starts when its
    page answers. It is stopped when the next such block starts, or at the end.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_COMMENT = re.compile(r"^ *<!-- (?P<text>.+) -->\n+\Z", re.MULTILINE)
_NOT_RUN = re.compile(r"not run: (?P<programs>[a-z, ]+): .+")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text, and the comment before it ("" for none)."""

    language: str
    text: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A command as written; ``serves`` if it runs until it is stopped."""

    text: str
    serves: bool = False

    @property
    def program(self) -> str:
        """Return the program that it runs, without ``sudo``."""
        words = shlex.split(self.text, comments=True)
        return words[words[0] == "sudo"]


def blocks(path: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a document in their order."""
    document = path.read_text(encoding="utf-8")
    for fence in _FENCE.finditer(document):
        lines = fence["text"].splitlines()
        text = "\n".join(line.removeprefix(fence["indent"]) for line in lines)
        before = _COMMENT.search(document[: fence.start()])
        yield Block(fence["language"], text, before["text"] if before else "")


def commands(path: Path) -> Iterator[Command]:
    """Yield the commands of a document that a test can run.

    Raises:
        ValueError: if a comment leaves out a program that its block does not run.
    """
    for block in blocks(path):
        if block.language != "sh":
            continue
        lines = block.text.replace("\\\n", "").splitlines()
        found = [Command(line, block.comment == "serves") for line in lines if line]
        left_out = _left_out(block.comment)
        if unknown := left_out - {command.program for command in found}:
            raise ValueError(f"{path.name} leaves out {unknown}, which the next block does not run")
        yield from (command for command in found if command.program not in left_out)


def _left_out(comment: str) -> set[str]:
    match = _NOT_RUN.fullmatch(comment)
    return set(match["programs"].split(", ")) if match else set()
