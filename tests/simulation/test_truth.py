"""The truth checker finds sentences that the evidence beside them refutes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.truth import Claim, Seen, untrue

CLAIM = Claim(
    "i", "tcp_timeout", "endpoint", "down", 100.0, ("a",),
    "TCP 443 to a.example is dropped silently.", "Open TCP 443 in the firewall.",
)  # fmt: skip
DOWN = Seen("a", "a.example", "down", False, 120.0, resolved=True)
UP = Seen("b", "b.example", "up", True, 120.0, answered=True, resolved=True)


def test_a_supported_report_has_nothing_untrue() -> None:
    assert untrue([CLAIM], [DOWN, UP]) == []


@pytest.mark.parametrize(
    ("claim", "seen", "problem"),
    [
        (CLAIM, replace(DOWN, ok=True), "shows silence"),
        (
            replace(CLAIM, detail="Names still resolve by the others."),
            replace(DOWN, resolved=False),
            "none did",
        ),
        (replace(CLAIM, detail="a path-MTU hole"), replace(DOWN, flight=True), "certificate"),
        (
            replace(CLAIM, cause="tcp_refused", remediation="Open it in the security group."),
            DOWN,
            "never refuse",
        ),
        (
            replace(CLAIM, remediation="Check the network ACL."),
            replace(DOWN, host="169.254.169.253"),
            "does not filter",
        ),
        (replace(CLAIM, detail="3000--00000000-0000-0000-0000-0000 fails"), DOWN, "internal id"),
        (replace(CLAIM, detail="x" * 500), DOWN, "500 characters"),
        (replace(CLAIM, affected=()), DOWN, "in 0 incidents"),
        (CLAIM, replace(DOWN, state="up"), "in an open incident"),
    ],
)
def test_what_the_evidence_refutes_is_found(claim: Claim, seen: Seen, problem: str) -> None:
    others = [] if seen.resolved is False else [UP]
    assert any(problem in found for found in untrue([claim], [seen, *others]))


def test_a_sentence_that_says_how_often_may_speak_of_silence() -> None:
    hedged = replace(CLAIM, detail="a is dropped silently. 2 of the last 5 probes failed.")
    assert untrue([hedged], [replace(DOWN, ok=True, state="degraded"), UP])[:1] == [
        "i is down, but none of its targets is"
    ]
