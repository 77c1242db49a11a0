"""Who wrote a response decides the cause: the service, its front, a proxy, a filter, a portal."""

from __future__ import annotations

import pytest

from monitor.diagnosis.causes import diagnose
from monitor.diagnosis.http_rules import (
    Response,
    front,
    is_page,
    login_text,
    redirect_cause,
    status_cause,
    text_of,
    unproven_cause,
)
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Endpoint, Expectation, Protocol, Source, StatusSet
from monitor.model.probe_result import (
    Connection,
    Failure,
    FailureKind,
    Family,
    HttpFacts,
    Phase,
    ProbeResult,
    TlsFacts,
)
from monitor.model.target import Target

HTML = {"content-type": "text/html; charset=utf-8"}
BLOCKED = "<html><body>Access to this web site is blocked by the security policy.</body></html>"
PUBLIC, ADDED, UNKNOWN, PLAIN = True, False, None, "plain"


def seen(
    status: int,
    page: str = "",
    *,
    fields: dict[str, str] | None = None,
    anchor: bool | str | None = ADDED,
    proxy: str | None = None,
    redirect: str | None = None,
    source: Source = Source.CONFIG,
    statuses: str = "200-399",
    host: str = "git.corp.test",
) -> Diagnosis:
    expect = Expectation(StatusSet.parse(statuses))
    protocol = Protocol.HTTP if anchor == PLAIN else Protocol.HTTPS
    endpoint = Endpoint("git", "g", host, 443, protocol, "http", expect=expect, source=source)
    failure = None
    if status not in expect.statuses or status in {451, 511}:
        failure = Failure(
            Phase.TRANSFER, FailureKind.HTTP_STATUS, f"was {status}", code=str(status)
        )
    http = HttpFacts("1.1", status, {**HTML, **(fields or {})}, None, 0, page.encode(), redirect)
    public = None if isinstance(anchor, str) else anchor
    tls = TlsFacts(None, None, None, True, None, (), anchor="CN=Corp CA", anchor_public=public)
    connection = Connection(
        "192.0.2.9", 443, Family.IPV4, {}, failure, tls=None if anchor == PLAIN else tls, http=http
    )
    result = ProbeResult("git", 0.0, 1.0, None, (connection,), failure, proxy)
    return diagnose(Target(endpoint, 30.0, 10.0), result)


@pytest.mark.parametrize(
    "page",
    [
        BLOCKED,
        "<html>Der Zugriff auf diese Seite wurde gesperrt.</html>",
        "<html>Accès refusé par la politique de sécurité</html>",
        "<html>Acceso denegado</html>",
        "<html>このページへのアクセスが拒否されました</html>",
        "<html>该网站已被阻止</html>",
        "<html>Доступ запрещён</html>",
    ],
)
@pytest.mark.parametrize("anchor", [ADDED, UNKNOWN, PLAIN])
def test_a_block_page_is_told_in_any_language(page: str, anchor: bool | str | None):
    assert seen(403, page, anchor=anchor).cause is Cause.HTTP_BLOCKED_PAGE


def test_nothing_on_the_path_answers_for_a_server_that_a_public_ca_vouches_for():
    told = seen(403, BLOCKED, anchor=PUBLIC)
    assert told.cause is Cause.HTTP_STATUS
    assert "filter" not in told.detail + told.remediation


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_that_names_an_administrator_is_the_servers(status: int):
    page = "<html>Something failed, please contact the administrator. Access denied.</html>"
    assert seen(status, page).cause is Cause.HTTP_STATUS


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"server": "CloudFront", "x-amz-cf-id": "abc"}, "CloudFront"),
        ({"server": "cloudflare", "cf-ray": "1-FRA"}, "Cloudflare"),
    ],
)
def test_the_front_of_a_service_is_named(fields: dict[str, str], name: str):
    told = seen(403, "<html>Request blocked. You have been blocked.</html>", fields=fields)
    assert told.cause is Cause.HTTP_STATUS
    assert name in told.detail
    assert "web filter" not in told.remediation


def test_that_the_path_is_fine_is_said_only_if_a_public_ca_proves_it():
    for anchor in (ADDED, UNKNOWN, PLAIN):
        assert "path is" not in seen(404, anchor=anchor, statuses="200").remediation
    assert "network path" in seen(404, anchor=PUBLIC, statuses="200").remediation


