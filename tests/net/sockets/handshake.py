"""TLS handshakes in memory: a client of ours against a server of Python's ssl."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from monitor.net.sockets.trust_store import TrustStore

_ROUNDS = 10


def pem(chain: Sequence[bytes]) -> str:
    """Return DER certificates as one PEM file."""
    return "".join(map(ssl.DER_cert_to_PEM_cert, chain))


def server_context(chain: Sequence[bytes], key: bytes) -> ssl.SSLContext:
    """Return a server that shows ``chain`` and refuses nothing itself. ``key`` is PKCS #8."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    private = load_der_private_key(key, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "chain").write_text(pem(chain))
        (Path(folder) / "key").write_bytes(private)
        context.load_cert_chain(Path(folder) / "chain", Path(folder) / "key")
    return context


def trusting(roots: Sequence[bytes]) -> TrustStore:
    """Return a trust store with these roots, which has read them already."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "roots"
        file.write_text(pem(roots))
        store = TrustStore(file, system_store=False)
        store.probe_context()
    return store


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> ssl.SSLObject:
    """Return the client's side of a finished handshake.

    Raises:
        ssl.SSLError: the client's error.
    """
    from_server, to_server, from_client, to_client = (ssl.MemoryBIO() for _ in range(4))
    ours = client.wrap_bio(from_server, to_server, server_hostname=host)
    theirs = server.wrap_bio(from_client, to_client, server_side=True)
    for _ in range(_ROUNDS):
        try:
            ours.do_handshake()
        except ssl.SSLWantReadError:
            from_client.write(to_server.read())
        else:
            return ours
        with contextlib.suppress(ssl.SSLError):  # wants more, or has an alert to send
            theirs.do_handshake()
        from_server.write(to_client.read())
    raise AssertionError("the handshake does not end")
