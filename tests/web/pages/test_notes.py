"""The page's notes on remote write: what waits, what is held up, what was dropped and why."""

from __future__ import annotations

from monitor.state.self_metrics import Drop, DropReason, RemoteWriteMetrics
from monitor.web.pages.notes import worth_a_look
from monitor.web.pages.remote_write import remote_write_lines
from tests.stores import NOW, realistic_board


def lines(**changes: object) -> list[str]:
    metrics = RemoteWriteMetrics()
    for name, value in changes.items():
        setattr(metrics, name, value)
    return list(remote_write_lines("main", metrics, NOW))


def test_a_destination_that_works_needs_no_note() -> None:
    assert lines(oldest_pending_at=NOW - 5, pending=100) == []


def test_each_reason_for_drops_is_shown_with_count_age_and_the_receivers_words() -> None:
    metrics = RemoteWriteMetrics()
    metrics.dropped[DropReason.REFUSED] = 520
    metrics.drops[DropReason.REFUSED] = Drop(NOW - 120, "400: label value too long")
    metrics.dropped[DropReason.QUEUE_FULL] = 7
    assert list(remote_write_lines("main", metrics, NOW)) == [
        "Remote write main dropped 7 samples (queue_full).",
        "Remote write main dropped 520 samples (refused), the last 2 min ago: 400: label value too "
        "long.",
    ]


def test_what_is_held_up_left_out_or_behind_is_shown() -> None:
    found = lines(
        obstacle="403: no",
        left_out=["a", "b", "c", "d", "e"],
        oldest_pending_at=NOW - 600,
        pending=9,
    )
    assert found[0].startswith("Remote write main is 10 min behind; 9 samples")
    assert found[1] == "Remote write main is held up: 403: no."
    assert "a, b, c and 2 more" in found[2]


def test_the_words_of_a_receiver_are_escaped() -> None:
    store = realistic_board()
    metrics = store.writes["main"] = RemoteWriteMetrics()
    metrics.obstacle = "500: <script>alert(1)</script>"
    page = str(worth_a_look(store, NOW))
    assert "held up" in page
    assert "<script>" not in page
