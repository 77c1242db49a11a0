"""A malformed file of the catalogue is refused with the place and the reason."""

import pytest

from monitor.catalog.loader import CatalogError, load_catalog, parse
from monitor.model.endpoint import Expectation, Profile, Protocol, StatusSet

ROW = 'id = "a"\ngroup = "g"\nhost = "a.example"\n'


def document(row: str = "", expect: str = 'statuses = "200"') -> str:
    return f"[expect.one]\n{expect}\n[[endpoint]]\n{ROW}{row}"


def test_a_short_row_is_https_required_and_on() -> None:
    ((row,), _) = parse("x.toml", document())
    assert (row.id, row.host, row.port, row.prober) == ("a", "a.example", 443, "http")
    assert row.protocol is Protocol.HTTPS
    assert (row.required, row.enabled, row.wildcard) == (True, True, None)
    assert row.profiles == frozenset(Profile)
    assert row.expect == Expectation()


def test_a_named_expectation_is_looked_up() -> None:
    text = document('expect = "one"', 'statuses = "200,401"\nheaders = ["www-authenticate"]')
    ((row,), _) = parse("x.toml", text)
    assert row.expect == Expectation(StatusSet(((200, 200), (401, 401))), ("www-authenticate",))


def test_the_prober_and_port_follow_the_protocol() -> None:
    ((row,), _) = parse("x.toml", document('protocol = "udp"'))
    assert (row.prober, row.port) == ("nebula", 4242)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[endpoint", "TOMLDecodeError"),
        ("", "expect"),
        (document("colour = 1"), "colour"),
        (document('protocol = "gopher"'), "gopher"),
        (document('protocol = "tcp"'), "TCP"),
        (document("port = 70000"), "70000"),
        (document("port = true"), "port"),
        (document('expect = "two"'), "two"),
        (document('profiles = ["basic"]'), "basic"),
        (document('method = "POST"'), "POST"),
        (document('path = "no-slash"'), "no-slash"),
        (document('path = "/a/*/b"'), "/a/*/b"),
        (document('wildcard = "a.example"'), "wildcard"),
        (document("required = 1"), "required"),
        (document(expect='statuses = "600"'), "600"),
        (document(expect='statuses = "200"\nheaders = ["Server"]'), "Server"),
        (document(expect='statuses = "200"\nbody = "ok"'), "body"),
        ('[expect]\n[[endpoint]]\nid = "A_b"\ngroup = "g"\nhost = "h"', "A_b"),
        ('[expect]\n[[endpoint]]\nid = "a"\nhost = "h"', "group"),
    ],
)
def test_a_malformed_file_is_refused(text: str, reason: str) -> None:
    with pytest.raises(CatalogError, match=r"x\.toml: ") as caught:
        parse("x.toml", text)
    assert reason in str(caught.value)


def test_the_shipped_catalogue_is_read_once() -> None:
    assert load_catalog() is load_catalog()
    assert len({row.id for row in load_catalog()}) == len(load_catalog())
