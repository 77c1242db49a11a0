"""Probing through real proxies, squid and tinyproxy, and through what only claims to be one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.diagnosis.causes import diagnose
from monitor.diagnosis.proxy_path import Comparison, comparison
from monitor.model.diagnosis import Cause
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import Attempt, Phase
from monitor.model.secret import Secret
from monitor.model.settings import ProxyMode, ProxySettings
from monitor.model.target import ProxyChoice, ProxyUse, Target
from monitor.probes import prober
from tests.internet.ca import Authority
from tests.internet.imds import metadata
from tests.internet.nginx import Site, nginx
from tests.internet.process import free_port
from tests.internet.rude import babbling, closing, resetting, rude, saying, silent
from tests.internet.squid import squid
from tests.internet.tinyproxy import tinyproxy
from tests.probes.support import make_target, make_tools

HTTPS, HTTP, TLS, TCP = Protocol.HTTPS, Protocol.HTTP, Protocol.TLS, Protocol.TCP
USER, PASSWORD = "mon", "p@ss/w:rd"
LOGIN = "mon:p%40ss%2Fw%3Ard"
BOTH = ProxyChoice(ProxyUse.BOTH)


class Behind:
    """Everything that the tests of this file share."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        names = ("open", "login", "secure", "tiny", "tiny_login", "https", "http", "closed")
        self.ports = {name: free_port() for name in names}
        self.certificate = self.authority.issue("good.test", "denied.test")
        self.proxy_certificate = self.authority.issue("127.0.0.1")

    def proxy(self, name: str, login: str = "", scheme: str = "http") -> dict[str, str]:
        """The environment of a host behind that proxy."""
        url = f"{scheme}://{login}{'@' if login else ''}127.0.0.1:{self.ports[name]}"
        return {"HTTPS_PROXY": url, "http_proxy": url}

    async def probe(
        self, environ: dict[str, str], *, host: str = "good.test", **options: object
    ) -> tuple[Target, Attempt]:
        protocol = options.pop("protocol", HTTPS)
        assert isinstance(protocol, Protocol)
        port = options.pop("port", self.ports["https" if protocol is not HTTP else "http"])
        proxy = options.pop("settings", None)
        target = make_target(protocol, host, port, timeout=3, **options)  # type: ignore[arg-type]
        tools = make_tools(ca_file=self.authority.file, environ=environ, proxy=proxy)  # type: ignore[arg-type]
        return target, await prober(target.endpoint.prober)(target, tools)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("proxies")
    result = Behind(folder)
    ports = result.ports
    hosts = {"good.test": "127.0.0.1", "denied.test": "127.0.0.1"}
    sites = [
        Site(("good.test",), ports["https"], result.certificate),
        Site(("good.test",), ports["http"]),
    ]
    with (
        nginx(folder / "nginx", sites),
        squid(ports["open"], hosts=hosts, denied=["denied.test"]),
        squid(ports["login"], hosts=hosts, users={USER: PASSWORD}),
        squid(ports["secure"], hosts=hosts, certificate=result.proxy_certificate),
        tinyproxy(folder / "tiny", ports["tiny"], filtered="^127.0.0.2$"),
        tinyproxy(folder / "tiny-login", ports["tiny_login"], login=("mon", "pass-word")),
    ):
        yield result


@pytest.mark.parametrize("protocol", [HTTPS, TLS])
@pytest.mark.parametrize(
    ("name", "login", "scheme"),
    [("open", "", "http"), ("login", LOGIN, "http"), ("secure", "", "https")],
)
async def test_squid_opens_a_tunnel_that_is_timed_by_itself(
    site: Behind, protocol: Protocol, name: str, login: str, scheme: str
) -> None:
    _, attempt = await site.probe(site.proxy(name, login, scheme), protocol=protocol)
    assert attempt.failure is None
    assert attempt.proxy == f"127.0.0.1:{site.ports[name]}"
    assert attempt.primary is not None
    phases = attempt.primary.phases
    assert {Phase.RESOLVE, Phase.CONNECT, Phase.PROXY, Phase.TLS} <= phases.keys()
    assert all(seconds > 0 for phase, seconds in phases.items() if phase is not Phase.RESOLVE)
    assert attempt.primary.tls is not None
    assert attempt.primary.tls.chain[0].names == ("good.test", "denied.test")


@pytest.mark.parametrize(("name", "login"), [("tiny", ""), ("tiny_login", "mon:pass-word")])
async def test_tinyproxy_opens_a_tunnel(site: Behind, name: str, login: str) -> None:
    # It resolves names as this host does, so the address is given instead.
    _, attempt = await site.probe(site.proxy(name, login), address="127.0.0.1")
    assert attempt.failure is None
    assert Phase.PROXY in attempt.phases


