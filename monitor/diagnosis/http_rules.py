"""The author of an HTTP response, and the cause and the words that follow from it. Pure.

The author of a response decides whom to ask. The author of a response over TLS that a public CA
verified is the service itself or its own front: no device on the path can write there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from monitor.model.causes import Cause
from monitor.model.endpoint import Source, StatusSet
from monitor.model.probe_result import Connection, Failure, FailureKind, HttpFacts, ProbeResult
from monitor.model.target import Target

C = Cause

_CHARSET = re.compile(r"charset=\"?([\w.:-]{1,40})", re.IGNORECASE)
_LEGAL, _NETWORK_LOGIN = 451, 511
_SERVER_ERRORS = range(500, 600)
_REDIRECTS = range(300, 400)
_SHORT = 50


class Author(StrEnum):
    """The author of a response, as far as it shows."""

    CDN = "cdn"
    PROXY = "proxy"
    FILTER = "filter"
    PORTAL = "portal"
    SERVICE = "service"
    UNKNOWN = "unknown"


_BLOCK_WORDS = re.compile(
    "|".join(
        (
            r"blocked|access (?:is |has been )?denied|access to this (?:web ?)?(?:site|page)",
            r"web ?filter|url filter|not permitted|policy violation|acceptable use",
            r"forbidden by|security policy|categor(?:y|ie):",
            r"zscaler|netskope|fortiguard|forcepoint|websense|blue ?coat|iboss|umbrella",
            r"gesperrt|blockiert|zugriff verweigert|nicht erlaubt|nicht gestattet",  # German
            r"bloqué|accès refusé|accès interdit|non autorisé",  # French
            r"bloquead[oa]|acceso denegado|acceso prohibido",  # Spanish
            r"acesso negado|acesso bloqueado",  # Portuguese
            r"bloccat[oa]|accesso negato",  # Italian
            r"geblokkeerd|toegang geweigerd",  # Dutch
            r"zablokowan|dostęp zabroniony|odmowa dostępu",  # Polish
            r"заблокирован|доступ (?:запрещ|закрыт)",  # Russian
            r"ブロックされ|アクセスが拒否|閲覧が制限",  # Japanese
            r"已被阻止|已被拦截|禁止访问|访问被拒绝|已封鎖",  # Chinese
            r"차단|접근이 거부",  # Korean
        )
    ),
    re.IGNORECASE,
)
"""Words of block pages. Words alone decide nothing: error pages of services use them, too."""

_PORTAL_WORDS = re.compile(
    r"login|log-in|signin|portal|captive|guest|hotspot|splash|wifi|wlan|auth|block|denied|deny|"
    r"filter|forbidden|restricted",
    re.IGNORECASE,
)
"""Words in the address of login pages and block pages."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response with what is known of the connection that it came by."""

    http: HttpFacts
    connection: Connection
    target: Target
    proxied: bool

    @property
    def proven(self) -> bool:
        """Whether a public CA vouches for who answered."""
        tls = self.connection.tls
        return tls is not None and bool(tls.verified) and tls.anchor_public is True

    @property
    def author(self) -> Author:
        """The author, by the status, the fields and the page."""
        fields = self.http.headers
        if self.http.status == _NETWORK_LOGIN:
            return Author.PORTAL
        if self.http.status == _LEGAL and fields.get("link"):
            return Author.FILTER
        if "x-squid-error" in fields or "proxy-status" in fields:
            return Author.PROXY
        if _is_cdn(self.http):
            return Author.CDN
        if self.proven:
            return Author.SERVICE
        return Author.FILTER if self._is_block_page else Author.UNKNOWN

    @property
    def _is_block_page(self) -> bool:
        return (
            is_page(self.http)
            and self.http.status not in _SERVER_ERRORS
            and bool(_BLOCK_WORDS.search(text_of(self.http)))
        )


def response_of(
    target: Target, result: ProbeResult, connection: Connection | None
) -> Response | None:
    """Return the response of a connection; None if there was none."""
    if connection is None or connection.http is None:
        return None
    return Response(connection.http, connection, target, result.proxy is not None)


def status_cause(response: Response | None) -> Cause:
    """Return the cause of a status that the endpoint should not have."""
    if response is None:
        return C.HTTP_STATUS
    match response.author:
        case Author.PORTAL:
            return C.CAPTIVE_PORTAL
        case Author.FILTER:
            return C.HTTP_BLOCKED_PAGE
        case Author.PROXY:
            return _proxy_cause(response)
        case _:
            return C.HTTP_STATUS


