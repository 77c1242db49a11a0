"""Which requests go through the proxy, as golang.org/x/net/http/httpproxy rules.

The rules are those of that package's documentation (``Config``) and of ``Config.ProxyFunc``,
which Go's net/http.ProxyFromEnvironment uses. ALL_PROXY is read by golang.org/x/net/proxy
(SOCKS) alone. Every case says what Go answers to the same question.
"""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.secret import Secret
from monitor.model.settings import ProxyMode, ProxySettings
from monitor.net.proxy.rules import NoProxy, Proxy, ProxyChooser, connect_request, parse_proxy

BOTH = {"HTTP_PROXY": "http://plain.corp:3128", "HTTPS_PROXY": "http://secure.corp:3129"}
DIRECT, PLAIN, SECURE = None, "plain.corp:3128", "secure.corp:3129"


def chooser(environ: dict[str, str]) -> ProxyChooser:
    return ProxyChooser.from_settings(ProxySettings(), environ)


def chosen(environ: dict[str, str], scheme: str, host: str, port: int) -> str | None:
    proxy = chooser(environ).choose(scheme, host, port)
    return proxy.label if proxy else None


VARIABLES: list[tuple[dict[str, str], str, str | None]] = [
    ({}, "http", DIRECT),
    ({}, "https", DIRECT),
    (BOTH, "http", PLAIN),
    (BOTH, "https", SECURE),
    (BOTH, "tcp", DIRECT),
    (BOTH, "udp", DIRECT),
    # HTTP_PROXY is not for https.
    ({"HTTP_PROXY": "http://plain.corp:3128"}, "https", DIRECT),
    ({"HTTPS_PROXY": "http://secure.corp:3129"}, "http", DIRECT),
    # Lower case counts where upper case is not set, or is set to nothing.
    ({"https_proxy": "http://secure.corp:3129"}, "https", SECURE),
    ({"HTTPS_PROXY": "", "https_proxy": "http://secure.corp:3129"}, "https", SECURE),
    ({"http_proxy": "http://plain.corp:3128"}, "http", PLAIN),
    ({**BOTH, "https_proxy": "http://other.corp:1"}, "https", SECURE),
    # In a CGI program HTTP_PROXY may be what a client sent as its header "Proxy".
    ({**BOTH, "REQUEST_METHOD": "GET"}, "http", DIRECT),
    ({**BOTH, "REQUEST_METHOD": "GET"}, "https", SECURE),
    ({**BOTH, "REQUEST_METHOD": ""}, "http", PLAIN),
    # Go's net/http knows no ALL_PROXY.
    ({"ALL_PROXY": "http://all.corp:1"}, "https", DIRECT),
    ({"all_proxy": "http://all.corp:1"}, "http", DIRECT),
    ({**BOTH, "NO_PROXY": "host.test"}, "https", DIRECT),
    ({**BOTH, "no_proxy": "host.test"}, "https", DIRECT),
    ({**BOTH, "NO_PROXY": "other.test", "no_proxy": "host.test"}, "https", SECURE),
    ({**BOTH, "NO_PROXY": "", "no_proxy": "host.test"}, "https", DIRECT),
]


@pytest.mark.parametrize(("environ", "scheme", "label"), VARIABLES)
def test_the_variables_are_read_as_go_reads_them(
    environ: dict[str, str], scheme: str, label: str | None
):
    assert chosen(environ, scheme, "host.test", 443) == label


