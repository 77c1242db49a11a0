"""The report shows the differences between the last good and the first bad result."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.diagnosis.changes import changes_between
from monitor.model.probe_result import (
    Certificate,
    DnsAnswer,
    HttpFacts,
    ProbeResult,
    Resolution,
    ResolutionSource,
    TcpFacts,
    TlsFacts,
)
from tests.probe_results import probe_result

GOOD = probe_result("a", started_at=100.0)


def with_resolution(
    *addresses: str,
    server: str = "169.254.169.253:53",
    source: ResolutionSource = ResolutionSource.DNS,
    aliases: tuple[str, ...] = (),
) -> ProbeResult:
    answer = DnsAnswer(server, "A", "NOERROR", addresses, 0.01, aliases=aliases)
    return replace(
        GOOD, started_at=200.0, resolution=Resolution("a.example", source, addresses, (answer,))
    )


def with_connection(**changes: object) -> ProbeResult:
    connection = replace(GOOD.connections[0], **changes)  # type: ignore[arg-type]
    return replace(GOOD, started_at=200.0, connections=(connection,))


def tls(issuer: str, version: str = "TLSv1.3") -> TlsFacts:
    leaf = Certificate("CN=a", issuer, ("a",), 0, 1, "1", "0" * 64)
    return TlsFacts(version, None, None, True, None, (leaf,))


def tcp(mtu: int) -> TcpFacts:
    return TcpFacts(0.01, 0.001, None, 0, mtu)


@pytest.mark.parametrize(
    ("good", "bad", "sentence"),
    [
        (
            with_resolution("52.94.0.1", "52.94.0.2"), with_resolution("10.0.3.7"),
            "the name resolves to 10.0.3.7 instead of 52.94.0.1, 52.94.0.2",
        ),
        (
            with_resolution(*(f"192.0.2.{n}" for n in range(5))), with_resolution("10.0.3.7"),
            "instead of 192.0.2.0, 192.0.2.1, 192.0.2.2 and 2 more",
        ),
        (
            with_resolution("192.0.2.1"), with_resolution("192.0.2.1", server="10.0.0.2:53"),
            "the responding name server is 10.0.0.2:53 instead of 169.254.169.253:53",
        ),
        (
            with_resolution("192.0.2.1"),
            with_resolution("192.0.2.1", source=ResolutionSource.HOSTS),
            "the address comes from hosts instead of dns",
        ),
        (
            with_resolution("192.0.2.1", aliases=("x.test",)),
            with_resolution("192.0.2.1", aliases=("y.test", "z.test")),
            "the alias chain is y.test -> z.test instead of x.test",
        ),
        (GOOD, replace(GOOD, proxy="proxy:3128"), "through proxy:3128 instead of directly"),
        (
            with_connection(local="10.0.1.5"), with_connection(local="10.0.9.5"),
            "the source address is 10.0.9.5 instead of 10.0.1.5",
        ),
        (
            with_connection(tls=tls("O=Amazon, CN=M02")), with_connection(tls=tls("CN=Filter")),
            "the certificate is issued by CN=Filter instead of Amazon",
        ),
        (
            with_connection(tls=tls("CN=A")), with_connection(tls=tls("CN=A", "TLSv1.2")),
            "TLS negotiates TLSv1.2 instead of TLSv1.3",
        ),
        (
            with_connection(http=HttpFacts("1.1", 200, {"server": "nginx"}, None, 0)),
            with_connection(http=HttpFacts("1.1", 403, {"server": "squid\x1b[2J"}, None, 0)),
            "the response comes from squid?[2J instead of nginx",
        ),
        (
            with_connection(tcp=tcp(9001)), with_connection(tcp=tcp(1400)),
            "the path MTU is 1400 bytes instead of 9001",
        ),
    ],
)  # fmt: skip
def test_a_difference_is_a_sentence(good: ProbeResult, bad: ProbeResult, sentence: str) -> None:
    (change,) = changes_between(good, bad)
    assert sentence in change.sentence
    assert change.at == bad.started_at


def test_equal_results_and_missing_aspects_are_no_change() -> None:
    assert changes_between(GOOD, replace(GOOD, started_at=200.0)) == ()
    assert changes_between(with_connection(tls=tls("CN=A")), GOOD) == ()


def test_addresses_of_a_rotating_name_are_no_change() -> None:
    good = with_resolution("192.0.2.1", "192.0.2.2")
    assert changes_between(good, with_resolution("192.0.2.2", "192.0.2.3")) == ()
