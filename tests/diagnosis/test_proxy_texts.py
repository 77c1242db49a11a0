"""Sentences about a proxy by what it answered to CONNECT, or did not."""

from __future__ import annotations

import pytest

from monitor.diagnosis import proxy_texts
from monitor.diagnosis.proxy_texts import proxy_text
from monitor.model.probe_result import Failure, FailureKind, Phase

K, P = FailureKind, Phase


def text(kind: FailureKind, code: str | None = None, phase: Phase = P.PROXY, *, proxied=True):
    return proxy_text(Failure(phase, kind, "x", code=code), proxied=proxied)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("204 No Content", proxy_texts._NOT_200),
        ("100 Continue", proxy_texts._NOT_200),
        ("302 Found", proxy_texts._REDIRECT),
        ("404 Not Found", proxy_texts._NO_CONNECT),
        ("429", proxy_texts._LIMITED),
        ("500", proxy_texts._FAILED),
        ("511", proxy_texts._LOGIN),
        ("403 Forbidden", None),
        ("20", None),
        ("2000", None),
        ("30", None),
        ("3000", None),
        (None, None),
    ],
)
def test_the_status_of_connect_decides(code: str | None, expected: object) -> None:
    assert text(K.PROXY_STATUS, code) == expected


def test_a_proxy_that_is_not_configured_wants_a_login() -> None:
    assert text(K.HTTP_STATUS, "407", P.TRANSFER, proxied=False) == proxy_texts._UNKNOWN_PROXY
    assert text(K.HTTP_STATUS, "407", P.TRANSFER) is None
    assert text(K.HTTP_STATUS, "403", P.TRANSFER, proxied=False) is None


@pytest.mark.parametrize(
    ("kind", "phase", "expected"),
    [
        (K.PROXY_TLS, P.PROXY, proxy_texts._TLS),
        (K.DNS_NODATA, P.RESOLVE, proxy_texts._NAME),
        (K.DNS_NODATA, P.PROXY, None),
        (K.DNS_EDNS, P.CONNECT, None),
        (K.TIMEOUT, P.PROXY, proxy_texts._NO_ANSWER),
        (K.CLOSED, P.PROXY, proxy_texts._NO_ANSWER),
        (K.OS_ERROR, P.PROXY, proxy_texts._NO_ANSWER),
        (K.TIMEOUT, P.TLS, None),
        (K.HTTP_FORMAT, P.PROXY, None),
    ],
)
def test_a_proxy_that_gives_no_status_is_told_by_kind_and_phase(
    kind: FailureKind, phase: Phase, expected: object
) -> None:
    assert text(kind, None, phase) == expected
    assert text(kind, None, phase, proxied=False) is None
