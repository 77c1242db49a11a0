"""The page for a target or an incident that does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from htpy import a, h1, p

from monitor.model.state import State
from monitor.state.store import StateStore
from monitor.web.pages.parts import text
from monitor.web.pages.shell import page

_ROOT = "../"


def missing_page(store: StateStore, now: float, sentence: str) -> Iterator[str]:
    """Render the page; the sentence names what is missing."""
    content = [h1[text(sentence)], p[a(href=_ROOT)["See the overview"]]]
    return page(store, now, content, title=sentence, state=State.UNKNOWN, root=_ROOT)