@pytest.mark.parametrize(("name", "login"), [("open", ""), ("login", LOGIN)])
async def test_plain_http_is_asked_of_the_proxy_itself(site: Behind, name: str, login: str) -> None:
    _, attempt = await site.probe(site.proxy(name, login), protocol=HTTP)
    assert attempt.failure is None
    assert attempt.primary is not None
    assert attempt.primary.http is not None
    assert "squid" in attempt.primary.http.headers["via"]


@pytest.mark.parametrize(
    ("name", "login", "options", "cause"),
    [
        ("open", "", {"host": "denied.test"}, Cause.PROXY_DENIED),
        ("open", "", {"port": 9}, Cause.PROXY_UPSTREAM_FAILED),
        ("login", "", {}, Cause.PROXY_AUTH_REQUIRED),
        ("login", "mon:wrong", {}, Cause.PROXY_AUTH_REQUIRED),
        ("login", "", {"protocol": HTTP}, Cause.PROXY_AUTH_REQUIRED),
        ("tiny", "", {"address": "127.0.0.2"}, Cause.PROXY_DENIED),
        ("tiny", "", {"address": "127.0.0.1", "connect_port": 9}, Cause.PROXY_UPSTREAM_FAILED),
        ("tiny_login", "", {}, Cause.PROXY_AUTH_REQUIRED),
        ("tiny_login", "mon:wrong", {}, Cause.PROXY_AUTH_REQUIRED),
        ("closed", "", {}, Cause.PROXY_UNREACHABLE),
    ],
)
async def test_what_a_real_proxy_says_is_named(
    site: Behind, name: str, login: str, options: dict[str, object], cause: Cause
) -> None:
    target, attempt = await site.probe(site.proxy(name, login), **options)  # type: ignore[arg-type]
    verdict = diagnose(target, attempt)
    assert verdict.cause is cause
    assert f"127.0.0.1:{site.ports[name]}" in verdict.detail
    assert "wrong" not in repr((attempt, verdict))


@pytest.mark.parametrize(
    ("habit", "cause", "said"),
    [
        (silent, Cause.PROXY_UPSTREAM_FAILED, "no answer in time"),
        (closing, Cause.PROXY_UPSTREAM_FAILED, "closed the connection"),
        (resetting, Cause.PROXY_UPSTREAM_FAILED, "reset"),
        (saying(b"220 mail ESMTP\r\n\r\n"), Cause.PROXY_UNREACHABLE, ""),
        (babbling(b"X-Endless: yes\r\n"), Cause.PROXY_UNREACHABLE, ""),
        (babbling(b"HTTP/1.1 200 OK\r\nX-A: b\r\n"), Cause.PROXY_UNREACHABLE, "a head of"),
        (saying(b"HTTP/1.1 503 No\r\n\r\n"), Cause.PROXY_UPSTREAM_FAILED, "503"),
        (saying(b"HTTP/1.1 301 Go\r\nLocation: /\r\n\r\n"), Cause.PROXY_DENIED, "301"),
    ],
)
async def test_what_is_no_proxy_is_named_for_what_it_did(
    site: Behind, habit: object, cause: Cause, said: str
) -> None:
    async with rude(habit) as port:  # type: ignore[arg-type]
        target = make_target(HTTPS, "good.test", timeout=0.5 if habit is silent else 5)
        tools = make_tools(environ={"HTTPS_PROXY": f"http://127.0.0.1:{port}"})
        attempt = await prober("http")(target, tools)
    verdict = diagnose(target, attempt)
    assert verdict.cause is cause
    assert said in verdict.detail


async def test_a_proxy_whose_name_is_unknown_is_blamed_itself() -> None:
    target = make_target(HTTPS, "good.test")
    tools = make_tools(environ={"HTTPS_PROXY": "http://proxy.test:3128"})
    verdict = diagnose(target, await prober("http")(target, tools))
    assert verdict.cause is Cause.PROXY_UNREACHABLE
    assert "proxy.test:3128" in verdict.detail


@pytest.mark.parametrize("name", ["secure", "open"])
async def test_a_proxy_that_can_not_be_trusted_is_blamed_itself(
    site: Behind, tmp_path: Path, name: str
) -> None:
    other = Authority(tmp_path, "Somebody Else CA")
    target = make_target(HTTPS, "good.test", site.ports["https"])
    tools = make_tools(ca_file=other.file, environ=site.proxy(name, scheme="https"))
    attempt = await prober("http")(target, tools)
    verdict = diagnose(target, attempt)
    assert verdict.cause is Cause.PROXY_UNREACHABLE
    assert "TLS with the proxy fails" in verdict.detail


