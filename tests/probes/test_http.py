"""The TCP, TLS and HTTP probers against a real nginx and against rude servers."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.model.endpoint import Expectation, Protocol, StatusSet
from monitor.model.probe_result import FailureKind, Family, Phase, ProbeResult, ResolutionSource
from monitor.model.settings import FamilyChoice
from monitor.net.http.fields import Head
from monitor.probes import http, prober
from tests.internet.ca import DAY, Authority, Issued
from tests.internet.nginx import Site, nginx
from tests.internet.process import free_port
from tests.internet.rude import babbling, closing, resetting, rude, saying, silent
from tests.probes.support import make_probe_context, make_target

HTTPS, HTTP, TLS, TCP = Protocol.HTTPS, Protocol.HTTP, Protocol.TLS, Protocol.TCP


class Web:
    """An nginx with one port a fault, shared by the tests of this file."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.folder = folder
        self.ports: dict[str, int] = {}
        self.good = self.authority.issue("good.test", send_root=True, not_after=30 * DAY)

    def sites(self) -> list[Site]:
        other = Authority(self.folder, "Somebody Else CA")
        return [
            self._site("plain", None, "location / { return 302 https://good.test/x?secret=1; }"),
            self._site("good", self.good, "location / { return 200 'hello'; }"),
            self._site("wrong-name", self.authority.issue("other.test")),
            self._site("expired", self.authority.issue("good.test", not_after=-timedelta(hours=1))),
            self._site("future", self.authority.issue("good.test", not_before=DAY)),
            self._site("self-signed", self.authority.issue("good.test", self_signed=True)),
            self._site("untrusted", other.issue("good.test")),
            self._site("tls12", self.good, "ssl_protocols TLSv1.2; location / { return 404; }"),
        ]

    def _site(self, key: str, certificate: Issued | None, body: str = "") -> Site:
        self.ports[key] = free_port()
        site = Site(("good.test",), self.ports[key], certificate)
        return Site(site.names, site.port, certificate, body or site.body)

    async def probe(self, protocol: Protocol, key: str, **options: object) -> ProbeResult:
        target = make_target(
            protocol,
            "good.test",
            8443,
            address="127.0.0.1",
            connect_port=self.ports[key],
            **options,
        )
        probe_context = make_probe_context(ca_file=self.authority.file)
        return await prober(target.endpoint.prober)(target, probe_context)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("web")
    result = Web(folder)
    with nginx(folder / "nginx", result.sites()):
        yield result


async def test_https_tells_every_phase_the_certificate_and_the_kernels_figures(web: Web):
    probe_result = await web.probe(HTTPS, "good")
    assert probe_result.failure is None
    connection = probe_result.primary
    assert connection is not None
    assert connection.family is Family.IPV4
    assert set(connection.phases) == {
        Phase.RESOLVE,
        Phase.CONNECT,
        Phase.TLS,
        Phase.FIRST_BYTE,
        Phase.TRANSFER,
    }
    assert sum(connection.phases.values()) <= probe_result.duration
    assert connection.rtt is not None
    assert 0 < connection.rtt < 1
    assert connection.tcp is not None
    assert connection.tcp.retransmits == 0
    assert connection.sent > 0
    assert connection.received > 0
    tls = connection.tls
    assert tls is not None
    assert (tls.version, tls.alpn, tls.verified) == ("TLSv1.3", "http/1.1", True)
    leaf, root = tls.chain
    assert leaf.issuer == "CN=Egress Monitor Test CA"
    assert leaf.names == ("good.test",)
    assert leaf.not_after == web.good.certificate.not_valid_after_utc.timestamp()
    assert leaf.spki_sha256 is not None
    assert tls.verified_expiry == leaf.not_after < root.not_after
    assert connection.http is not None
    assert (connection.http.status, connection.http.body) == (200, b"hello")
    assert connection.http.headers["server"].startswith("nginx")


async def test_a_redirect_is_reported_without_its_query_and_not_followed(web: Web):
    probe_result = await web.probe(HTTP, "plain")
    assert probe_result.failure is None
    assert probe_result.primary is not None
    assert probe_result.primary.http is not None
    assert probe_result.primary.http.redirect == "https://good.test/x"


async def test_an_unexpected_status_is_a_failure_that_keeps_the_facts(web: Web):
    probe_result = await web.probe(HTTPS, "tls12")
    assert probe_result.failure is not None
    assert (probe_result.failure.kind, probe_result.failure.code) == (
        FailureKind.HTTP_STATUS,
        "404",
    )
    assert probe_result.primary is not None
    assert probe_result.primary.tls is not None
    assert probe_result.primary.tls.version == "TLSv1.2"
    assert probe_result.primary.http is not None


