"""Errors of a handshake: each alert has its number, plain text is recognized, a certificate
request is seen.

Covers: monitor/net/sockets/tls_alerts.py
"""

from __future__ import annotations

import ssl

import pytest

from monitor.model.probe_result import FailureKind
from monitor.net.errors import ExchangeError
from monitor.net.sockets.tls import tls_error, tls_facts, verify_as_go
from monitor.net.sockets.tls_alerts import ALERT_NAMES
from monitor.net.sockets.trust_store import go_context
from tests.net.sockets.handshake import server_context, shake_hands, trusting
from tests.oracles.x509.inputs import chains

GOOD = next(shown for shown in chains() if shown.name == "good")


def error_after(answer: bytes) -> ExchangeError:
    """Return the error of a client whose ClientHello gets ``answer``."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = go_context().wrap_bio(incoming, outgoing, server_hostname="a.test")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    incoming.write(answer)
    with pytest.raises(ssl.SSLError) as caught:
        tls.do_handshake()
    found = tls_error(caught.value, answer)
    assert isinstance(found, ExchangeError)
    return found


@pytest.mark.parametrize("number", sorted({*ALERT_NAMES, 200} - {0, 116}))
def test_every_alert_is_told_by_its_number(number: int):
    error = error_after(bytes([21, 3, 3, 0, 2, 2, number]))
    assert error.kind is FailureKind.TLS_ALERT
    assert error.code == str(number)
    assert ALERT_NAMES.get(number, "not assigned") in error.message


def test_an_alert_without_the_bytes_that_brought_it_has_its_number_too():
    for number, reason, text in (
        (112, "TLSV1_UNRECOGNIZED_NAME", ""),
        (120, None, "[SSL] tlsv1 alert no application protocol (_ssl.c:1006)"),
        (90, "TLSV1_ALERT_USER_CANCELLED", ""),
    ):
        error = ssl.SSLError(1, text)
        error.reason = reason  # type: ignore[assignment]
        found = tls_error(error)
        assert isinstance(found, ExchangeError)
        assert found.code == str(number)


def test_certificate_required_is_a_client_certificate():
    error = error_after(bytes([21, 3, 3, 0, 2, 2, 116]))
    assert error.kind is FailureKind.TLS_CLIENT_CERTIFICATE


@pytest.mark.parametrize(
    ("answer", "protocol"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
        (b"<html>no</html>", "HTML"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"220 mail.example.test ESMTP\r\n", "SMTP or FTP"),
        (b"\0\0\0\x04\0\0\0\0\0", "HTTP/2"),
        (b"\x4a\0\0\0\x0a8.0.36", "unknown"),
    ],
)
def test_what_is_not_tls_is_named(answer: bytes, protocol: str):
    error = error_after(answer)
    assert error.kind is FailureKind.TLS_PLAINTEXT
    assert error.code == protocol


def test_a_handshake_failure_after_a_certificate_request_is_a_client_certificate():
    record = bytes([22, 3, 3, 0, 12, 2, 0, 0, 0, 13, 0, 0, 4, 1, 1, 0, 0])
    alert = bytes([21, 3, 3, 0, 2, 2, 40])
    error = ssl.SSLError(1, "")
    error.reason = "SSLV3_ALERT_HANDSHAKE_FAILURE"
    for flight, kind in (
        (record + alert, FailureKind.TLS_CLIENT_CERTIFICATE),
        (alert, FailureKind.TLS_ALERT),
    ):
        found = tls_error(error, flight)
        assert isinstance(found, ExchangeError)
        assert found.kind is kind


def test_the_verified_chain_and_extra_certificates_are_told_apart():
    extra = next(shown for shown in chains() if shown.name == "negative-serial-of-an-extra")
    server = server_context(extra.chain, extra.key)
    tls = shake_hands(trusting(extra.roots).probe_context(), server, extra.host)
    verify_as_go(tls, extra.host)
    facts = tls_facts(tls)
    assert [c.subject for c in facts.verified_chain] == [
        "CN=leaf",
        "CN=Example Issuing CA",
        "CN=Example Root",
    ]
    assert [c.serial[:1] for c in facts.extra] == ["-"]
    assert facts.verified_expiry == min(c.not_after for c in facts.verified_chain)


def test_a_client_that_does_not_verify_has_no_verified_chain():
    context = trusting(GOOD.roots).probe_context(verify=False)
    tls = shake_hands(context, server_context(GOOD.chain, GOOD.key), "other.test")
    verify_as_go(tls, "other.test")
    facts = tls_facts(tls, verify_error="not for that name")
    assert (facts.verified, facts.verified_chain, facts.extra) == (False, (), ())


def test_the_client_offers_what_go_offers():
    offered = {c["name"] for c in go_context().get_ciphers()}
    assert "ECDHE-RSA-AES128-SHA" in offered
    assert not [name for name in offered if name.startswith(("DHE", "AES", "PSK", "RSA"))]


def test_the_client_never_renegotiates_and_accepts_servers_that_can_not_do_it_securely():
    options = go_context().options
    assert options & ssl.OP_NO_RENEGOTIATION
    assert options & 0x4  # SSL_OP_LEGACY_SERVER_CONNECT


def test_the_groups_are_those_of_openssl_until_python_can_choose_them():
    assert not hasattr(go_context(), "set_groups")
    assert go_context().minimum_version is ssl.TLSVersion.TLSv1_2


def server_hello_of_tls_1_2() -> bytes:
    """A ServerHello without extensions: its server does not know RFC 5746."""
    body = b"\x03\x03" + bytes(range(32)) + b"\x00" + b"\xcc\xa9" + b"\x00"
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message


def advanced(context: ssl.SSLContext, answer: bytes) -> ssl.SSLError:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="old.test")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    incoming.write(answer)
    with pytest.raises(ssl.SSLError) as caught:
        tls.do_handshake()
    return caught.value


def test_a_server_without_secure_renegotiation_is_accepted_as_by_go():
    assert isinstance(advanced(go_context(), server_hello_of_tls_1_2()), ssl.SSLWantReadError)
    strict = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    refused = advanced(strict, server_hello_of_tls_1_2())
    assert refused.reason == "UNSAFE_LEGACY_RENEGOTIATION_DISABLED"


def test_a_cross_signed_twin_does_not_shorten_the_expiry():
    shown = next(c for c in chains() if c.name == "cross-signed-lapsed")
    tls = shake_hands(
        trusting(shown.roots).probe_context(), server_context(shown.chain, shown.key), shown.host
    )
    facts = tls_facts(tls)
    lapsed = min(c.not_after for c in facts.chain)
    assert facts.expires_at == facts.verified_expiry
    assert facts.expires_at is not None
    assert facts.expires_at > lapsed
    assert [c.not_after for c in facts.extra] == [lapsed]


@pytest.mark.parametrize("shown", [None, b"", b"\x30\x03\x02\x01\x05"])
def test_a_certificate_that_can_not_be_read_is_refused(shown: bytes | None):
    tls = shake_hands(
        trusting(GOOD.roots).probe_context(), server_context(GOOD.chain, GOOD.key), GOOD.host
    )
    verify_as_go(tls, GOOD.host)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tls, "getpeercert", lambda binary_form: shown)
        with pytest.raises(ExchangeError, match="malformed certificate"):
            verify_as_go(tls, GOOD.host)


@pytest.mark.parametrize("host", ["other.test", "git.corp.test.evil.test", "", "*.corp.test"])
def test_another_host_is_refused(host: str):
    server = server_context(GOOD.chain, GOOD.key)
    tls = shake_hands(trusting(GOOD.roots).probe_context(), server, GOOD.host)
    with pytest.raises(ExchangeError, match="not for"):
        verify_as_go(tls, host)
