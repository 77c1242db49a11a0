"""Sets of HTTP status codes: parsed, printed and searched."""

from __future__ import annotations

import pytest

from monitor.model.endpoint import StatusSet


@pytest.mark.parametrize(
    ("text", "shown"), [("200-399,401", "200-399,401"), (" 204 ", "204"), ("100-599", "100-599")]
)
def test_a_set_is_printed_as_it_was_written(text: str, shown: str) -> None:
    assert str(StatusSet.parse(text)) == shown


def test_ranges_are_closed() -> None:
    found = StatusSet.parse("200-399,401")
    assert all(status in found for status in (200, 399, 401))
    assert not any(status in found for status in (199, 400, 402))


@pytest.mark.parametrize("text", ["", "99", "600", "300-200", "200-600", "2xx", "200,,204", "-"])
def test_what_is_no_range_of_statuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        StatusSet.parse(text)
