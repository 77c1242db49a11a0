"""What a certificate tells, read by us and by the cryptography library."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from monitor.net.sockets.der import spki_sha256
from tests.internet.ca import Authority


def test_the_key_hash_is_that_of_the_subject_public_key_info(tmp_path: Path):
    certificate = Authority(tmp_path).issue("a.test").certificate
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    der = certificate.public_bytes(Encoding.DER)
    assert spki_sha256(der) == hashlib.sha256(key).hexdigest()
    assert all(spki_sha256(der[:cut]) is None for cut in range(len(der)))


@given(st.binary(max_size=200))
def test_rubbish_has_no_key(data: bytes):
    assert spki_sha256(b"\x30" + data) is None or len(data) > 10
