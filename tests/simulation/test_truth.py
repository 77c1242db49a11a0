"""The truth checker finds sentences that the evidence beside them refutes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.api_truth import Checker
from tests.simulation.truth import Claim, Seen, untrue

CLAIM = Claim(
    "i", "tcp_timeout", "endpoint", "down", 100.0, ("a",),
    "TCP 443 to a.example is dropped silently.", "Open TCP 443 in the firewall.",
)  # fmt: skip
DOWN = Seen("a", "a.example", "down", False, 120.0, resolved=True)
UP = Seen("b", "b.example", "up", True, 120.0, answered=True, resolved=True)


def test_a_supported_report_has_nothing_untrue() -> None:
    assert untrue([CLAIM], [DOWN, UP]) == []


def test_a_remediation_may_state_that_own_rules_do_not_reject() -> None:
    advice = (
        "Allow TCP 443 to a.example on the firewall. Security groups and network ACLs drop "
        "silently, so they are not at fault."
    )
    claim = replace(CLAIM, cause="admin_prohibited", remediation=advice, detail="It is rejected.")
    assert untrue([claim], [DOWN, UP]) == []


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
        (CLAIM, replace(DOWN, answered=True), "shows silence"),
        (replace(CLAIM, cause="dns_nxdomain", detail="It does not answer."), DOWN, "is an answer"),
        (replace(CLAIM, detail="It fails. Still works: a.example."), DOWN, "but it is down"),
        (
            replace(CLAIM, detail="It is reset while a.example port 80 connects."),
            DOWN,
            "but it is down",
        ),
        (
            replace(CLAIM, detail="It fails while *.test passes."),
            replace(DOWN, host="a.test"),
            "but it is down",
        ),
        (replace(CLAIM, detail="a came and went once; works now."), DOWN, "fails"),
        (replace(CLAIM, detail="No route: all 3 hosts tried fail."), DOWN, "counts more"),
        (replace(CLAIM, confidence="proven"), DOWN, "without a follow-up probe"),
        (replace(CLAIM, confidence="either a or b"), DOWN, "would separate"),
        (
            replace(CLAIM, cause="admin_prohibited", remediation="Allow it in the network ACL."),
            DOWN,
            "never refuse",
        ),
    ],
)
def test_what_the_evidence_refutes_is_found(claim: Claim, seen: Seen, problem: str) -> None:
    others = [] if seen.resolved is False else [UP]
    assert any(problem in found for found in untrue([claim], [seen, *others]))


@pytest.mark.parametrize(
    ("detail", "features"),
    [
        ("Nothing outside this subnet answers.", {}),
        ("Nothing at a public address answers.", {"public": True}),
        ("Outbound TCP port 443 is refused by all 1 hosts tried.", {"transport": "tcp/443"}),
        ("Everything in vscode fails in the same way.", {"group": "vscode"}),
        ("No AWS API of eu-1 answers as it should.", {"host": "s3.eu-1.test"}),
        ("This host trusts none of the 3 CAs.", {"verified": True}),
    ],
)
def test_a_sentence_about_a_whole_is_refuted_by_any_part(
    detail: str, features: dict[str, object]
) -> None:
    claim = replace(CLAIM, detail=detail)
    other = replace(UP, **features)  # type: ignore[arg-type]
    assert any("but b works" in found for found in untrue([claim], [DOWN, other]))
    assert untrue([claim], [DOWN, replace(other, at=99.0)]) == []
    for harmless in ({"near": True}, {"proxied": True}):
        if not features:
            assert untrue([claim], [DOWN, replace(other, **harmless)]) == []  # type: ignore[arg-type]
    mostly = replace(claim, detail=f"Most of it fails. {detail}")
    assert untrue([mostly], [DOWN, other]) == []


def test_a_sentence_may_be_behind_the_last_result_for_a_second_and_a_state_may_not() -> None:
    incident = {
        "id": "i", "cause": "tcp_timeout", "scope": "endpoint", "state": "down", "started_at": 1.0,
        "affected": ["a"], "detail": "TCP 443 to a.example is dropped silently.",
        "remediation": "", "intermittent": False, "confidence": "likely", "evidence": {},
    }  # fmt: skip
    target = {
        "id": "a", "host": "a.example", "state": "down", "certificate": None, "proxy": None,
        "addresses": ["192.0.2.1"], "addresses_tried": 1, "addresses_failed": [], "port": 443,
        "last_probe_ok": True, "last_probe_at": 2.0, "rtt_seconds": 0.1, "group": "vscode",
        "protocol": "https",
    }  # fmt: skip
    checker = Checker()
    for now in (0.0, 0.9):
        checker.check([incident], [target], now)
    assert checker.untrue == {}
    checker.check([incident], [target], 1.1)
    assert [p.partition(",")[0] for p in checker.untrue.values()] == ["i: shows silence"]
    checker.check([incident], [target | {"state": "up"}], 1.2)
    assert any("in an open incident" in problem for problem in checker.untrue.values())


def test_a_follow_up_probe_is_a_proof() -> None:
    proven = replace(CLAIM, confidence="proven", evidence=frozenset({"phase", "same_port"}))
    assert untrue([proven], [DOWN, UP]) == []


def test_a_sentence_that_says_how_often_may_speak_of_silence() -> None:
    hedged = replace(CLAIM, detail="a is dropped silently. 2 of the last 5 probes failed.")
    assert untrue([hedged], [replace(DOWN, ok=True, state="degraded"), UP])[:1] == [
        "i: is down, but none of its targets is"
    ]


def test_a_remark_that_aws_is_not_at_fault_is_no_request_to_open_its_rules() -> None:
    text = "Allow outbound TCP 443 on the router. Security groups drop, so they are not at fault."
    rejected = replace(CLAIM, cause="admin_prohibited", remediation=text)
    assert untrue([rejected], [DOWN, UP]) == []