@pytest.mark.parametrize(
    ("proxy", "fields", "status", "cause"),
    [
        (None, {"proxy-status": "p; error=dns_error"}, 502, Cause.HTTP_INTERMEDIARY_ERROR),
        (None, {"x-squid-error": "ERR_DNS_FAIL 0"}, 503, Cause.HTTP_INTERMEDIARY_ERROR),
        ("p:1", {"x-squid-error": "ERR_DNS_FAIL 0"}, 503, Cause.PROXY_UPSTREAM_FAILED),
        ("p:1", {"x-squid-error": "ERR_ACCESS_DENIED 0"}, 403, Cause.PROXY_DENIED),
        ("p:1", {"proxy-status": "p; error=http_request_denied"}, 403, Cause.PROXY_DENIED),
        ("p:1", {"x-squid-error": "ERR_CACHE_ACCESS_DENIED 0"}, 407, Cause.PROXY_AUTH_REQUIRED),
        ("p:1", {"via": "1.1 varnish"}, 503, Cause.HTTP_STATUS),
    ],
)
def test_a_proxy_that_says_so_is_the_author(
    proxy: str | None, fields: dict[str, str], status: int, cause: Cause
):
    page = "<html>Your cache administrator is webmaster.</html>"
    told = seen(status, page, fields=fields, proxy=proxy, anchor=PLAIN)
    assert told.cause is cause
    assert "web filter" not in told.remediation


def test_a_portal_and_a_legal_block_are_never_the_endpoints_own_answer():
    assert seen(511, statuses="200-599").cause is Cause.CAPTIVE_PORTAL
    legal = seen(451, fields={"link": "blocked-by"}, statuses="200-599")
    assert legal.cause is Cause.HTTP_BLOCKED_PAGE
    assert "legal reasons" in legal.detail


PORTAL = "https://login.portal.example/guest"


@pytest.mark.parametrize(
    ("redirect", "options", "cause"),
    [
        (PORTAL, {}, Cause.HTTP_FOREIGN_REDIRECT),
        (PORTAL, {"source": Source.CATALOG}, Cause.HTTP_FOREIGN_REDIRECT),
        (PORTAL, {"anchor": PUBLIC}, None),
        (PORTAL, {"anchor": UNKNOWN}, None),
        (PORTAL, {"anchor": PLAIN}, Cause.HTTP_FOREIGN_REDIRECT),
        (PORTAL, {"statuses": "302"}, None),
        ("https://cdn.example/x", {}, Cause.HTTP_FOREIGN_REDIRECT),
        ("https://cdn.example/x", {"source": Source.CATALOG}, None),
        ("https://cdn.example/x", {"anchor": PLAIN}, None),
        ("https://www.corp.test/login", {}, None),
        (None, {}, None),
    ],
)
def test_a_redirect_to_another_domain_that_nobody_vouches_for_is_a_strangers(
    redirect: str | None, options: dict[str, object], cause: Cause | None
):
    assert seen(302, redirect=redirect, **options).cause is cause  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schemes", "other"), [("", False), ("Basic", False), ("NTLM, basic", False), ("NTLM", True)]
)
def test_a_login_that_go_can_not_do_is_named(schemes: str, other: bool):
    assert (login_text(schemes) is not None) is other


def test_a_body_is_read_in_its_own_charset():
    page = "gesperrt für Sie".encode("latin-1")
    http = HttpFacts("1.1", 403, {"content-type": "text/html; charset=iso-8859-1"}, None, 0, page)
    assert text_of(http) == "gesperrt für Sie"
    odd = HttpFacts("1.1", 403, {"content-type": "text/html; charset=no-such"}, None, 0, page)
    assert "gesperrt" in text_of(odd)


def test_what_is_seen_behind_a_proxy_says_so():
    told = seen(404, proxy="p:1", statuses="200")
    assert "through the proxy p:1" in told.detail


def response(
    status: int = 403,
    page: bytes = b"",
    *,
    fields: dict[str, str] | None = None,
    proxied: bool = False,
    verified: bool | None = None,
    public: bool | None = None,
) -> Response:
    endpoint = Endpoint("git", "g", "git.corp.test", 443, Protocol.HTTPS, "http")
    tls = None
    if verified is not None:
        tls = TlsFacts(None, None, None, verified, None, (), anchor_public=public)
    http = HttpFacts("1.1", status, fields or {}, None, 0, page)
    connection = Connection("192.0.2.9", 443, Family.IPV4, {}, tls=tls, http=http)
    return Response(http, connection, Target(endpoint, 30.0, 10.0), proxied)


