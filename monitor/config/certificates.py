"""A certificate and its key, as two keys of a table name them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monitor.config.reader import Reading


def check_pair(table: str, values: Mapping[str, Any], reading: Reading) -> None:
    """Note what is wrong with ``cert_file`` and ``key_file`` together."""
    certificate, key = values.get("cert_file"), values.get("key_file")
    if certificate is not None and key is not None:
        _check_files(table, certificate, key, reading)
    elif certificate is not None or key is not None:
        missing = "cert_file" if certificate is None else "key_file"
        if not reading.reported(f"{table}.{missing}"):
            remediation = "name the certificate and its key"
            reading.problem(f"{table}.{missing}", "it is missing", remediation)


def _check_files(table: str, certificate: Path, key: Path, reading: Reading) -> None:
    try:
        # An empty passphrase instead of OpenSSL's question for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, lambda: b"")
    except (ssl.SSLError, OSError):
        what = f"{certificate} and {key} are not a certificate and its key"
        remediation = "write two PEM files, the key without a passphrase"
        reading.problem(f"{table}.cert_file", what, remediation)
