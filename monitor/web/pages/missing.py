"""What is shown where there is no such target or incident."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.model.state import State
from monitor.state.store import StateStore
from monitor.web.pages.parts import text
from monitor.web.pages.shell import closing, opening

_ROOT = "../"


def missing_page(store: StateStore, now: float, sentence: str) -> Iterator[str]:
    """Write the page: the sentence says what there is not."""
    yield opening(store, now, title=sentence, state=State.UNKNOWN, root=_ROOT)
    yield f'<h1>{text(sentence)}</h1><p><a href="{_ROOT}">See how everything stands</a></p>'
    yield closing(store, now)