def _proxy_cause(response: Response) -> Cause:
    if not response.proxied:
        return C.HTTP_INTERMEDIARY_ERROR
    fields = response.http.headers
    said = fields.get("x-squid-error", "") + fields.get("proxy-status", "")
    denied = "DENIED" in said or "denied" in said or "prohibited" in said
    return C.PROXY_DENIED if denied or response.http.status == 403 else C.PROXY_UPSTREAM_FAILED


def unproven_cause(response: Response | None) -> Cause:
    """Return the cause of a response without the field that proves the service: a web page is not
    the service's, unless a public CA vouches for the server."""
    if response is None:
        return C.HTTP_STATUS
    cause = status_cause(response)
    stranger = cause is C.HTTP_STATUS and is_page(response.http) and not response.proven
    return C.HTTP_BLOCKED_PAGE if stranger and response.author is not Author.CDN else cause


def redirect_cause(response: Response | None) -> Cause | None:
    """Return the cause of a redirect to another domain on a connection that something on the path
    may have written; None if it can be the service's own.

    A service of the catalog may redirect to other domains, so its redirect has to look like a login
    page or a block page. An endpoint of the configuration can expect the redirect by its
    ``expect_status``.
    """
    if response is None or response.http.redirect is None or response.proven:
        return None
    http, endpoint = response.http, response.target.endpoint
    if http.status not in _REDIRECTS or not _is_foreign(http.redirect or "", endpoint.host):
        return None
    tls, configured = response.connection.tls, endpoint.source is Source.CONFIG
    if tls is not None and tls.anchor_public is not False:
        return None
    if configured and _expects(endpoint.expect.statuses, http.status):
        return None
    suspicious = bool(_PORTAL_WORDS.search(http.redirect or ""))
    opened = configured and tls is not None
    return C.HTTP_FOREIGN_REDIRECT if suspicious or opened else None


def _expects(statuses: StatusSet, status: int) -> bool:
    """Whether an endpoint names a status by itself or in a short range, not in one of the wide
    ranges of the default."""
    return any(low <= status <= high and high - low < _SHORT for low, high in statuses.ranges)


def _is_foreign(redirect: str, host: str) -> bool:
    where = redirect.partition("://")[2].partition("/")[0].partition(":")[0]
    return bool(where) and _site(where) != _site(host)


def _site(host: str) -> list[str]:
    return host.lower().rstrip(".").split(".")[-2:]


def http_text(cause: Cause, response: Response | None) -> tuple[str, str] | None:
    """Return the templates of sentence and remediation that fit the author; None if those of
    the cause's record do."""
    if response is None:
        return None
    if cause is C.HTTP_STATUS:
        return _status_text(response)
    if cause is C.PROXY_AUTH_REQUIRED:
        return login_text(response.http.headers.get("proxy-authenticate", ""))
    if cause is C.HTTP_BLOCKED_PAGE and response.http.status == _LEGAL:
        return _LEGALLY_BLOCKED
    return _BY_PROXY.get(cause)


def _status_text(response: Response) -> tuple[str, str] | None:
    if response.author is Author.CDN:
        return _FRONT
    if response.proven:
        return None
    if response.http.status == _LEGAL:
        return _LEGAL_REASONS
    return _UNPROVEN if response.connection.tls is None else _OPENED


