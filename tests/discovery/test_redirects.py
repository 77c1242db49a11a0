"""The redirect audit: what is reported, what is refused, and that nothing makes it grow.

Covers: monitor/catalog/coverage.py
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.catalog.coverage import matches
from monitor.catalog.wildcard_samples import REDIRECTS, DiscoveryState, redirect_id
from monitor.discovery.redirects import (
    PER_SOURCE,
    SOURCES_KEPT,
    noted,
    place_of,
    redirect_seen_in,
    refusal,
    remembered,
)
from monitor.discovery.walk import RedirectSeen
from monitor.model.discovery import UnlistedHost
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import Connection, Family, HttpFacts, ProbeResult
from monitor.model.settings import DiscoverySettings
from monitor.model.target import AddressPolicy
from monitor.net.sockets.address_policy import denial_reason
from tests.discovery.support import SETTINGS, by_id, targets

ROWS = targets()
DOWNLOADS = "https://vscode.download.prss.microsoft.com/dbazure/x"
SMALL = replace(SETTINGS, discovery=DiscoverySettings(max_hosts=5))
PRIVATE = replace(SETTINGS, discovery=DiscoverySettings(allow_private=True))


def seen(
    *redirects_seen: RedirectSeen, settings=SETTINGS, now: float = 100.0
) -> tuple[UnlistedHost, ...]:
    hosts: tuple[UnlistedHost, ...] = ()
    for redirect_seen in redirects_seen:
        hosts = noted(hosts, redirect_seen, ROWS, now, settings)
    return hosts


@pytest.mark.parametrize(
    "url",
    [
        "https://download-cdn.jetbrains.com/idea/x",  # a row's own host
        "https://d111111abcdef8.cloudfront.net/x",  # a wildcard's
        "https://a.b.gallerycdn.vsassets.io/",
        "https://update.code.visualstudio.com/x",  # the host of a path wildcard
        "https://us01.gitpod.dev:8443/",
        "https://UPDATE.code.visualstudio.com/",
        "https://update.code.visualstudio.com./",
    ],
)
def test_what_a_row_covers_is_not_reported(url: str) -> None:
    assert seen(RedirectSeen("vscode-server-x64", url)) == ()


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        (DOWNLOADS, "vscode.download.prss.microsoft.com", 443),
        ("https://cloudfront.net/", "cloudfront.net", 443),
        ("https://evilcloudfront.net/", "evilcloudfront.net", 443),
        ("https://us01.gitpod.dev:9443/", "us01.gitpod.dev", 9443),
        ("http://update.code.visualstudio.com/", "update.code.visualstudio.com", 80),
        ("https://93.184.216.34/", "93.184.216.34", 443),
        ("https://[2606:2800:220:1::1]/", "2606:2800:220:1::1", 443),
    ],
)
def test_what_no_row_covers_is(url: str, host: str, port: int) -> None:
    (found,) = seen(RedirectSeen("vscode-server-x64", url))
    assert (found.host, found.port, found.denial_reason) == (host, port, "")
    assert found.sources == ("vscode-server-x64",)


@pytest.mark.parametrize(
    "url",
    [
        "(unreadable)",
        "",
        "https://",
        "https:///path",
        "ftp://files.example.com/",
        "javascript:alert(1)",
        "https://exa mple.com/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://127.1/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://017700000001/",
        "https://-a.example.com/",
        "https://a..example.com/",
        f"https://{'a' * 64}.example.com/",
        f"https://{'a.' * 130}com/",
        "https://<script>.example.com/",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https://\u202eexample.com/",
    ],
)
def test_junk_is_no_host(url: str) -> None:
    assert seen(RedirectSeen("vscode-server-x64", url)) == ()


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "127.0.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "fd00:ec2::254",
        "fe80::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "::ffff:0:169.254.169.254",
        "::10.0.0.1",
        "fec0::1",
        "2002:0a00:0001::1",
        "localhost",
        "intranet",
        "ip-10-0-0-1.ec2.internal",
        "printer.local",
        "a.home.arpa",
    ],
)
def test_what_is_of_a_private_network_is_told_and_never_a_target(host: str) -> None:
    shown = f"[{host}]" if ":" in host else host
    (found,) = seen(RedirectSeen("app-gitpod-io", f"https://{shown}/latest/meta-data"))
    assert found.denial_reason
    built = targets(found=DiscoveryState(hosts=(found,)))
    assert [t for t in built if t.group == REDIRECTS] == []


def test_private_addresses_are_allowed_by_configuration_but_never_link_local_ones() -> None:
    allowed = ("10.0.0.1", "127.0.0.1", "fd00::1", "intranet", "a.ec2.internal")
    assert [refusal(host, AddressPolicy.PRIVATE) for host in allowed] == [""] * len(allowed)
    never = ("169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0", "ff02::1")
    embedded = ("64:ff9b:1::a9fe:a9fe", "::169.254.169.254", "::ffff:0:169.254.169.254")
    for host in (*never, *embedded, "fd00:ec2::254", "fd00:ec2::23"):
        assert refusal(host, AddressPolicy.PRIVATE)
        assert denial_reason(host, AddressPolicy.PUBLIC)


def test_what_the_configuration_names_itself_is_dialled_wherever_it_is() -> None:
    assert denial_reason("169.254.169.254", AddressPolicy.ANY) == ""


def test_an_unlisted_host_becomes_a_target_that_is_not_required() -> None:
    (found,) = seen(RedirectSeen("vscode-server-x64", DOWNLOADS))
    target = by_id(targets(found=DiscoveryState(hosts=(found,))))[
        "redirect-vscode.download.prss.microsoft.com"
    ]
    assert target.endpoint.prober == "tls"
    assert not target.endpoint.required
    assert target.address_policy is AddressPolicy.PUBLIC
    assert target.endpoint.path == "/"
    assert "vscode-server-x64" in target.endpoint.note


def test_a_host_is_one_target_whoever_redirects_there() -> None:
    names = [f"source-{n:02}" for n in range(20)]
    (found,) = seen(*(RedirectSeen(name, f"{DOWNLOADS}?{name}") for name in names))
    assert len(found.sources) == SOURCES_KEPT
    assert list(found.sources) == sorted(found.sources)


def test_ten_thousand_hosts_of_one_endpoint_take_up_the_room_of_a_few() -> None:
    redirects_seen = [
        RedirectSeen("app-gitpod-io", f"https://h{n}.example.com/") for n in range(10_000)
    ]
    assert len(seen(*redirects_seen)) == PER_SOURCE
    honest = RedirectSeen("vscode-server-x64", DOWNLOADS)
    assert seen(*redirects_seen, honest)[-1].host == "vscode.download.prss.microsoft.com"


def test_no_more_are_kept_than_the_limit() -> None:
    redirects_seen = [RedirectSeen(f"source-{n}", f"https://h{n}.example.com/") for n in range(100)]
    assert len(seen(*redirects_seen, settings=SMALL)) == 5


def test_a_host_is_forgotten_when_nobody_redirects_there_any_more() -> None:
    hosts = seen(RedirectSeen("vscode-server-x64", DOWNLOADS), now=1_000.0)
    day = SETTINGS.discovery.forget_after
    assert remembered(hosts, ROWS, 1_000.0 + day, SETTINGS) == hosts
    assert remembered(hosts, ROWS, 1_001.0 + day, SETTINGS) == ()
    again = noted(hosts, RedirectSeen("vscode-server-x64", DOWNLOADS), ROWS, 50_000.0, SETTINGS)
    assert (again[0].first_seen, again[0].last_seen) == (1_000.0, 50_000.0)


def test_a_host_that_a_row_covers_by_now_is_dropped() -> None:
    hosts = seen(RedirectSeen("vscode-server-x64", DOWNLOADS))
    row = by_id(ROWS)["app-ona-com"].endpoint
    own = replace(row, id="own", host="vscode.download.prss.microsoft.com")
    settings = replace(SETTINGS, endpoints=(own,))
    assert remembered(hosts, targets(settings=settings), 100.0, settings) == ()
    built = targets(settings=settings, found=DiscoveryState(hosts=hosts))
    assert [t.id for t in built if t.group == REDIRECTS] == []


def test_a_row_that_is_off_covers_nothing() -> None:
    settings = replace(SETTINGS, registries=())
    rows = targets(settings=settings)
    hosts = noted((), RedirectSeen("registry-mcr", "https://ghcr.io/"), rows, 1.0, settings)
    assert [host.host for host in hosts] == ["ghcr.io"]


def answered(redirect: str | None) -> ProbeResult:
    http = HttpFacts("1.1", 302, {}, 0, 0, redirect=redirect)
    connection = Connection("192.0.2.1", 443, Family.IPV4, {}, http=http)
    return ProbeResult("x", 0.0, 0.1, connections=(connection,))


def test_only_the_redirects_that_a_runner_would_follow_are_looked_at() -> None:
    rows = by_id(ROWS)
    assert redirect_seen_in(rows["vscode-server-x64"], answered(DOWNLOADS)) is not None
    assert redirect_seen_in(rows["vscode-server-x64"], answered(None)) is None
    assert redirect_seen_in(rows["vscode-server-x64"], None) is None
    assert redirect_seen_in(rows["aws-s3"], answered("https://aws.amazon.com/s3/")) is None
    derived = replace(rows["vscode-server-x64"].endpoint, group=REDIRECTS)
    assert redirect_seen_in(replace(ROWS[0], endpoint=derived), answered(DOWNLOADS)) is None


@given(st.text(max_size=300))
def test_no_text_is_more_than_a_host_that_can_be(text: str) -> None:
    for url in (text, f"https://{text}/", f"https://{text}"):
        place = place_of(url)
        if place is not None:
            assert place.host.isascii()
            assert place.host == place.host.lower()
            assert len(place.host) <= 253
            assert not set(place.host) & set("@?#/% \n\"'<>{}")
            assert 0 < place.port < 65_536


@given(st.from_regex(r"[a-z]{1,60}(\.[a-z]{1,60}){1,3}", fullmatch=True), st.integers(1, 65_535))
def test_ids_are_stable_different_and_fit_into_a_label(host: str, port: int) -> None:
    assert redirect_id(host, port) == redirect_id(host, port)
    assert len(redirect_id(host, port)) <= 99
    assert redirect_id(host, port) != redirect_id(host, port % 65_535 + 1)
    assert redirect_id(host, port) != redirect_id(f"{host}x", port)


@given(st.from_regex(r"[a-z.-]{0,30}", fullmatch=True))
def test_a_wildcard_of_hosts_covers_names_below_it_only(name: str) -> None:
    host = f"{name}cloudfront.net"
    assert matches("*.cloudfront.net", host, "/") == (name.endswith(".") and name != ".")


def test_a_wildcard_in_a_path_takes_one_segment() -> None:
    wildcard = "releases.gitpod.io/vscode/releases/*/vscode-remote.vsix"
    path = "/vscode/releases/{}/vscode-remote.vsix"
    assert matches(wildcard, "releases.gitpod.io", path.format("2025.1"))
    for segment in ("", "a/b", "../../x"):
        assert not matches(wildcard, "releases.gitpod.io", path.format(segment))
    assert not matches(wildcard, "other.gitpod.io", path.format("2025.1"))


def test_protocols_are_those_of_the_redirect() -> None:
    hosts = seen(
        RedirectSeen("a", "http://plain.example.com/"),
        RedirectSeen("a", "https://plain.example.com/"),
    )
    assert [(h.protocol, h.port) for h in hosts] == [(Protocol.HTTP, 80), (Protocol.HTTPS, 443)]


def test_an_internationalized_host_is_the_one_that_go_dials():
    place = place_of("https://Straße.example:8443/x")
    assert place is not None
    assert (place.host, place.port) == ("xn--strae-oqa.example", 8443)
    assert place_of("https://a\u200db.example/") is None


def test_a_page_that_unrelated_hosts_redirect_to_is_a_portal_and_is_not_probed() -> None:
    portal = "https://login.portal.example/guest"
    sources = ("vscode-server-x64", "jetbrains-download", "app-gitpod-io")
    (first,) = seen(*(RedirectSeen(name, portal) for name in sources[:2]))
    assert first.denial_reason == ""
    hosts = seen(*(RedirectSeen(name, portal) for name in sources))
    (found,) = hosts
    assert "login page of the network" in found.denial_reason
    many = [t.id for t in ROWS if t.host == "releases.gitpod.io"][:SOURCES_KEPT]
    assert len(many) == SOURCES_KEPT
    (late,) = seen(*(RedirectSeen(name, portal) for name in (*many, *sources)))
    assert late.denial_reason == found.denial_reason
    assert len(late.sources) == SOURCES_KEPT
    (kept,) = remembered(hosts, ROWS, 101.0, SETTINGS)
    assert kept.denial_reason == found.denial_reason