# NO_PROXY, host, port, whether Go dials the host directly.
NO_PROXY: list[tuple[str, str, int, bool]] = [
    # A name covers itself and all beneath it.
    ("", "app.gitpod.io", 443, False),
    ("gitpod.io", "gitpod.io", 443, True),
    ("gitpod.io", "app.gitpod.io", 443, True),
    ("gitpod.io", "a.b.gitpod.io", 443, True),
    ("gitpod.io", "notgitpod.io", 443, False),
    ("gitpod.io", "gitpod.io.evil.test", 443, False),
    ("app.gitpod.io", "gitpod.io", 443, False),
    ("io", "gitpod.io", 443, True),
    ("pod.io", "gitpod.io", 443, False),
    # A leading dot, or "*.", leaves out the name itself.
    (".amazonaws.com", "s3.eu-central-1.amazonaws.com", 443, True),
    (".amazonaws.com", "amazonaws.com", 443, False),
    (".amazonaws.com", "xamazonaws.com", 443, False),
    ("*.amazonaws.com", "s3.amazonaws.com", 443, True),
    ("*.amazonaws.com", "amazonaws.com", 443, False),
    ("*.amazonaws.com", "sts.us-east-1.amazonaws.com", 443, True),
    ("*amazonaws.com", "s3.amazonaws.com", 443, False),
    ("s3.*.amazonaws.com", "s3.eu-central-1.amazonaws.com", 443, False),
    # The whole of everything.
    ("*", "app.gitpod.io", 443, True),
    ("*", "192.0.2.1", 80, True),
    ("gitpod.io,*", "mcr.microsoft.com", 443, True),
    (" * ", "mcr.microsoft.com", 443, True),
    ("*:443", "mcr.microsoft.com", 443, False),
    # Lists: spaces, empty parts, any case; only commas part them.
    ("gitpod.io, ona.com", "app.ona.com", 443, True),
    (" gitpod.io ,, ona.com ,", "app.ona.com", 443, True),
    ("GitPod.IO", "app.gitpod.io", 443, True),
    ("gitpod.io", "APP.GITPOD.IO", 443, True),
    ("gitpod.io ona.com", "app.ona.com", 443, False),
    ("gitpod.io;ona.com", "app.ona.com", 443, False),
    # Ports.
    ("gitpod.io:443", "app.gitpod.io", 443, True),
    ("gitpod.io:443", "app.gitpod.io", 8443, False),
    (".gitpod.io:8443", "us01.gitpod.io", 8443, True),
    ("*.gitpod.io:8443", "us01.gitpod.io", 443, False),
    ("gitpod.io:", "app.gitpod.io", 8443, True),
    (":443", "app.gitpod.io", 443, False),
    (".", "app.gitpod.io", 443, False),
    # A final dot makes another name.
    ("gitpod.io", "app.gitpod.io.", 443, False),
    ("gitpod.io.", "app.gitpod.io.", 443, True),
    # A URL is no entry.
    ("https://gitpod.io", "gitpod.io", 443, False),
    # Addresses.
    ("192.0.2.7", "192.0.2.7", 443, True),
    ("192.0.2.7", "192.0.2.70", 443, False),
    ("192.0.2.7:80", "192.0.2.7", 80, True),
    ("192.0.2.7:80", "192.0.2.7", 443, False),
    ("192.0.2.7", "::ffff:192.0.2.7", 443, True),
    ("192.0.2", "192.0.2.7", 443, False),
    ("7", "192.0.2.7", 443, False),
    (".2.7", "192.0.2.7", 443, False),
    ("192.0.02.7", "192.0.2.7", 443, False),
    # Networks; they take no port, and a length, not a mask.
    ("169.254.0.0/16", "169.254.169.254", 80, True),
    ("169.254.0.0/16", "169.253.255.255", 80, False),
    ("10.1.2.3/8", "10.200.0.1", 443, True),
    ("10.0.0.0/8:443", "10.200.0.1", 443, False),
    ("10.0.0.0/255.0.0.0", "10.200.0.1", 443, False),
    ("10.0.0.0/33", "10.200.0.1", 443, False),
    ("10.0.0.0/8", "ten.example", 443, False),
    ("0.0.0.0/0", "192.0.2.7", 443, True),
    ("0.0.0.0/0", "2001:db8::1", 443, False),
    ("::/0", "192.0.2.7", 443, False),
    ("::ffff:10.0.0.0/104", "10.200.0.1", 443, True),
    # IPv6; brackets only together with a port.
    ("2001:db8::1", "2001:db8::1", 443, True),
    ("2001:db8::1", "2001:db8:0:0:0:0:0:1", 443, True),
    ("[2001:db8::1]:443", "2001:db8::1", 443, True),
    ("[2001:db8::1]:443", "2001:db8::1", 80, False),
    ("[2001:db8::1]", "2001:db8::1", 443, False),
    ("fd00:ec2::/32", "fd00:ec2::254", 80, True),
    ("fd00:ec2::/32", "fd00:ec3::254", 80, False),
    # A zone belongs to the address and is no domain.
    ("fe80::/10", "fe80::1%eth0", 443, True),
    ("example.com", "fe80::1%.example.com", 443, False),
    ("fe80::1%eth0", "fe80::1%eth0", 443, False),
    ("fe80::%eth0/10", "fe80::1", 443, False),
    # This host itself, whatever NO_PROXY says; "localhost" in just these letters.
    ("", "localhost", 80, True),
    ("", "127.0.0.1", 80, True),
    ("", "127.8.8.8", 443, True),
    ("", "::1", 443, True),
    ("", "::ffff:127.0.0.1", 443, True),
    ("", "::2", 443, False),
    ("", "LOCALHOST", 80, False),
    ("", "localhost.localdomain", 80, False),
    ("", "my.localhost", 80, False),
    # Internationalised names, in either form on either side.
    ("bücher.example", "xn--bcher-kva.example", 443, True),
    ("xn--bcher-kva.example", "www.bücher.example", 443, True),
    (".bücher.example", "www.xn--bcher-kva.example", 443, True),
    (".bücher.example", "bücher.example", 443, False),
]