_FRONT = (
    "{front}, the service's own front, answers for {host}: {error}.",
    "Ask the owner of {host}: its front ({front}) refuses or fails, and no filter on the path can "
    "answer in its name.",
)
_OPENED = (
    "{host} answers, but not as it should: {error}. Its certificate is of {anchor}, not a public "
    "CA.",
    "If {anchor} inspects TLS on the path, ask its operators whether they forbid {host}; otherwise "
    "ask the owner of {host}.",
)
_UNPROVEN = (
    "{host} answers, but not as it should: {error}. Plain HTTP does not show who answered.",
    "Compare with another network (`curl -v http://{host}/`): if the response differs, something "
    "on "
    "the path answers; otherwise ask the owner of {host}.",
)
_LEGAL_REASONS = (
    "{host} is unavailable for legal reasons (status 451, RFC 7725).",
    "Ask the owner of {host}, or the operator of a filter on the path, who blocks it and why.",
)
_LEGALLY_BLOCKED = (
    "A filter blocks {host} for legal reasons (status 451 with a blocked-by link, RFC 7725).",
    "Ask the operator of the filter, whom the link names, to allow {host}.",
)
_DENIED_BY_PROXY = (
    "The proxy {proxy} denies the request to {host} ({intermediary}).",
    "Ask the proxy's operators to allow {host} for this subnet.",
)
_FAILED_AT_PROXY = (
    "The proxy {proxy} answers in place of {host}: {intermediary}.",
    "Ask the proxy's operators why it can't reach {host}: its own DNS, route or firewall. If "
    "{host} "
    "may be reached directly, add it to NO_PROXY.",
)
_BY_PROXY = {C.PROXY_DENIED: _DENIED_BY_PROXY, C.PROXY_UPSTREAM_FAILED: _FAILED_AT_PROXY}
_OTHER_LOGIN = (
    "The proxy {proxy} accepts only {schemes} for its login. Go, which the runner is written in, "
    "can "
    "only send Basic.",
    "Ask the proxy's operators to exempt this subnet from the login or to accept Basic; or run a "
    "local proxy that speaks {schemes} (cntlm, px) and point HTTPS_PROXY to it.",
)
_CREDENTIALS = "Basic"


def login_text(schemes: str) -> tuple[str, str] | None:
    """Return the templates about a login at the proxy by its schemes ("Negotiate, NTLM"); None
    if Basic is among them or none is named."""
    names = {name.strip().lower() for name in schemes.split(",") if name.strip()}
    return _OTHER_LOGIN if names and _CREDENTIALS.lower() not in names else None


_HTTP2_ONLY = (
    "{host} speaks HTTP/2 only, and the exchange fails: {error}.",
    "Ask the owner of {host}: its HTTP/2 server ends the request; to watch the handshake only, "
    'probe the endpoint with protocol = "tls".',
)
_HTTP2_WITHOUT_ALPN = (
    "{host} speaks HTTP/2 on port {port} without negotiating it by ALPN. Go, which the runner is "
    "written in, then speaks HTTP/1.1.",
    "Ask the owner of {host} to offer h2 by ALPN (RFC 9113 section 3.2); to watch the handshake "
    'only, probe the endpoint with protocol = "tls".',
)


_NO_RESPONSE = (
    "Port {port} of {host} accepted the request and closed the connection without a complete "
    "response.",
    "Compare with another network (`curl -v`). If it closes there too, ask the owner of {host}; "
    "otherwise look for a proxy, load balancer or firewall on the path that ends connections.",
)


def format_text(failure: Failure) -> tuple[str, str] | None:
    """Return the templates about a peer that does not send HTTP/1, by kind and code of the
    failure."""
    if failure.kind is FailureKind.CLOSED:
        return _NO_RESPONSE
    return {"HTTP2": _HTTP2_WITHOUT_ALPN, "HTTP2_ONLY": _HTTP2_ONLY}.get(failure.code or "")


def intermediary(http: HttpFacts | None) -> str:
    """Return the fields by which a proxy names itself and its error, for a sentence."""
    if http is None:
        return "an error of its own"
    fields, said = http.headers, []
    if status := fields.get("proxy-status"):
        said.append(f"Proxy-Status {status}")
    if squid := fields.get("x-squid-error"):
        said.append(f"squid error {squid}")
    if via := fields.get("via"):
        said.append(f"Via {via}")
    return f"status {http.status}" + "".join(f", {part}" for part in said)


def front(http: HttpFacts | None) -> str:
    """Return the CDN that wrote a response, by its fields."""
    server = http.headers.get("server", "").lower() if http else ""
    if http and ("x-amz-cf-id" in http.headers or server == "cloudfront"):
        return "CloudFront"
    return (
        "Cloudflare" if http and ("cf-ray" in http.headers or "cloudflare" in server) else "a CDN"
    )


def _is_cdn(http: HttpFacts) -> bool:
    return front(http) != "a CDN"


def is_page(http: HttpFacts | None) -> bool:
    """Whether a response is a web page."""
    if http is None:
        return False
    kind = http.headers.get("content-type", "").lower()
    return "html" in kind or b"<html" in http.body[:512].lower()


def text_of(http: HttpFacts) -> str:
    """Return the body as text, by the charset of its Content-Type."""
    found = re.search(
        r"charset=\"?([\w.:-]{1,40})", http.headers.get("content-type", ""), re.IGNORECASE
    )
    try:
        return http.body.decode(found[1] if found else "utf-8", "replace")
    except LookupError:
        return http.body.decode("utf-8", "replace")
