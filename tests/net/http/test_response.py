"""Requests and the response parser: framing, bounds, and rubbish.

Covers: monitor/net/http/fields.py
"""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.probe_result import FailureKind
from monitor.net.errors import ExchangeError
from monitor.net.http.fields import Head
from monitor.net.http.request import authority, encode_request
from monitor.net.http.response import HEAD_LIMIT, ResponseParser, check_gzip, decoded

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n"
)
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + LENGTH


@given(st.sampled_from([LENGTH, CHUNKED, INTERIM]), st.data())
def test_an_answer_is_the_same_however_it_is_cut(answer: bytes, data: st.DataObject):
    parser = ResponseParser()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=8)))
    for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True):
        parser.feed(answer[start:end])
    assert parser.done
    assert parser.head is not None
    assert parser.head.status == 200
    assert bytes(parser.body) == b"hello"


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_rubbish_raises_nothing_but_an_exchange_error(parts: list[bytes]):
    for prefix in (b"", b"HTTP/1.1 200 OK\r\n", CHUNKED[:50]):
        parser = ResponseParser()
        try:
            parser.feed(prefix)
            for part in parts:
                parser.feed(part)
            parser.end()
        except (ExchangeError, EOFError):
            pass


def test_a_body_without_length_ends_with_the_stream():
    parser = ResponseParser()
    parser.feed(b"HTTP/1.0 200 OK\r\n\r\nabc")
    assert not parser.done
    parser.end()
    assert parser.done
    assert bytes(parser.body) == b"abc"


def test_a_head_request_has_no_body():
    parser = ResponseParser(method="HEAD")
    parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 123456789\r\n\r\n")
    assert parser.done
    assert parser.head is not None
    assert parser.head.content_length == 123456789


def test_a_large_body_is_read_up_to_the_limit_and_no_further():
    parser = ResponseParser(body_limit=10)
    parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 50)
    assert parser.done
    assert parser.capped
    assert len(parser.body) == 10


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: \u0663\r\n\r\n".encode(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 5000,
        b"HTTP/1.1 103 Early Hints\r\nLink: " + b"y" * HEAD_LIMIT + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * (HEAD_LIMIT // 25 + 1),
        b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64",
        b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"y" * HEAD_LIMIT,
    ],
)
def test_what_is_not_http_is_named_so(answer: bytes):
    with pytest.raises(ExchangeError) as caught:
        ResponseParser().feed(answer)
    assert caught.value.kind is FailureKind.HTTP_FORMAT


@pytest.mark.parametrize("cut", [LENGTH[:-1], CHUNKED[:-4], CHUNKED[:60]])
def test_a_body_cut_short_is_truncated(cut: bytes):
    parser = ResponseParser()
    parser.feed(cut)
    with pytest.raises(ExchangeError) as caught:
        parser.end()
    assert caught.value.kind is FailureKind.HTTP_TRUNCATED


def test_a_head_cut_short_is_an_end_of_stream():
    parser = ResponseParser()
    parser.feed(b"HTTP/1.1 200 OK\r\nServ")
    with pytest.raises(EOFError):
        parser.end()


def test_a_request_is_written_with_host_and_close():
    request = encode_request("GET", "/a", "example.test")
    assert request.startswith(b"GET /a HTTP/1.1\r\nHost: example.test\r\n")
    assert b"Connection: close\r\n" in request
    assert request.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("target", ["/a b", "/a\r\nX: y", "", "/\u00e9"])
def test_a_request_can_not_be_split(target: str):
    with pytest.raises(ValueError, match="visible ASCII"):
        encode_request("GET", target, "example.test")


def test_an_authority_writes_ipv6_in_brackets_and_leaves_the_default_port_out():
    assert authority("::1", 8443, 443) == "[::1]:8443"
    assert authority("example.test", 443, 443) == "example.test"


def test_http2_without_alpn_is_named_at_once():
    with pytest.raises(ExchangeError, match="HTTP/2 without ALPN") as caught:
        ResponseParser().feed(b"\0\0\0\x04\0\0\0\0\0")
    assert caught.value.code == "HTTP2"


def test_a_wrong_first_line_is_refused_while_the_peer_waits():
    with pytest.raises(ExchangeError):
        ResponseParser().feed(b"220 mail.example.test ESMTP\r\n")


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b"blocked")),
        ("x-gzip", gzip.compress(b"blocked")),
        ("GZIP", gzip.compress(b"blocked")),
        ("deflate", zlib.compress(b"blocked")),
        ("deflate", zlib.compress(b"blocked", wbits=-15)),
        ("identity", b"blocked"),
        ("", b"blocked"),
        ("br", b"blocked"),
        ("gzip", b"blocked"),
    ],
)
def test_a_content_coding_is_decoded_if_it_is_what_it_says(coding: str, body: bytes):
    head = Head("1.1", 200, {"content-encoding": coding} if coding else {})
    assert decoded(head, body) == b"blocked"


def test_a_decoded_body_is_bounded_and_may_be_cut_short():
    head = Head("1.1", 200, {"content-encoding": "gzip"})
    bomb = gzip.compress(b"x" * 10_000_000)
    assert len(decoded(head, bomb, 4096)) == 4096
    half = decoded(head, gzip.compress(bytes(range(256)) * 40)[:-40])
    assert bytes(range(256)).startswith(half[:256])


_GZIP = gzip.compress(b"hello world" * 10)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (_GZIP, None),
        (_GZIP + _GZIP, None),
        (b"", None),
        (gzip.compress(b"\0" * 10_000_000), None),
        (b"not gzip at all", FailureKind.HTTP_FORMAT),
        (_GZIP[:-8] + bytes(4) + _GZIP[-4:], FailureKind.HTTP_FORMAT),
        (_GZIP + b"junk behind", FailureKind.HTTP_FORMAT),
        (_GZIP[:-6], FailureKind.HTTP_TRUNCATED),
        (_GZIP[:10], FailureKind.HTTP_TRUNCATED),
        (b"\x1f", FailureKind.HTTP_TRUNCATED),
    ],
)
def test_a_gzip_body_is_read_or_refused_as_by_gos_client(body: bytes, kind: FailureKind | None):
    head = Head("1.1", 200, {"content-encoding": "GZIP"})
    if kind is None:
        check_gzip(head, body, whole=True)
        return
    with pytest.raises(ExchangeError) as error:
        check_gzip(head, body, whole=True)
    assert error.value.kind is kind


def test_a_gzip_body_that_was_not_read_to_its_end_may_end_early():
    check_gzip(Head("1.1", 200, {"content-encoding": "gzip"}), _GZIP[:20], whole=False)


@pytest.mark.parametrize("coding", ["", "identity", "x-gzip", "gzip, gzip", "deflate", "br"])
def test_other_codings_are_left_to_the_reader_as_go_does(coding: str):
    check_gzip(Head("1.1", 200, {"content-encoding": coding}), b"anything", whole=True)
