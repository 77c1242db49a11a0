"""Text from peers prints as one line of harmless characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.common.sanitize import sanitize


@given(st.text(), st.none() | st.integers(0, 50))
def test_any_text_becomes_printable_and_no_longer_than_the_limit(
    text: str, limit: int | None
) -> None:
    shown = sanitize(text, limit)
    assert shown.isprintable()
    assert len(shown) == len(text if limit is None else text[:limit])


@given(st.text(st.characters(whitelist_categories=("L", "N", "P", "S"))))
def test_what_prints_stays(text: str) -> None:
    assert sanitize(text) == text


@pytest.mark.parametrize("control", ["\x1b", "\r", "\n", "\x00", "\u202e", "\ud800"])
def test_control_characters_are_replaced(control: str) -> None:
    assert sanitize(f"a{control}b") == "a?b"
    assert sanitize(f"a{control}b", replacement=" ") == "a b"