@pytest.mark.parametrize(("no_proxy", "host", "port", "direct"), NO_PROXY)
def test_no_proxy_means_what_it_means_to_go(no_proxy: str, host: str, port: int, direct: bool):
    environ = {**BOTH, "NO_PROXY": no_proxy}
    assert chosen(environ, "https", host, port) == (DIRECT if direct else SECURE)
    assert chosen(environ, "http", host, port) == (DIRECT if direct else PLAIN)


def test_the_table_is_as_long_as_the_requirement_says():
    assert len({*NO_PROXY}) == len(NO_PROXY) >= 60


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("http://p.corp:3128", Proxy("http", "p.corp", 3128)),
        ("p.corp:3128", Proxy("http", "p.corp", 3128)),
        ("p.corp", Proxy("http", "p.corp", 80)),
        ("p", Proxy("http", "p", 80)),
        ("192.0.2.1:8080", Proxy("http", "192.0.2.1", 8080)),
        ("https://p.corp", Proxy("https", "p.corp", 443)),
        ("HTTPS://P.Corp:8443/ignored?x", Proxy("https", "p.corp", 8443)),
        ("http://p.corp:", Proxy("http", "p.corp", 80)),
        ("http://[2001:db8::1]:3128", Proxy("http", "2001:db8::1", 3128)),
        ("http://bücher.example", Proxy("http", "xn--bcher-kva.example", 80)),
        ("u:pw@p.corp:3128", Proxy("http", "p.corp", 3128, "u", Secret("pw"))),
        ("http://u@p.corp", Proxy("http", "p.corp", 80, "u")),
        ("http://u:@p.corp", Proxy("http", "p.corp", 80, "u", Secret(""))),
        ("http://:token@p.corp", Proxy("http", "p.corp", 80, "", Secret("token"))),
        ("http://a%40b:p%3Aw%2F@p.corp", Proxy("http", "p.corp", 80, "a@b", Secret("p:w/"))),
        ("http://u:p@w@p.corp", Proxy("http", "p.corp", 80, "u", Secret("p@w"))),
        ("", None),
    ],
)
def test_a_proxy_is_read_from_its_url(text: str, proxy: Proxy | None):
    assert parse_proxy(text) == proxy


@pytest.mark.parametrize(
    "text",
    [
        "socks5://u:hunter2@p.corp:1080",
        "socks5h://u:hunter2@p.corp",
        "ftp://u:hunter2@p.corp",
        "http://u:hunter2@",
        "http://u:hunter2@p.corp:70000",
        "http://u:hunter2@p.corp:0",
        "http://u:hunter2@p.corp:x",
        "http://u:hunter2@[::1",
        "http://u:hunter2@p\N{NO-BREAK SPACE}q.corp",
        " http://u:hunter2@p.corp",
        "http://u:hunter2@p.corp\r\nX: y",
        "//u:hunter2@p.corp:3128",
    ],
)
def test_what_is_no_http_proxy_is_an_error_that_keeps_the_password(text: str):
    with pytest.raises(ValueError, match="proxy") as caught:
        chooser({"HTTPS_PROXY": text})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_socks_proxy_is_called_by_its_name():
    with pytest.raises(ValueError, match="SOCKS"):
        parse_proxy("socks5://p.corp:1080")


