"""What TLS peers answer, and what is said of it: client certificates, alerts, plain text.

Covers: monitor/probes/tls.py, monitor/net/sockets/client_certificate.py
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from monitor.diagnosis.causes import diagnose
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import FailureKind, ProbeResult
from monitor.probes import prober
from tests.internet.blocking import answering, blocking, waiting
from tests.internet.ca import Authority
from tests.internet.rude import Habit, rude
from tests.probes.support import make_probe_context, make_target

HOST = "git.test"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def serving(authority: Authority, *names: str) -> ssl.SSLContext:
    issued = authority.issue(*(names or (HOST,)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.chain, issued.key)
    return context


async def probed(
    protocol: Protocol, port: int, authority: Authority
) -> tuple[ProbeResult, Diagnosis]:
    target = make_target(protocol, HOST, port, address="127.0.0.1", timeout=30.0)
    context = make_probe_context(ca_file=authority.file)
    result = await prober(target.endpoint.prober)(target, context)
    return result, diagnose(target, result)


@pytest.mark.parametrize("protocol", [Protocol.HTTPS, Protocol.TLS])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_required_client_certificate_is_seen_in_both_versions_and_protocols(
    authority: Authority, protocol: Protocol, version: ssl.TLSVersion
):
    context = serving(authority)
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file)
    with blocking(context, answering) as port:
        result, _ = await probed(protocol, port, authority)
    assert result.failure is not None
    assert result.failure.kind is FailureKind.TLS_CLIENT_CERTIFICATE


async def test_a_server_that_asks_for_a_certificate_and_closes_without_an_alert(
    authority: Authority,
):
    context = serving(authority)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file)

    async def unused(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError("the handshake was finished")

    async with rude(unused, tls=context) as port:
        result, _ = await probed(Protocol.HTTPS, port, authority)
    assert result.failure is not None
    assert result.failure.kind is FailureKind.TLS_CLIENT_CERTIFICATE


@pytest.mark.parametrize("protocol", [Protocol.HTTPS, Protocol.TLS])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_certificate_that_is_optional_is_no_failure(
    authority: Authority, protocol: Protocol, version: ssl.TLSVersion
):
    context = serving(authority)
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(authority.file)
    habit = answering if protocol is Protocol.HTTPS else waiting
    with blocking(context, habit) as port:
        result, _ = await probed(protocol, port, authority)
    assert result.failure is None


def sending(answer: bytes) -> Habit:
    """Return the habit of a server that answers the ClientHello with these bytes."""

    async def habit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(answer)
        await writer.drain()

    return habit


@pytest.mark.parametrize("number", [40, 48, 49, 70, 71, 80, 86, 112, 116, 120, 200])
async def test_an_alert_is_told_by_its_meaning(authority: Authority, number: int):
    async with rude(sending(bytes([21, 3, 3, 0, 2, 2, number]))) as port:
        result, diagnosis = await probed(Protocol.HTTPS, port, authority)
    assert result.failure is not None
    assert result.failure.code == str(number)
    assert "proxy or an old TLS endpoint" not in diagnosis.remediation
    assert "unknown" not in diagnosis.detail.replace("unknown_ca", "")


async def test_plain_http_on_the_tls_port_is_named(authority: Authority):
    async with rude(sending(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        result, diagnosis = await probed(Protocol.TLS, port, authority)
    assert result.failure is not None
    assert result.failure.kind is FailureKind.TLS_PLAINTEXT
    assert "HTTP in clear" in diagnosis.detail


@pytest.mark.parametrize(
    ("suites", "reached"), [("ECDHE-ECDSA-AES128-SHA", True), ("ECDHE-ECDSA-AES128-SHA256", False)]
)
async def test_the_cipher_suites_are_those_of_go(authority: Authority, suites: str, reached: bool):
    context = serving(authority)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{suites}:@SECLEVEL=0")
    with blocking(context, answering) as port:
        result, diagnosis = await probed(Protocol.HTTPS, port, authority)
    assert (result.failure is None) is reached
    if not reached:
        assert "in common" in diagnosis.detail


async def test_a_server_that_only_speaks_tls_1_1_is_refused(authority: Authority):
    async with rude(sending(bytes([21, 3, 1, 0, 2, 2, 70]))) as port:
        _, diagnosis = await probed(Protocol.TLS, port, authority)
    assert "does not speak TLS 1.2 or 1.3" in diagnosis.detail


@pytest.mark.parametrize(("tickets", "accepted"), [(16, True), (17, False)])
async def test_as_many_session_tickets_are_read_as_by_go(
    authority: Authority, tickets: int, accepted: bool
):
    """Go 1.26 gives up after 16 records that hold no data (``maxUselessRecords``)."""
    context = serving(authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = tickets
    with blocking(context, answering) as port:
        result, _ = await probed(Protocol.HTTPS, port, authority)
    assert result.ok is accepted


HALF = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"
"""The beginning of a ServerHello."""


def beginning(data: bytes, *, stay: bool) -> Habit:
    async def habit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(data)
        await writer.drain()
        if stay:
            await asyncio.Event().wait()

    return habit


@pytest.mark.parametrize(
    ("stay", "words"), [(True, "begins to answer"), (False, "ends within the TLS handshake")]
)
async def test_a_handshake_that_the_server_began_is_not_one_without_an_answer(
    authority: Authority, stay: bool, words: str
):
    async with rude(beginning(HALF, stay=stay)) as port:
        target = make_target(Protocol.HTTPS, HOST, port, address="127.0.0.1", timeout=1.5)
        result = await prober("http")(target, make_probe_context(ca_file=authority.file))
    told = diagnose(target, result)
    assert words in told.detail
    assert f"{len(HALF)} bytes" in told.detail
    assert "SNI" not in told.remediation


async def test_a_few_bytes_in_clear_before_the_end_are_not_a_name_filter(authority: Authority):
    async with rude(beginning(b"S", stay=False)) as port:
        result, told = await probed(Protocol.HTTPS, port, authority)
    assert result.failure is not None
    assert result.failure.kind is FailureKind.TLS_PLAINTEXT
    assert "does not speak TLS" in told.detail
