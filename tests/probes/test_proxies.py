"""Probing through real proxies, squid and tinyproxy, and through what only claims to be one.

Covers: monitor/probes/proxy_paths.py, monitor/probes/transport.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.diagnosis.causes import diagnose
from monitor.diagnosis.proxy_path import Comparison, comparison
from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import Phase, ProbeResult
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
from tests.probes.support import make_probe_context, make_target

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
    ) -> tuple[Target, ProbeResult]:
        protocol = options.pop("protocol", HTTPS)
        assert isinstance(protocol, Protocol)
        port = options.pop("port", self.ports["https" if protocol is not HTTP else "http"])
        proxy = options.pop("settings", None)
        target = make_target(protocol, host, port, timeout=3, **options)  # type: ignore[arg-type]
        probe_context = make_probe_context(
            ca_file=self.authority.file, environ=environ, proxy=proxy
        )  # type: ignore[arg-type]
        return target, await prober(target.endpoint.prober)(target, probe_context)


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
    _, probe_result = await site.probe(site.proxy(name, login, scheme), protocol=protocol)
    assert probe_result.failure is None
    assert probe_result.proxy == f"127.0.0.1:{site.ports[name]}"
    assert probe_result.primary is not None
    phases = probe_result.primary.phases
    assert {Phase.RESOLVE, Phase.CONNECT, Phase.PROXY, Phase.TLS} <= phases.keys()
    assert all(seconds > 0 for phase, seconds in phases.items() if phase is not Phase.RESOLVE)
    assert probe_result.primary.tls is not None
    assert probe_result.primary.tls.chain[0].names == ("good.test", "denied.test")


@pytest.mark.parametrize(("name", "login"), [("tiny", ""), ("tiny_login", "mon:pass-word")])
async def test_tinyproxy_opens_a_tunnel(site: Behind, name: str, login: str) -> None:
    # It resolves names as this host does, so the address is given instead.
    _, probe_result = await site.probe(site.proxy(name, login), address="127.0.0.1")
    assert probe_result.failure is None
    assert Phase.PROXY in probe_result.phases


@pytest.mark.parametrize(("name", "login"), [("open", ""), ("login", LOGIN)])
async def test_plain_http_is_asked_of_the_proxy_itself(site: Behind, name: str, login: str) -> None:
    _, probe_result = await site.probe(site.proxy(name, login), protocol=HTTP)
    assert probe_result.failure is None
    assert probe_result.primary is not None
    assert probe_result.primary.http is not None
    assert "squid" in probe_result.primary.http.headers["via"]


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
    target, probe_result = await site.probe(site.proxy(name, login), **options)  # type: ignore[arg-type]
    diagnosis = diagnose(target, probe_result)
    assert diagnosis.cause is cause
    assert f"127.0.0.1:{site.ports[name]}" in diagnosis.detail
    assert "wrong" not in repr((probe_result, diagnosis))


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
        probe_context = make_probe_context(environ={"HTTPS_PROXY": f"http://127.0.0.1:{port}"})
        probe_result = await prober("http")(target, probe_context)
    diagnosis = diagnose(target, probe_result)
    assert diagnosis.cause is cause
    assert said in diagnosis.detail


async def test_a_proxy_whose_name_is_unknown_is_blamed_itself() -> None:
    target = make_target(HTTPS, "good.test")
    probe_context = make_probe_context(environ={"HTTPS_PROXY": "http://proxy.test:3128"})
    diagnosis = diagnose(target, await prober("http")(target, probe_context))
    assert diagnosis.cause is Cause.PROXY_UNREACHABLE
    assert "proxy.test:3128" in diagnosis.detail


@pytest.mark.parametrize("name", ["secure", "open"])
async def test_a_proxy_that_can_not_be_trusted_is_blamed_itself(
    site: Behind, tmp_path: Path, name: str
) -> None:
    other = Authority(tmp_path, "Somebody Else CA")
    target = make_target(HTTPS, "good.test", site.ports["https"])
    probe_context = make_probe_context(ca_file=other.file, environ=site.proxy(name, scheme="https"))
    probe_result = await prober("http")(target, probe_context)
    diagnosis = diagnose(target, probe_result)
    assert diagnosis.cause is Cause.PROXY_UNREACHABLE
    assert "TLS with the proxy fails" in diagnosis.detail


async def test_tcp_and_instance_metadata_pass_the_proxy_by(site: Behind) -> None:
    environ = site.proxy("closed")
    _, probe_result = await site.probe(environ, protocol=TCP, address="127.0.0.1")
    assert (probe_result.failure, probe_result.proxy) == (None, None)
    with metadata() as server:
        target = make_target(HTTP, "127.0.0.1", server.server_port, prober="imds")
        probe_result = await prober("imds")(target, make_probe_context(environ=environ))
    assert (probe_result.failure, probe_result.proxy) == (None, None)


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
    _, probe_result = await site.probe(
        site.proxy("tiny"), settings=settings, proxy=choice, address="127.0.0.1"
    )
    assert probe_result.failure is None
    assert (probe_result.proxy is not None) is proxied
    assert probe_result.alternate is None


async def test_a_target_may_have_a_proxy_of_its_own_whatever_no_proxy_says(site: Behind) -> None:
    url = f"http://127.0.0.1:{site.ports['login']}"
    settings = ProxySettings(ProxyMode.NONE, username=USER, password=Secret(PASSWORD))
    choice = ProxyChoice(ProxyUse.FIXED, url)
    _, probe_result = await site.probe({"NO_PROXY": "*"}, settings=settings, proxy=choice)
    assert probe_result.failure is None
    assert probe_result.proxy == f"127.0.0.1:{site.ports['login']}"


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
    target, probe_result = await site.probe(
        environ,
        proxy=BOTH,
        **{"address": "127.0.0.1", **options},  # type: ignore[arg-type]
    )
    assert comparison(probe_result) is found
    assert (probe_result.proxy is not None) is taken
    assert probe_result.alternate is not None
    assert (probe_result.alternate.proxy is None) is taken
    works = {
        Comparison.BOTH: True,
        Comparison.NEITHER: False,
        Comparison.PROXY_ONLY: taken,
        Comparison.DIRECT_ONLY: not taken,
    }
    assert probe_result.ok is works[found]
    diagnosis = diagnose(target, probe_result)
    other = "through" if not taken else "directly"
    assert diagnosis.evidence["other_way"].startswith(other)
    if found is Comparison.DIRECT_ONLY and taken:
        assert "Directly it is reached, only through the proxy it fails." in diagnosis.detail
        assert "NO_PROXY" in diagnosis.remediation
    if found is Comparison.PROXY_ONLY and not taken:
        assert "reached only through the proxy" in diagnosis.detail


async def test_with_no_proxy_to_compare_there_is_one_way(site: Behind) -> None:
    for settings in (ProxySettings(ProxyMode.BOTH), ProxySettings()):
        _, probe_result = await site.probe({}, settings=settings, proxy=BOTH, address="127.0.0.1")
        assert (probe_result.failure, probe_result.alternate) == (None, None)
