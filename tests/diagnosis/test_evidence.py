"""The facts of a result: each under its name, the failing connection first, and bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.diagnosis.evidence import evidence_of, failed_connection
from monitor.model.probe_result import (
    Certificate,
    Connection,
    DnsAnswer,
    Failure,
    FailureKind,
    Family,
    HttpFacts,
    Phase,
    ProbeResult,
    Resolution,
    ResolutionSource,
    TcpFacts,
    TlsFacts,
)

TIMEOUT = Failure(Phase.CONNECT, FailureKind.TIMEOUT, "no answer in time")
REFUSED = Failure(Phase.CONNECT, FailureKind.OS_ERROR, "refused", 111, "ECONNREFUSED", (3, 3))


def connection(address: str, failure: Failure | None = None, **facts: object) -> Connection:
    made = Connection(address, 443, Family.IPV4, {}, failure)
    return replace(made, **facts)  # type: ignore[arg-type]


def result(*connections: Connection, **facts: object) -> ProbeResult:
    failure = connections[-1].failure if connections else None
    made = ProbeResult("a", 100.0, 0.5, None, connections, failure)
    return replace(made, **facts)  # type: ignore[arg-type]


def test_a_failure_is_told_with_phase_code_and_icmp() -> None:
    assert evidence_of(result(connection("192.0.2.1", REFUSED))) == {
        "phase": "connect",
        "error": "refused",
        "code": "ECONNREFUSED",
        "icmp": "type 3 code 3",
        "address": "192.0.2.1",
    }
    assert evidence_of(result()) == {}


def test_a_proxy_and_the_other_path_are_told_if_there_are_any() -> None:
    direct = result(connection("192.0.2.1"))
    found = evidence_of(result(connection("192.0.2.2"), proxy="p.test:3128", alternate=direct))
    assert found["proxy"] == "p.test:3128"
    assert found["other_way"] == "directly in 500 ms"
    assert not {"proxy", "other_way"} & set(evidence_of(direct))


def test_the_failing_connection_is_shown_and_the_others_are_listed() -> None:
    dead, other, refused = (
        connection("192.0.2.1", TIMEOUT),
        connection("192.0.2.2", TIMEOUT),
        connection("192.0.2.3", REFUSED),
    )
    found = evidence_of(result(dead, other, refused))
    assert found["address"] == "192.0.2.3"
    assert found["failed_1"] == "192.0.2.1: no answer in time"
    assert found["failed_2"] == "192.0.2.2: no answer in time"
    assert "failed_3" not in found


def test_at_most_eight_other_connections_are_listed() -> None:
    many = [connection(f"192.0.2.{n}", TIMEOUT) for n in range(12)]
    found = evidence_of(result(*many, connection("192.0.2.99", REFUSED)))
    assert [name for name in found if name.startswith("failed_")] == [
        f"failed_{n}" for n in range(1, 9)
    ]


def test_the_connection_of_a_result_has_its_failure_or_is_the_primary_one() -> None:
    good, dead = connection("192.0.2.1"), connection("192.0.2.2", TIMEOUT)
    assert failed_connection(result(dead, good)) is good
    assert failed_connection(result(good, dead)) is dead
    assert failed_connection(result(good, dead, failure=REFUSED)) is good
    assert failed_connection(result()) is None


def test_details_of_a_connection_are_evidence_only_if_it_failed() -> None:
    leaf = Certificate("CN=a", "CN=Issuing", (), 0.0, 1.0, "1", "0")
    facts = {
        "local": "10.0.0.9",
        "sent": 5,
        "received": 0,
        "resends": 2,
        "tcp": TcpFacts(0.1, 0.1, 0.1, 3, 1500),
        "tls": TlsFacts(None, None, None, False, "x", (leaf,)),
        "http": HttpFacts("1.1", 403, {"server": "nginx"}, None, 0),
    }
    found = evidence_of(result(connection("192.0.2.1", TIMEOUT, **facts)))
    assert found["bytes"] == "5 sent, 0 received"
    assert (found["retransmits"], found["resends"]) == ("3", "2")
    assert (found["issuer"], found["subject"]) == ("CN=Issuing", "CN=a")
    assert (found["status"], found["server"]) == ("403", "nginx")
    good = evidence_of(result(connection("192.0.2.1", None, **facts)))
    assert good == {"address": "192.0.2.1", "source": "10.0.0.9"}
    received = evidence_of(result(connection("192.0.2.1", TIMEOUT, received=7)))
    assert received["bytes"] == "0 sent, 7 received"
    assert "bytes" not in evidence_of(result(connection("192.0.2.1", TIMEOUT)))


def looked_up(*answers: DnsAnswer, failure: Failure | None = None) -> ProbeResult:
    resolution = Resolution("a.example", ResolutionSource.DNS, (), answers, failure)
    return result(failure=failure or TIMEOUT, resolution=resolution)


@pytest.mark.parametrize(
    ("rcode", "failure", "shown"),
    [
        ("SERVFAIL", None, "10.0.0.2 A: SERVFAIL"),
        (None, TIMEOUT, "10.0.0.2 A: no answer in time"),
        (None, None, "10.0.0.2 A: no answer"),
        ("NOERROR", None, None),
    ],
)
def test_answers_of_name_servers_are_told_unless_they_are_well(
    rcode: str | None, failure: Failure | None, shown: str | None
) -> None:
    answer = DnsAnswer("10.0.0.2", "A", rcode, (), 0.01, failure=failure)
    assert evidence_of(looked_up(answer)).get("dns_0") == shown


def test_all_answers_of_a_failed_lookup_are_told_the_last_four() -> None:
    lookup = Failure(Phase.RESOLVE, FailureKind.DNS_NODATA, "no address")
    answers = [DnsAnswer(f"10.0.0.{n}", "A", "NOERROR", (), 0.01) for n in range(6)]
    found = evidence_of(looked_up(*answers, failure=lookup))
    assert [found[f"dns_{n}"] for n in range(4)] == [f"10.0.0.{n} A: NOERROR" for n in range(2, 6)]
    well = replace(looked_up(*answers), failure=None)
    assert not any(name.startswith("dns_") for name in evidence_of(well))


def test_an_offset_has_its_sign() -> None:
    assert evidence_of(result(clock_offset=1.5))["clock_offset"] == "+1.500 s"
    assert evidence_of(result(clock_offset=0.0))["clock_offset"] == "+0.000 s"
