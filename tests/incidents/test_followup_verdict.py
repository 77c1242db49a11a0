"""What follow-up probes decide: the sentence, the cause and how certain it is."""

from __future__ import annotations

import pytest

from monitor.incidents.followup_plan import FollowUpResult, Rival
from monitor.incidents.followup_verdict import refine, whom
from monitor.model.causes import Cause
from monitor.model.incident import LIKELY, PROVEN, Incident, Scope
from monitor.model.path import FlowTest
from monitor.model.state import State
from tests.incidents.evidence import target
from tests.model.test_path import flows

C, Q = Cause, Rival
TARGETS = {"a": target("a.example"), "b": target("b.example")}


def incident(
    cause: Cause,
    *affected: str,
    scope: Scope = Scope.ENDPOINT,
    intermittent: bool = False,
    confidence: str = LIKELY,
) -> Incident:
    return Incident(
        "1", cause, scope, "s", State.DOWN, 1.0, affected or ("a",), "It fails.", "Look.", {},
        intermittent, confidence,
    )  # fmt: skip


def result(rival: Rival, *, ok: bool = True, test: FlowTest | None = None) -> FollowUpResult:
    return FollowUpResult(rival, "the other", ok, "answers" if ok else "no answer", test)


def test_results_are_evidence_even_if_they_decide_nothing() -> None:
    told = refine(incident(C.HTTP_STATUS), TARGETS, [result(Q.TCP)])
    assert told.evidence == {"tcp": "the other: answers"}
    assert told.detail == "It fails."
    assert refine(incident(C.HTTP_STATUS), TARGETS, []) == incident(C.HTTP_STATUS)
    gone = incident(C.HTTP_STATUS, "gone")
    assert refine(gone, TARGETS, [result(Q.TCP)]) == gone


def test_one_of_several_results_that_answers_counts() -> None:
    for results in (
        [result(Q.OTHER_ADDRESS, ok=False), result(Q.OTHER_ADDRESS)],
        [result(Q.OTHER_ADDRESS), result(Q.OTHER_ADDRESS, ok=False)],
    ):
        told = refine(incident(C.TCP_TIMEOUT), TARGETS, results)
        assert "another address of the same name, answers" in told.detail


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        (["a.example"], "a.example"),
        (["b.example", "a.example", "a.example"], "a.example and b.example"),
        (["a.x.example", "b.x.example", "c.x.example"], "*.x.example"),
        (["a.x.example", "b.y.example", "c.example"], "a.x.example and 2 more"),
        (["a.one", "b.two", "c.three", "d.four"], "a.one and 3 more"),
    ],
)
def test_hosts_are_written_short(hosts: list[str], words: str) -> None:
    assert whom(hosts) == words


def test_a_filter_for_many_names_keeps_its_sentence() -> None:
    many = incident(C.TLS_RESET_ON_HELLO, scope=Scope.PATH, confidence="either a or b")
    named = refine(many, TARGETS, [result(Q.OTHER_NAME)])
    assert named.detail == "It fails. Another name at the same address answers (the other)."
    small = refine(many, TARGETS, [result(Q.SMALL_SEGMENTS, ok=False)])
    assert small.detail.endswith("which rules out a path-MTU hole.")
    assert small.confidence == PROVEN
    for certain in (LIKELY, PROVEN):
        sure = incident(C.TLS_RESET_ON_HELLO, scope=Scope.PATH, confidence=certain)
        told = refine(sure, TARGETS, [result(Q.SMALL_SEGMENTS, ok=False)])
        assert told.detail == "It fails."


@pytest.mark.parametrize("scope", [Scope.ALL_EGRESS, Scope.ADDRESS_FAMILY, Scope.PATH])
@pytest.mark.parametrize("cause", [C.TCP_TIMEOUT, C.TCP_REFUSED, C.ADMIN_PROHIBITED])
def test_what_one_host_shows_is_no_sentence_about_many(scope: Scope, cause: Cause) -> None:
    """Public addresses are dropped, AWS APIs answer through VPC endpoints."""
    many = incident(cause, "a", "b", scope=scope)
    for rival in (Q.SAME_PORT, Q.OTHER_PORT, Q.OTHER_ADDRESS):
        told = refine(many, TARGETS, [result(rival)])
        assert (told.detail, told.remediation) == ("It fails.", "Look.")
        assert told.confidence == LIKELY
        assert told.evidence == {rival.value: "the other: answers"}