async def test_tcp_and_instance_metadata_pass_the_proxy_by(site: Behind) -> None:
    environ = site.proxy("closed")
    _, attempt = await site.probe(environ, protocol=TCP, address="127.0.0.1")
    assert (attempt.failure, attempt.proxy) == (None, None)
    with metadata() as server:
        target = make_target(HTTP, "127.0.0.1", server.server_port, prober="imds")
        attempt = await prober("imds")(target, make_tools(environ=environ))
    assert (attempt.failure, attempt.proxy) == (None, None)


@pytest.mark.parametrize(
    ("mode", "choice", "proxied"),
    [
        (ProxyMode.ENVIRONMENT, None, True),
        (ProxyMode.ENVIRONMENT, ProxyChoice(ProxyUse.NONE), False),
        (ProxyMode.NONE, None, False),
        (ProxyMode.NONE, ProxyChoice(ProxyUse.ENVIRONMENT), True),
    ],
)
async def test_a_target_may_go_another_way_than_the_others(
    site: Behind, mode: ProxyMode, choice: ProxyChoice | None, proxied: bool
) -> None:
    settings = ProxySettings(mode)
    _, attempt = await site.probe(
        site.proxy("tiny"), settings=settings, proxy=choice, address="127.0.0.1"
    )
    assert attempt.failure is None
    assert (attempt.proxy is not None) is proxied
    assert attempt.beside is None


async def test_a_target_may_have_a_proxy_of_its_own_whatever_no_proxy_says(site: Behind) -> None:
    url = f"http://127.0.0.1:{site.ports['login']}"
    settings = ProxySettings(ProxyMode.NONE, username=USER, password=Secret(PASSWORD))
    choice = ProxyChoice(ProxyUse.FIXED, url)
    _, attempt = await site.probe({"NO_PROXY": "*"}, settings=settings, proxy=choice)
    assert attempt.failure is None
    assert attempt.proxy == f"127.0.0.1:{site.ports['login']}"


@pytest.mark.parametrize(
    ("name", "no_proxy", "options", "taken", "found"),
    [
        ("tiny", "", {}, True, Comparison.BOTH),
        ("tiny", "good.test", {}, False, Comparison.BOTH),
        ("closed", "", {}, True, Comparison.DIRECT_ONLY),
        ("closed", "good.test", {}, False, Comparison.DIRECT_ONLY),
        # Directly the name does not resolve; squid knows it.
        ("open", "", {"address": None}, True, Comparison.PROXY_ONLY),
        ("open", "good.test", {"address": None}, False, Comparison.PROXY_ONLY),
        ("tiny", "", {"connect_port": 9}, True, Comparison.NEITHER),
    ],
)
async def test_both_ways_are_compared_and_the_runners_way_decides(
    site: Behind,
    name: str,
    no_proxy: str,
    options: dict[str, object],
    taken: bool,
    found: Comparison,
) -> None:
    environ = site.proxy(name) | {"NO_PROXY": no_proxy}
    target, attempt = await site.probe(
        environ,
        proxy=BOTH,
        **{"address": "127.0.0.1", **options},  # type: ignore[arg-type]
    )
    assert comparison(attempt) is found
    assert (attempt.proxy is not None) is taken
    assert attempt.beside is not None
    assert (attempt.beside.proxy is None) is taken
    works = {
        Comparison.BOTH: True,
        Comparison.NEITHER: False,
        Comparison.PROXY_ONLY: taken,
        Comparison.DIRECT_ONLY: not taken,
    }
    assert attempt.ok is works[found]
    verdict = diagnose(target, attempt)
    other = "through" if not taken else "directly"
    assert verdict.evidence["other_way"].startswith(other)
    if found is Comparison.DIRECT_ONLY and taken:
        assert "Directly it is reached, only through the proxy it fails." in verdict.detail
        assert "NO_PROXY" in verdict.cure
    if found is Comparison.PROXY_ONLY and not taken:
        assert "reached only through the proxy" in verdict.detail


async def test_with_no_proxy_to_compare_there_is_one_way(site: Behind) -> None:
    for settings in (ProxySettings(ProxyMode.BOTH), ProxySettings()):
        _, attempt = await site.probe({}, settings=settings, proxy=BOTH, address="127.0.0.1")
        assert (attempt.failure, attempt.beside) == (None, None)
