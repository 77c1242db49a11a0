"""Certificates: decoded like OpenSSL and cryptography do, bounded in time and memory."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import ssl
from collections.abc import Iterable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.model.probe_result import Certificate
from monitor.net.sockets.certificate import CertificateCache, decode

KEY = ec.generate_private_key(ec.SECP256R1())
FROM, UNTIL = (
    dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
    dt.datetime(2049, 12, 31, tzinfo=dt.UTC),
)


def certificate(
    names: Iterable[x509.GeneralName] = (),
    subject: tuple[tuple[x509.ObjectIdentifier, str], ...] = ((NameOID.COMMON_NAME, "x"),),
    until: dt.datetime = UNTIL,
    serial: int = 0x0A1B2C,
) -> bytes:
    name = x509.Name([x509.NameAttribute(kind, value) for kind, value in subject])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "An Issuer")]))
        .public_key(KEY.public_key())
        .serial_number(serial)
        .not_valid_before(FROM)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    if names := list(names):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


def reported(data: bytes) -> Certificate | None:
    found = decode(data)
    return found.certificate if found else None


def openssl(data: bytes, folder: Path) -> dict[str, object]:
    """What Python's ssl module says of a certificate."""
    file = folder / "c.pem"
    file.write_text(ssl.DER_cert_to_PEM_cert(data))
    return ssl._ssl._test_decode_cert(str(file))  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("until", [UNTIL, dt.datetime(2050, 1, 1, tzinfo=dt.UTC)])
@pytest.mark.parametrize("serial", [1, 0x7F, 0x80, 0x0A1B2C, 2**158 - 1])
def test_every_field_is_what_openssl_reads(tmp_path: Path, until: dt.datetime, serial: int):
    subject = (
        (NameOID.COUNTRY_NAME, "US"), (NameOID.ORGANIZATION_NAME, "Müller, Söhne"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Q"), (NameOID.COMMON_NAME, "a.test"),
        (NameOID.LOCALITY_NAME, "not shown"),
    )  # fmt: skip
    names = [
        x509.DNSName("a.test"), x509.DNSName("*.b.test"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.1")), x509.UniformResourceIdentifier("http://c/"),
    ]  # fmt: skip
    data = certificate(names, subject, until, serial)
    found = reported(data)
    oracle = openssl(data, tmp_path)
    assert found is not None
    assert found.subject == "C=US, O=Müller, Söhne, OU=Q, CN=a.test"
    assert found.issuer == "O=An Issuer"
    assert found.names == tuple(value for _, value in oracle["subjectAltName"])  # type: ignore[attr-defined]
    assert found.not_before == ssl.cert_time_to_seconds(str(oracle["notBefore"]))
    assert found.not_after == ssl.cert_time_to_seconds(str(oracle["notAfter"]))
    assert found.serial == oracle["serialNumber"]
    assert found.spki_sha256 is not None


def test_at_most_twenty_names_are_kept_however_many_there_are():
    data = certificate(x509.DNSName(f"n{i}.test") for i in range(5000))
    found = reported(data)
    assert found is not None
    assert found.names == tuple(f"n{i}.test" for i in range(20))


def test_a_name_that_is_not_utf8_is_shown_as_far_as_it_can_be():
    data = certificate([x509.DNSName("qqqq.test")]).replace(b"qqqq", b"\xff\xfeqq")
    found = reported(data)
    assert found is not None
    assert found.names == ("\ufffd\ufffdqq.test",)


@pytest.mark.parametrize("year", [b"99X9", b"\xff\xff\xff\xff"])
def test_a_date_that_no_calendar_has_leaves_the_certificate_out_of_the_chain(year: bytes):
    good = certificate()
    data = certificate(until=dt.datetime(2099, 1, 1, tzinfo=dt.UTC))
    at = data.rfind(b"\x18\x0f2099")
    assert at > 0
    odd = data[: at + 2] + year + data[at + 6 :]
    cache = CertificateCache()
    assert decode(odd) is None
    assert [c.x509.sha256 for c in cache.chain([good, odd])] == [hashlib.sha256(good).hexdigest()]


WHOLE = certificate([x509.DNSName("a.test")])


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_damaged_certificate_is_read_in_part_or_not_at_all(data: st.DataObject):
    whole = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    decode(bytes(whole[: data.draw(st.integers(0, len(whole)))]))


def test_the_cache_is_bounded_by_bytes_and_keeps_what_is_used():
    usual = certificate([x509.DNSName("usual.test")])
    cache = CertificateCache(limit=100_000)
    kept = cache.get(usual)
    for number in range(300):
        cache.get(
            certificate(
                [x509.DNSName("n" * 60 + f"{i}.test") for i in range(20)], serial=number + 1
            )
        )
        assert cache.bytes <= 100_000
        assert cache.get(usual) is kept
    assert 2 <= len(cache) < 100


def test_a_chain_is_kept_up_to_a_limit():
    chain = [certificate(serial=number) for number in range(1, 40)]
    assert len(CertificateCache().chain(chain)) == 16