async def test_a_missing_proof_header_is_not_the_services_answer(web: Web):
    any_answer = StatusSet(((200, 499),))
    for header, kind in {"x-amz-request-id": FailureKind.HTTP_UNPROVEN, "server": None}.items():
        probe_result = await web.probe(HTTPS, "good", expect=Expectation(any_answer, (header,)))
        assert (probe_result.failure and probe_result.failure.kind) is kind


@pytest.mark.parametrize(
    ("key", "code", "issuer"),
    [
        ("wrong-name", "62", "CN=Egress Monitor Test CA"),
        ("expired", "10", "CN=Egress Monitor Test CA"),
        ("future", "9", "CN=Egress Monitor Test CA"),
        ("self-signed", "18", "CN=good.test"),
        ("untrusted", "20", "CN=Somebody Else CA"),
    ],
)
async def test_an_untrusted_certificate_is_shown_by_a_second_look(
    web: Web, key: str, code: str, issuer: str
):
    for protocol in (HTTPS, TLS):
        probe_result = await web.probe(protocol, key)
        assert probe_result.failure is not None
        assert (probe_result.failure.phase, probe_result.failure.kind) == (
            Phase.TLS,
            FailureKind.TLS_VERIFY,
        )
        assert probe_result.failure.code == code
        assert probe_result.primary is not None
        assert probe_result.primary.tls is not None
        assert probe_result.primary.tls.verified is False
        assert probe_result.primary.tls.verify_error
        assert probe_result.primary.tls.chain[0].issuer == issuer


async def test_plain_http_on_a_tls_port_is_recognized(web: Web):
    probe_result = await web.probe(TLS, "plain")
    assert probe_result.failure is not None
    assert probe_result.failure.kind is FailureKind.TLS_PLAINTEXT
    assert probe_result.failure.code == "HTTP"


async def test_tcp_needs_no_more_than_the_handshake(web: Web):
    probe_result = await web.probe(TCP, "good")
    assert probe_result.failure is None
    assert set(probe_result.phases) == {Phase.RESOLVE, Phase.CONNECT}


async def test_a_closed_port_is_refused_at_once():
    target = make_target(TCP, "127.0.0.1", free_port(), address="127.0.0.1")
    probe_result = await prober("tcp")(target, make_probe_context())
    assert probe_result.failure is not None
    assert (probe_result.failure.phase, probe_result.failure.errno) == (
        Phase.CONNECT,
        errno.ECONNREFUSED,
    )
    assert probe_result.duration < 1


async def test_an_unknown_name_fails_in_the_resolve_phase():
    probe_result = await prober("tcp")(make_target(TCP, "nowhere.test", 443), make_probe_context())
    assert probe_result.failure is not None
    assert (probe_result.failure.phase, probe_result.failure.code) == (Phase.RESOLVE, "NXDOMAIN")
    assert probe_result.connections == ()


@pytest.mark.parametrize(
    ("families", "expected", "ok"),
    [
        (FamilyChoice.AUTO, ["127.0.0.1", "::1"], True),
        (FamilyChoice.IPV4, ["127.0.0.1"], True),
        (FamilyChoice.IPV6, ["::1"], False),
        (FamilyChoice.BOTH, ["127.0.0.1", "::1"], False),
    ],
)
async def test_each_family_that_a_name_has_is_probed(
    families: FamilyChoice, expected: list[str], ok: bool
):
    async with rude(silent) as port:  # listens on IPv4 alone
        probe_context = make_probe_context(
            table={"dual.test": ("127.0.0.1", "::1")}, families=families
        )
        probe_result = await prober("tcp")(make_target(TCP, "dual.test", port), probe_context)
    assert [c.address for c in probe_result.connections] == expected
    assert probe_result.ok is ok
    assert probe_result.resolution is not None
    assert probe_result.resolution.source is ResolutionSource.DNS


@pytest.mark.parametrize("protocol", [TLS, HTTPS])
async def test_a_silent_server_is_a_timeout_in_the_tls_phase(protocol: Protocol):
    async with rude(silent) as port:
        target = make_target(protocol, "good.test", port, address="127.0.0.1", timeout=0.3)
        started = time.monotonic()
        probe_result = await prober(target.endpoint.prober)(target, make_probe_context())
    assert time.monotonic() - started < 2
    assert probe_result.failure is not None
    assert (probe_result.failure.phase, probe_result.failure.kind) == (
        Phase.TLS,
        FailureKind.TIMEOUT,
    )
    assert probe_result.primary is not None
    assert probe_result.primary.sent > 100
    assert probe_result.primary.received == 0