@pytest.mark.parametrize(
    ("outcomes", "words", "confidence"),
    [
        (["--"] * 4 + ["++"] * 12, "8 of 32 tries", PROVEN),
        (["-+", "+-"] + ["++"] * 14, "packets are lost at random", PROVEN),
        (["--"] + ["++"] * 15, "too few to separate", "either"),
        (["++"] * 16, "it fails only at times", LIKELY),
    ],
)
def test_source_ports_separate_a_broken_path_from_loss(
    outcomes: list[str], words: str, confidence: str
) -> None:
    seen = result(Q.FLOWS, test=flows(*outcomes))
    told = refine(incident(C.TCP_TIMEOUT), TARGETS, [seen])
    assert told.detail.startswith("TCP 443 to a.example fails in part:")
    assert words in told.detail
    assert told.confidence.startswith(confidence)
    assert told.intermittent
    again = refine(incident(C.TCP_TIMEOUT, intermittent=True), TARGETS, [seen])
    assert again.detail.startswith("It fails. Tried again:")
    assert again.intermittent


def test_source_ports_that_all_fail_or_were_not_tried_decide_nothing() -> None:
    for test in (flows(*["--"] * 16), flows(), None):
        seen = [result(Q.FLOWS, test=test), result(Q.OTHER_PORT)]
        told = refine(incident(C.TCP_TIMEOUT), TARGETS, seen)
        assert "a rule for the port" in told.detail
        assert not told.intermittent


@pytest.mark.parametrize(
    ("cause", "words", "remediation"),
    [
        (C.TCP_TIMEOUT, "is dropped silently", "Allow outbound TCP 443 to a.example: security"),
        (C.TCP_REFUSED, "is refused", "Check the firewall's rules for TCP 443 to a.example"),
        (C.ADMIN_PROHIBITED, "is rejected by a firewall", "Check the firewall's rules"),
        (C.HOST_UNREACHABLE, "finds no way", "Check the firewall's rules"),
    ],
)
def test_rules_are_looked_for_where_the_failure_can_come_from(
    cause: Cause, words: str, remediation: str
) -> None:
    told = refine(incident(cause), TARGETS, [result(Q.SAME_PORT)])
    assert words in told.detail
    assert told.remediation.startswith(remediation)
    assert told.confidence.startswith("either")


@pytest.mark.parametrize(
    ("cause", "ok", "words", "remediation"),
    [
        (C.UDP_NO_REPLY, True, "gets no answer while the other connects", "UDP from port 443"),
        (C.UDP_NO_REPLY, False, "gets no answer, and the other fails too", "UDP and TCP 443"),
        (C.UDP_PORT_UNREACHABLE, True, "is rejected (ICMP", "whether a firewall rejects UDP 443"),
    ],
)
def test_tcp_to_the_same_host_separates_a_filter_for_udp(
    cause: Cause, ok: bool, words: str, remediation: str
) -> None:
    told = refine(incident(cause), TARGETS, [result(Q.TCP, ok=ok)])
    assert words in told.detail
    assert remediation in told.remediation


def test_a_name_of_two_hosts_is_written_with_both() -> None:
    told = refine(incident(C.TLS_RESET_ON_HELLO, "a", "b"), TARGETS, [result(Q.OTHER_NAME)])
    assert told.detail.startswith("TLS to a.example and b.example is reset")
    assert (told.cause, told.confidence) == (C.TLS_RESET_ON_HELLO, PROVEN)
    silent = refine(incident(C.TLS_TIMEOUT_ON_HELLO), TARGETS, [result(Q.OTHER_NAME, ok=False)])
    assert "gets no answer there, whatever the name" in silent.detail
    reset = refine(incident(C.TLS_RESET_ON_HELLO), TARGETS, [result(Q.OTHER_NAME, ok=False)])
    assert (reset.cause, reset.confidence[:6]) == (C.TCP_RESET, "either")
