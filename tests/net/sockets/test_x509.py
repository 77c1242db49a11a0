"""The certificate parser: facts as the cryptography library reads them, and rubbish.

Covers: monitor/net/sockets/der.py, monitor/net/sockets/policies.py
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from monitor.net.sockets.der import DerError
from monitor.net.sockets.x509 import NAMES_LIMIT, parse
from tests.internet.ca import Authority
from tests.oracles.x509 import build
from tests.oracles.x509.inputs import chains

SHOWN = chains()


def test_the_key_hash_is_that_of_the_subject_public_key_info(tmp_path: Path):
    certificate = Authority(tmp_path).issue("a.test").certificate
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raw = certificate.public_bytes(Encoding.DER)
    parsed = parse(raw)
    assert parsed.spki_sha256 == hashlib.sha256(key).hexdigest()
    assert parsed.sha256 == hashlib.sha256(raw).hexdigest()
    assert parsed.serial == certificate.serial_number
    assert parsed.not_after == certificate.not_valid_after_utc.timestamp()
    assert parsed.dns_names == ("a.test",)
    assert not parsed.defect


@given(st.integers(0, len(SHOWN) - 1), st.data())
def test_a_certificate_that_was_changed_is_parsed_or_refused(number: int, data: st.DataObject):
    raw = bytearray(SHOWN[number].chain[0])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        parse(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
        parse(bytes(raw))
    except DerError:
        pass


@given(st.binary(max_size=200))
def test_rubbish_is_no_certificate(data: bytes):
    with pytest.raises(DerError):
        parse(b"\x30" + data)


def test_the_names_that_are_read_are_bounded():
    names = [f"n{n}.test" for n in range(NAMES_LIMIT + 50)]
    made = build.make(build.Spec(build.name("x"), extensions=(build.san(*names),)))
    assert len(parse(made.raw).names) == NAMES_LIMIT


def test_control_characters_in_names_do_not_print():
    names = build.san("a\x1b[31m.test", (0x86, b"http://x/\r\n"))
    made = build.make(build.Spec(build.name("evil\x00\x1b"), extensions=(names,)))
    parsed = parse(made.raw)
    assert all(text.isprintable() for text in (parsed.subject, parsed.common_name, *parsed.names))


def test_a_year_below_one_is_the_first_year():
    valid = ("00000101000000Z", "20991231235959Z")
    made = build.make(build.Spec(build.name("x"), valid=valid))
    assert parse(made.raw).not_before == -62135596800.0


@pytest.mark.parametrize("uri", [b"http://[::1", b"http://a b/", b"spiffe://corp/git", b""])
def test_a_uri_is_a_name_whatever_it_holds(uri: bytes):
    names = build.san("git.corp.test", (0x86, uri))
    made = build.make(build.Spec(build.name("leaf"), extensions=(names,)))
    parsed = parse(made.raw)
    assert (parsed.defect, parsed.dns_names) == ("", ("git.corp.test",))
