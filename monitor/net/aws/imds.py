"""Instance metadata v2 as bytes: its paths, its headers, and what it answers.

Source: Amazon EC2 user guide, "Use the Instance Metadata Service", version 2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

TOKEN_PATH = "/latest/api/token"
DOCUMENT_PATH = "/latest/dynamic/instance-identity/document"
MAC_PATH = "/latest/meta-data/mac"

TOKEN_REQUEST: Mapping[str, str] = MappingProxyType({"X-aws-ec2-metadata-token-ttl-seconds": "60"})
"""Headers of the PUT: a token that lives for a minute."""

_TOKEN_LIMIT = 1024


def interface_path(mac: str, name: str) -> str:
    """Return the path of ``name`` ("vpc-id", "subnet-id") of a network interface."""
    return f"/latest/meta-data/network/interfaces/macs/{mac}/{name}"


def token_headers(body: bytes) -> Mapping[str, str]:
    """Return the headers of a GET, with the token that ``body`` answered to the PUT.

    Raises:
        ValueError: if it is not a valid token: a header's value is one line of visible ASCII.
    """
    token = body.decode("latin-1").strip()
    if not 0 < len(token) <= _TOKEN_LIMIT or not (token.isascii() and token.isprintable()):
        raise ValueError("the answer to the token request is not a valid token")
    return {"X-aws-ec2-metadata-token": token}


def json_object(text: bytes) -> Mapping[str, object]:
    """Read a JSON object.

    Raises:
        ValueError: if it is anything else, however deeply nested.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:  # its text is about Python, and may repeat what the peer sent
        raise ValueError("not a JSON object") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - the value is bad, not its type
    return value
