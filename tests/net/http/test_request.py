"""Requests are one head without a body, and no part of them can end it early."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.net.http.request import USER_AGENT, authority, encode_request


@pytest.mark.parametrize(
    ("host", "port", "default", "expected"),
    [
        ("a.example", 443, 443, "a.example"),
        ("a.example", 8443, 443, "a.example:8443"),
        ("a.example", 443, None, "a.example:443"),
        ("2001:db8::1", 443, 443, "[2001:db8::1]"),
        ("2001:db8::1", 80, 443, "[2001:db8::1]:80"),
    ],
)
def test_an_authority_omits_the_default_port(
    host: str, port: int, default: int | None, expected: str
) -> None:
    assert authority(host, port, default) == expected


def test_a_request_names_the_monitor_and_closes_the_connection() -> None:
    assert encode_request("GET", "/x?y", "a.example", {"X-A": "1"}) == (
        b"GET /x?y HTTP/1.1\r\nHost: a.example\r\nUser-Agent: " + USER_AGENT.encode() + b"\r\n"
        b"Accept: */*\r\nConnection: close\r\nX-A: 1\r\n\r\n"
    )


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_no_part_ends_the_head_early(target: str, host: str, value: str) -> None:
    try:
        head = encode_request("GET", target, host, {"X-A": value})
    except ValueError:
        return
    assert head.endswith(b"\r\n\r\n")
    assert head.count(b"\r\n") == 7
    assert head.split(b"\r\n")[0].count(b" ") == 2


@pytest.mark.parametrize("part", ["a b", "a\r\nX: y", "", "ä", "a\x00"])
def test_a_space_or_control_character_is_refused(part: str) -> None:
    for arguments in ((part, "/", "a"), ("GET", part, "a"), ("GET", "/", part)):
        with pytest.raises(ValueError, match="visible ASCII"):
            encode_request(*arguments)
    with pytest.raises(ValueError, match="printable"):
        encode_request("GET", "/", "a", {"X-A": "b\nc"})
