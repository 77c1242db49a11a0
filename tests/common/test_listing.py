"""Lists in sentences name the first few and count the others."""

from __future__ import annotations

import pytest

from monitor.common.listing import listed


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, ""), (1, "t0"), (3, "t0, t1, t2"), (4, "t0, t1, t2 and 1 more"),
     (9, "t0, t1, t2 and 6 more")],
)  # fmt: skip
def test_names_beyond_the_limit_are_counted(count: int, expected: str) -> None:
    assert listed([f"t{number}" for number in range(count)], 3) == expected