def test_the_configuration_may_name_the_proxies_itself():
    settings = ProxySettings(
        ProxyMode.CONFIG, "http://a.corp:1", "", "host.test", "user", Secret("pass")
    )
    configured = ProxyChooser.from_settings(settings, BOTH)
    assert configured.choose("http", "other.test", 80) == Proxy(
        "http", "a.corp", 1, "user", Secret("pass")
    )
    assert configured.choose("http", "host.test", 80) is None
    assert configured.choose("https", "other.test", 443) is None


def test_the_configuration_may_forbid_proxies():
    none = ProxyChooser.from_settings(ProxySettings(ProxyMode.NONE), BOTH)
    assert none.choose("https", "other.test", 443) is None
    assert not none.in_use


ENTRIES = st.lists(
    st.sampled_from(
        ["a.test", ".a.test", "*.b.a.test", "b.a.test", "test", "c.b.a.test:443", "x.test"]
    ),
    max_size=3,
).map(",".join)
NAMES = st.sampled_from(["test", "a.test", "b.a.test", "c.b.a.test", "d.c.b.a.test", "x.test"])


@given(ENTRIES, ENTRIES.filter(lambda text: text and "," not in text), NAMES)
def test_what_includes_an_entry_covers_every_name_of_it(have: str, entry: str, name: str):
    if NoProxy(have).includes(entry) and NoProxy(entry).covers(name, 443):
        assert NoProxy(have).covers(name, 443)


@given(st.text(max_size=60), st.text(max_size=60), st.integers(0, 65535))
def test_any_text_is_a_no_proxy_and_any_host_has_an_answer(text: str, host: str, port: int):
    assert NoProxy(text).covers(host, port) in {True, False}
    assert NoProxy(text).includes(host) in {True, False}


@given(st.text(max_size=60))
def test_any_text_is_a_proxy_or_a_value_error(text: str):
    try:
        proxy = parse_proxy(text)
    except ValueError:
        return
    if proxy is not None:
        assert connect_request("host.test", 443, proxy).count(b"\r\n\r\n") == 1


def test_connect_names_the_target_and_carries_the_credentials_in_utf_8():
    proxy = Proxy("http", "p.corp", 3128, "jörg", Secret("pä:ss"))
    lines = connect_request("app.gitpod.io", 443, proxy).decode("ascii").split("\r\n")
    assert lines[0] == "CONNECT app.gitpod.io:443 HTTP/1.1"
    assert lines[1] == "Host: app.gitpod.io:443"
    assert lines[2].startswith("User-Agent: egress-monitor/")
    kind, _, encoded = lines[3].removeprefix("Proxy-Authorization: ").partition(" ")
    assert kind == "Basic"
    assert base64.b64decode(encoded).decode() == "jörg:pä:ss"
    assert lines[4:] == ["", ""]


def test_connect_without_credentials_sends_none():
    request = connect_request("2001:db8::1", 443, Proxy("http", "p.corp", 3128))
    assert request.startswith(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n")
    assert b"Authorization" not in request


def test_a_token_is_sent_without_a_user():
    proxy = parse_proxy("http://:token@p.corp")
    assert proxy is not None
    assert proxy.authorization == "Basic " + base64.b64encode(b":token").decode()


def test_credentials_with_line_ends_can_not_end_the_header():
    proxy = Proxy("http", "p.corp", 3128, "u\r\nX-Evil: 1", Secret("p\r\n\r\nGET /"))
    assert connect_request("host.test", 443, proxy).count(b"\r\n") == 5


@pytest.mark.parametrize("host", ["a b", "a\r\nX: y", "a\x00b", "bücher.example", "a\tb", "a\x7f"])
def test_a_host_that_would_break_the_request_is_refused(host: str):
    with pytest.raises(ValueError, match="visible ASCII"):
        connect_request(host, 443, Proxy("http", "p.corp", 3128))


def test_a_proxy_prints_no_password():
    proxy = parse_proxy("http://user:hunter2@[2001:db8::1]:3128")
    assert proxy is not None
    assert proxy.label == "[2001:db8::1]:3128"
    assert "hunter2" not in repr(proxy) + str(proxy) + f"{proxy.password}"


def test_the_zone_of_a_link_local_proxy_is_decoded():
    proxy = parse_proxy("http://[fe80::1%25eth0]:3128")
    assert proxy is not None
    assert (proxy.host, proxy.label) == ("fe80::1%eth0", "[fe80::1%eth0]:3128")