@pytest.mark.parametrize(
    ("fields", "status", "cause"),
    [
        ({"x-squid-error": "ERR_ACCESS_DENIED 0"}, 503, Cause.PROXY_DENIED),
        ({"proxy-status": "p; error=http_request_denied"}, 502, Cause.PROXY_DENIED),
        ({"proxy-status": "p; error=destination_ip_prohibited"}, 502, Cause.PROXY_DENIED),
        ({"proxy-status": "p; error=dns_timeout"}, 403, Cause.PROXY_DENIED),
        ({"proxy-status": "p; error=dns_timeout"}, 404, Cause.PROXY_UPSTREAM_FAILED),
        ({"x-squid-error": "ERR_DNS_FAIL 0"}, 502, Cause.PROXY_UPSTREAM_FAILED),
    ],
)
def test_a_proxy_denies_by_its_word_or_by_403(fields: dict[str, str], status: int, cause: Cause):
    assert status_cause(response(status, fields=fields, proxied=True)) is cause


@pytest.mark.parametrize(
    ("made", "cause"),
    [
        (response(page=b"<html>hello</html>"), Cause.HTTP_BLOCKED_PAGE),
        (response(page=b"hello"), Cause.HTTP_STATUS),
        (response(page=b"<html>", verified=True, public=True), Cause.HTTP_STATUS),
        (response(page=b"<html>", verified=True, public=False), Cause.HTTP_BLOCKED_PAGE),
        (response(page=b"<html>", verified=False, public=True), Cause.HTTP_BLOCKED_PAGE),
        (response(page=b"<html>", fields={"cf-ray": "1"}), Cause.HTTP_STATUS),
        (response(511, page=b"<html>"), Cause.CAPTIVE_PORTAL),
        (None, Cause.HTTP_STATUS),
    ],
)
def test_a_page_where_the_service_proves_itself_is_a_strangers(made: Response | None, cause: Cause):
    assert unproven_cause(made) is cause


def test_no_response_has_no_author():
    assert status_cause(None) is Cause.HTTP_STATUS
    assert redirect_cause(None) is None
    assert redirect_cause(response(302)) is None


@pytest.mark.parametrize(
    ("status", "statuses", "cause"),
    [
        (302, "302,303", None),
        (302, "200-399", Cause.HTTP_FOREIGN_REDIRECT),
        (302, "260-309", None),
        (302, "260-310", Cause.HTTP_FOREIGN_REDIRECT),
        (302, "200-399,302", None),
        (302, "302,200-399", None),
        (300, "300-399", Cause.HTTP_FOREIGN_REDIRECT),
        (399, "300-399", Cause.HTTP_FOREIGN_REDIRECT),
        (299, "200-399", None),
    ],
)
def test_a_redirect_is_expected_by_its_status_or_a_short_range(
    status: int, statuses: str, cause: Cause | None
):
    assert seen(status, redirect=PORTAL, statuses=statuses).cause is cause


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"x-amz-cf-id": "abc"}, "CloudFront"),
        ({"server": "CloudFront"}, "CloudFront"),
        ({"cf-ray": "1-FRA"}, "Cloudflare"),
        ({"server": "cloudflare-nginx"}, "Cloudflare"),
        ({"server": "nginx"}, "a CDN"),
    ],
)
def test_a_front_is_known_by_one_of_its_fields(fields: dict[str, str], name: str):
    assert front(response(fields=fields).http) == name
    assert front(None) == "a CDN"


@pytest.mark.parametrize(
    ("fields", "body", "page"),
    [
        ({"content-type": "Text/HTML"}, b"", True),
        ({"content-type": "application/xhtml+xml; html"}, b"", True),
        ({"content-type": "text/plain"}, b"<HTML>", True),
        ({}, b" " * 507 + b"<html>", True),
        ({}, b" " * 508 + b"<html>", False),
        ({"content-type": "application/json"}, b"{}", False),
    ],
)
def test_a_page_is_known_by_its_type_or_its_beginning(
    fields: dict[str, str], body: bytes, *, page: bool
):
    assert is_page(HttpFacts("1.1", 200, fields, None, 0, body)) is page
    assert not is_page(None)


@pytest.mark.parametrize(
    ("status", "cause"),
    [(499, Cause.HTTP_BLOCKED_PAGE), (500, Cause.HTTP_STATUS), (599, Cause.HTTP_STATUS)],
)
def test_only_a_server_error_may_speak_of_denial(status: int, cause: Cause):
    assert status_cause(response(status, page=BLOCKED.encode())) is cause


def test_a_legal_block_is_a_filters_only_if_it_names_who_blocks():
    assert status_cause(response(451, fields={"link": "blocked-by"})) is Cause.HTTP_BLOCKED_PAGE
    assert status_cause(response(451)) is Cause.HTTP_STATUS
    assert status_cause(response(403, fields={"link": "blocked-by"})) is Cause.HTTP_STATUS
