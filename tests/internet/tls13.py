"""TLS 1.3 server that sends any record at any time: what no TLS library lets a server do.

One cipher suite (TLS_AES_128_GCM_SHA256), one group (X25519), one signature (ECDSA P-256); see
RFC 8446. The client's own records are not read.
"""

from __future__ import annotations

import hashlib
import hmac
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HANDSHAKE, APPLICATION_DATA = 22, 23
NO_SECRET = bytes(32)
X25519_GROUP = 0x001D


def expand_label(secret: bytes, label: str, context: bytes, length: int) -> bytes:
    """HKDF-Expand-Label of RFC 8446 section 7.1; at most 32 bytes."""
    name = b"tls13 " + label.encode()
    info = struct.pack("!HB", length, len(name)) + name + bytes([len(context)]) + context
    return hmac.digest(secret, info + b"\x01", "sha256")[:length]


def derive(secret: bytes, label: str, transcript: bytes) -> bytes:
    """Derive-Secret of RFC 8446 section 7.1."""
    return expand_label(secret, label, hashlib.sha256(transcript).digest(), 32)


def message(kind: int, body: bytes) -> bytes:
    """A handshake message."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def plain_record(kind: int, body: bytes) -> bytes:
    """A record without protection."""
    return struct.pack("!BHH", kind, 0x0303, len(body)) + body


class Writer:
    """Protects records with one traffic secret after another."""

    def __init__(self, secret: bytes) -> None:
        self._start(secret)

    def _start(self, secret: bytes) -> None:
        self._secret = secret
        self._aead = AESGCM(expand_label(secret, "key", b"", 16))
        self._iv = int.from_bytes(expand_label(secret, "iv", b"", 12), "big")
        self._number = 0

    def record(self, kind: int, body: bytes, padding: int = 0) -> bytes:
        """A protected record (RFC 8446 section 5.2)."""
        inner = body + bytes([kind]) + bytes(padding)
        header = struct.pack("!BHH", APPLICATION_DATA, 0x0303, len(inner) + 16)
        nonce = (self._iv ^ self._number).to_bytes(12, "big")
        self._number += 1
        return header + self._aead.encrypt(nonce, inner, header)

    def key_update(self, *, requested: bool = False) -> bytes:
        """A KeyUpdate record (RFC 8446 section 4.6.3), and the next secret from then on."""
        record = self.record(HANDSHAKE, message(24, bytes([requested])))
        self._start(expand_label(self._secret, "traffic upd", b"", 32))
        return record


def _read_exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def _extensions(hello: bytes) -> Iterator[tuple[int, bytes]]:
    position = 4 + 2 + 32
    position += 1 + hello[position]  # session id
    position += 2 + int.from_bytes(hello[position : position + 2], "big")  # cipher suites
    position += 1 + hello[position] + 2  # compression methods, length of extensions
    while position < len(hello):
        kind, size = struct.unpack_from("!HH", hello, position)
        yield kind, hello[position + 4 : position + 4 + size]
        position += 4 + size


def _key_share(hello: bytes) -> bytes:
    shares = dict(_extensions(hello))[51]
    position = 2
    while position < len(shares):
        group, size = struct.unpack_from("!HH", shares, position)
        if group == X25519_GROUP:
            return shares[position + 4 : position + 4 + size]
        position += 4 + size
    raise ConnectionError("the client offers no X25519 share")


def _server_hello(hello: bytes, public: bytes) -> bytes:
    session = hello[38 : 39 + hello[38]]
    share = struct.pack("!HHHHH", 51, 4 + len(public), X25519_GROUP, len(public), 0)[:8] + public
    extensions = struct.pack("!HHH", 43, 2, 0x0304) + share
    random = hashlib.sha256(hello).digest()
    body = b"\x03\x03" + random + session + b"\x13\x01\x00" + _with_length(extensions, 2)
    return message(2, body)


def _with_length(data: bytes, octets: int) -> bytes:
    return len(data).to_bytes(octets, "big") + data


def _certificate(chain: Path) -> bytes:
    certificates = x509.load_pem_x509_certificates(chain.read_bytes())
    entries = b"".join(
        _with_length(c.public_bytes(serialization.Encoding.DER), 3) + b"\0\0" for c in certificates
    )
    return message(11, b"\0" + _with_length(entries, 3))


def handshake(sock: socket.socket, chain: Path, key: Path) -> Writer:
    """Answer a client's handshake; returns what protects the records behind it."""
    header = _read_exactly(sock, 5)
    hello = _read_exactly(sock, int.from_bytes(header[3:], "big"))
    private = x25519.X25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    shared = private.exchange(x25519.X25519PublicKey.from_public_bytes(_key_share(hello)))
    transcript = hello + _server_hello(hello, public)
    sock.sendall(plain_record(HANDSHAKE, transcript[len(hello) :]))
    early = hmac.digest(NO_SECRET, NO_SECRET, "sha256")
    secret = hmac.digest(derive(early, "derived", b""), shared, "sha256")
    server = derive(secret, "s hs traffic", transcript)
    flight = message(8, b"\0\0") + _certificate(chain)
    signer = serialization.load_pem_private_key(key.read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    digest = hashlib.sha256(transcript + flight).digest()
    signed = b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + digest
    signature = signer.sign(signed, ec.ECDSA(hashes.SHA256()))
    flight += message(15, b"\x04\x03" + _with_length(signature, 2))
    finished = expand_label(server, "finished", b"", 32)
    digest = hashlib.sha256(transcript + flight).digest()
    flight += message(20, hmac.digest(finished, digest, "sha256"))
    sock.sendall(Writer(server).record(HANDSHAKE, flight))
    master = hmac.digest(derive(secret, "derived", b""), NO_SECRET, "sha256")
    return Writer(derive(master, "s ap traffic", transcript + flight))
