"""Fields by which a proxy says what it wants and why it failed."""

from __future__ import annotations

import pytest

from monitor.model.secret import Secret
from monitor.net.http.fields import Head, parse_fields
from monitor.net.http.proxy_fields import authentication_schemes, proxy_error
from monitor.net.proxy.rules import Proxy


def head(*lines: bytes) -> Head:
    fields = parse_fields([line.decode() for line in lines])
    return Head("1.1", 407, {name: ", ".join(values) for name, values in fields.items()}, fields)


@pytest.mark.parametrize(
    ("lines", "schemes"),
    [
        ([], ""),
        ([b'Proxy-Authenticate: Basic realm="x, NTLM"'], "Basic"),
        ([b"Proxy-Authenticate: Negotiate", b"Proxy-Authenticate: NTLM"], "Negotiate, NTLM"),
        ([b"Proxy-Authenticate: NTLM TlRMTVNTUAACAAAA"], "NTLM"),
        ([b"Proxy-Authenticate: =?"], ""),
        ([b'Proxy-Authenticate: Negotiate, NTLM, Basic realm="x, y"'], "Negotiate, NTLM, Basic"),
        ([b'Proxy-Authenticate: Digest realm="a", nonce = "b", Basic'], "Digest, Basic"),
        ([b'Proxy-Authenticate: Basic realm="a\\" , NTLM"'], "Basic"),
        ([b'Proxy-Authenticate: Basic realm="never closed, NTLM'], "Basic"),
        ([b"Proxy-Authenticate: , ,Negotiate TlRM==,NTLM"], "Negotiate, NTLM"),
        ([b"Proxy-Authenticate: Basic"] * 20, "Basic"),
    ],
)
def test_the_schemes_are_named_without_their_challenges(lines: list[bytes], schemes: str):
    assert authentication_schemes(head(*lines)) == schemes


def test_an_error_is_that_of_proxy_status_or_of_squid():
    assert (
        proxy_error(head(b"Proxy-Status: p; error=dns_error")) == "Proxy-Status p; error=dns_error"
    )
    assert proxy_error(head(b"X-Squid-Error: ERR_DNS_FAIL 0")) == "squid error ERR_DNS_FAIL 0"
    assert proxy_error(head()) == ""


def test_what_a_proxy_repeats_of_its_credentials_is_hidden():
    proxy = Proxy("http", "proxy.test", 3128, "user", Secret("hunter2"))
    token = (proxy.authorization or "").removeprefix("Basic ")
    assert proxy.redact(f"Basic {token} / hunter2 / user") == "Basic *** / *** / user"
    assert Proxy("http", "proxy.test", 3128).redact("as it is") == "as it is"
