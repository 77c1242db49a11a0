"""The sentence and the remediation of a failure at the proxy, by what was observed. Pure."""

from __future__ import annotations

from monitor.model.probe_result import Failure, FailureKind, Phase

K = FailureKind
Templates = tuple[str, str]

_NAME_KINDS = frozenset(
    {K.DNS_RCODE, K.DNS_NODATA, K.DNS_ALIAS, K.DNS_SINKHOLE, K.HOSTS_SINKHOLE, K.NO_FAMILY}
)
_NAME = (
    "The name of the proxy {proxy} gives no usable address: {error}.",
    "Correct the name in HTTPS_PROXY and HTTP_PROXY, or its record at the name server that this "
    "subnet uses.",
)
_TLS = (
    "The proxy {proxy} can't be used: {error}.",
    "Check that the proxy speaks TLS on this port (otherwise write http:// in HTTPS_PROXY) and "
    "that its certificate is valid for that name; if a private CA issued it, add the CA to the "
    "runner's CA bundle (SSL_CERT_FILE, AWS_CA_BUNDLE).",
)
_NO_ANSWER = (
    "The proxy {proxy} accepted the connection, but gave no complete answer to CONNECT to "
    "{host}:{port}: {error}.",
    "Check that an HTTP proxy listens on that port; if it does, ask its operators whether it "
    "reaches {host}:{port}. If {host} may be reached directly, add it to NO_PROXY.",
)
_LOGIN = (
    "The proxy {proxy} answers CONNECT to {host}:{port} with status 511: this network wants a "
    "login.",
    "Ask the operators of the proxy to exempt the runner's subnet from the login; a runner can't "
    "sign in to a portal.",
)
_NOT_200 = (
    "The proxy {proxy} answers CONNECT to {host}:{port} with status {code}. Go, which the runner "
    "is written in, accepts 200 only.",
    "Ask the proxy's operators to answer CONNECT with 200; if {host} may be reached directly, add "
    "it to NO_PROXY.",
)
_REDIRECT = (
    "The proxy {proxy} redirects CONNECT to {host}:{port} (status {code}) instead of opening a "
    "tunnel: a login page, or not a proxy.",
    "Check that HTTPS_PROXY names an HTTP proxy; if it does, ask its operators to allow CONNECT to "
    "{host}:{port} without a login page.",
)
_NO_CONNECT = (
    "The proxy {proxy} answers CONNECT to {host}:{port} with status {code}: it does not support "
    "CONNECT for that port, or it is not a proxy.",
    "Check that HTTPS_PROXY names an HTTP proxy that allows CONNECT to port {port}, not a web "
    "server or a reverse proxy.",
)
_LIMITED = (
    "The proxy {proxy} limits its clients: it answers CONNECT to {host}:{port} with status 429.",
    "Ask the proxy's operators to raise the limit for this subnet.",
)
_FAILED = (
    "The proxy {proxy} failed to open a tunnel to {host}:{port}: {error}.",
    "Ask the proxy's operators to look for this error in its log; if {host} may be reached "
    "directly, add it to NO_PROXY.",
)
_BY_STATUS = {
    "400": _NO_CONNECT,
    "404": _NO_CONNECT,
    "405": _NO_CONNECT,
    "429": _LIMITED,
    "500": _FAILED,
    "501": _NO_CONNECT,
    "511": _LOGIN,
}
_UNKNOWN_PROXY = (
    "Something on the path to {host} answers as a proxy that wants a login (status 407), although "
    "no proxy is configured for {host}.",
    "Ask the operators of this network which proxy is on the path (a transparent or intercepting "
    "proxy), and to exempt this subnet from its login.",
)


def proxy_text(failure: Failure, *, proxied: bool) -> Templates | None:
    """Return the templates of sentence and remediation about a proxy; None if those of the
    cause's record fit."""
    if failure.kind is K.PROXY_STATUS:
        return _connect_text((failure.code or "").partition(" ")[0])
    if failure.kind is K.HTTP_STATUS:
        return _UNKNOWN_PROXY if failure.code == "407" and not proxied else None
    if not proxied:
        return None
    if failure.kind is K.PROXY_TLS:
        return _TLS
    if failure.kind in _NAME_KINDS and failure.phase is Phase.RESOLVE:
        return _NAME
    silent = failure.kind in {K.TIMEOUT, K.CLOSED, K.OS_ERROR}
    return _NO_ANSWER if silent and failure.phase is Phase.PROXY else None


def _connect_text(status: str) -> Templates | None:
    if len(status) == 3 and status[0] in "12":
        return _NOT_200
    return _REDIRECT if len(status) == 3 and status[0] == "3" else _BY_STATUS.get(status)