async def test_a_reset_on_hello_keeps_its_errno_and_the_bytes():
    async with rude(resetting) as port:
        target = make_target(TLS, "good.test", port, address="127.0.0.1")
        probe_result = await prober("tls")(target, make_probe_context())
    assert probe_result.failure is not None
    assert (probe_result.failure.phase, probe_result.failure.errno) == (Phase.TLS, errno.ECONNRESET)


async def test_a_polite_end_on_hello_is_told_from_a_reset():
    async with rude(closing) as port:
        target = make_target(TLS, "good.test", port, address="127.0.0.1")
        probe_result = await prober("tls")(target, make_probe_context())
    assert probe_result.failure is not None
    assert (probe_result.failure.phase, probe_result.failure.kind) == (
        Phase.TLS,
        FailureKind.CLOSED,
    )


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("habit", "phase", "kind"),
    [
        (silent, Phase.FIRST_BYTE, FailureKind.TIMEOUT),
        (closing, Phase.FIRST_BYTE, FailureKind.CLOSED),
        (saying(OK + b"X-A: b\r\n", hold=True), Phase.TRANSFER, FailureKind.TIMEOUT),
        (saying(OK + b"Content-Length: 9\r\n\r\nabc"), Phase.TRANSFER, FailureKind.HTTP_TRUNCATED),
        (saying(b"220 mail ESMTP\r\n\r\n"), Phase.TRANSFER, FailureKind.HTTP_FORMAT),
        (babbling(b"X-Endless: yes\r\n"), Phase.TRANSFER, FailureKind.HTTP_FORMAT),
        (babbling(OK[:-2] + b"\r\n\r\n\r\n\r\n"), None, None),
    ],
)
async def test_a_rude_http_server_is_named_for_what_it_did(
    habit: object, phase: Phase | None, kind: FailureKind | None
):
    timeout = 0.5 if kind is FailureKind.TIMEOUT else 10
    async with rude(habit) as port:  # type: ignore[arg-type]
        target = make_target(HTTP, "good.test", port, address="127.0.0.1", timeout=timeout)
        probe_result = await prober("http")(target, make_probe_context())
    assert (probe_result.failure and probe_result.failure.phase) is phase
    assert (probe_result.failure and probe_result.failure.kind) is kind


async def test_endless_blank_lines_between_chunks_are_bounded():
    head = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    sent_head = False

    async def habit(reader: object, writer: object) -> None:
        nonlocal sent_head
        await reader.read(100)  # type: ignore[attr-defined]
        writer.write(head)  # type: ignore[attr-defined]
        sent_head = True
        while True:
            writer.write(b"\r\n" * 1000)  # type: ignore[attr-defined]
            await writer.drain()  # type: ignore[attr-defined]

    async with rude(habit) as port:  # type: ignore[arg-type]
        target = make_target(HTTP, "good.test", port, address="127.0.0.1", timeout=3)
        probe_result = await prober("http")(target, make_probe_context())
    assert sent_head
    assert probe_result.failure is not None
    assert probe_result.failure.kind is FailureKind.HTTP_FORMAT


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://user:hunter2@good.test/x?token=hunter2#hunter2", "https://good.test/x"),
        ("/relative?token=hunter2", "https://a.test/relative"),
        ("//other.test/x", "https://other.test/x"),
        ("https://good.test:8443", "https://good.test:8443"),
        ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
        ("https://good.test\x01.evil.test/x", "(unreadable)"),
        ("https://go od.test/x", "(unreadable)"),
        ("https://[::1/x", "(unreadable)"),
        ("https://good.test:port/x", "(unreadable)"),
        (f"https://{'a' * 300}.test/x", "(unreadable)"),
        ("https://\xfcml\xe4ut.test/x", "(unreadable)"),
    ],
)
def test_a_redirect_shows_scheme_host_and_path_of_a_host_that_can_be(location: str, shown: str):
    endpoint = make_target(Protocol.HTTPS, "a.test").endpoint
    assert http._redirect(endpoint, Head("1.1", 302, {"location": location})) == shown


@pytest.mark.parametrize(("status", "kind"), [(200, FailureKind.HTTP_FORMAT), (302, None)])
async def test_a_body_that_gos_client_cannot_decode_is_a_failure(
    status: int, kind: FailureKind | None
):
    """The body of a redirect is not read."""
    answer = f"HTTP/1.1 {status} x\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain"
    async with rude(saying(answer.encode())) as port:
        target = make_target(HTTP, "good.test", port, address="127.0.0.1", timeout=30.0)
        result = await prober("http")(target, make_probe_context())
    assert (result.failure.kind if result.failure else None) is kind
