"""Traces and flow tests as values: the hop that matters, and the pattern of failures."""

from __future__ import annotations

import pytest

from monitor.model.path import (
    Flow,
    FlowPattern,
    FlowTest,
    Hop,
    HopReply,
    PathTrace,
    ReplyKind,
    ResetHop,
    Transport,
)

K = ReplyKind


def hop(ttl: int, *replies: tuple[ReplyKind, str]) -> Hop:
    return Hop(ttl, tuple(HopReply(ttl, kind, address, 0.01) for kind, address in replies))


def path(*hops: Hop) -> PathTrace:
    return PathTrace("192.0.2.9", 443, Transport.TCP, hops)


def flows(*outcomes: str) -> FlowTest:
    """``"+-"``: works first, fails the second time."""
    made = tuple(
        Flow(40_000 + number, (first == "+", second == "+"))
        for number, (first, second) in enumerate(outcomes)
    )
    return FlowTest("192.0.2.9", 443, made)


def test_the_first_silent_hop_follows_the_last_that_replied() -> None:
    trace = path(
        hop(1, (K.TIME_EXCEEDED, "192.0.2.1")),
        hop(2, (K.SILENT, "")),
        hop(3, (K.TIME_EXCEEDED, "192.0.2.3")),
        hop(4, (K.SILENT, "")),
    )
    assert trace.last_responding is not None
    assert (trace.last_responding.ttl, trace.first_silent, trace.reached) == (3, 4, False)


def test_a_path_on_which_nothing_replies_is_silent_from_the_first_hop() -> None:
    assert path(hop(1, (K.SILENT, ""))).first_silent == 1
    assert path().first_silent is None


def test_a_path_that_ends_with_a_reply_has_no_silent_hop() -> None:
    trace = path(hop(1, (K.SILENT, "")), hop(2, (K.REACHED, "192.0.2.9")))
    assert (trace.reached, trace.first_silent) == (True, None)
    refused = path(hop(1, (K.REFUSED, "192.0.2.9")))
    assert (refused.reached, refused.first_silent) == (False, None)


def test_a_hop_lists_its_senders_by_frequency_and_counts_loss() -> None:
    found = hop(
        2, (K.TIME_EXCEEDED, "192.0.2.1"), (K.TIME_EXCEEDED, "192.0.2.2"),
        (K.TIME_EXCEEDED, "192.0.2.2"), (K.SILENT, ""),
    )  # fmt: skip
    assert found.addresses == ("192.0.2.2", "192.0.2.1")
    assert found.loss == 0.25
    assert Hop(1, ()).loss == 0.0
    assert found.end is None


@pytest.mark.parametrize(
    ("test", "pattern"),
    [
        (flows(*["++"] * 16), FlowPattern.ALL_WORK),
        (flows(*["--"] * 16), FlowPattern.ALL_FAIL),
        (flows(*["--"] * 4, *["++"] * 12), FlowPattern.ONE_PATH),
        (flows("--", *["++"] * 15), FlowPattern.UNCLEAR),
        (flows("--", "--", *["++"] * 14), FlowPattern.ONE_PATH),
        (flows("--", "--", "-+", "+-", *["++"] * 12), FlowPattern.UNCLEAR),
        (flows("--", "-+", "-+", "+-", "+-", *["++"] * 11), FlowPattern.LOSS),
        (flows("-+", "+-", *["++"] * 14), FlowPattern.LOSS),
        (flows("-+", *["++"] * 15), FlowPattern.UNCLEAR),
        (flows(*["--"] * 4, "-+", *["++"] * 11), FlowPattern.UNCLEAR),
        (flows(*["-+"] * 16), FlowPattern.UNCLEAR),
    ],
)
def test_the_pattern_separates_a_bad_path_from_loss(test: FlowTest, pattern: FlowPattern) -> None:
    assert test.pattern is pattern


@pytest.mark.parametrize(
    ("found", "middlebox"),
    [
        (ResetHop(3, 4), True),
        (ResetHop(4, 4), False),
        (ResetHop(3, None), False),
        (ResetHop(None, 4), False),
    ],
)
def test_only_a_reset_before_the_server_is_a_middlebox(found: ResetHop, *, middlebox: bool) -> None:
    assert found.is_middlebox is middlebox
