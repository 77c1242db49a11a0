"""Signature Version 4 against botocore's own signer."""

from __future__ import annotations

from unittest.mock import patch

import botocore.auth
import botocore.credentials
import pytest
from botocore.awsrequest import AWSRequest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.secret import Secret
from monitor.net.aws.sigv4 import Credentials, signed_headers

NOW = 1_800_000_000.25
KEYS = Credentials("AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
TEMPORARY = Credentials("ASIAEXAMPLE", Secret("s3cr3t"), Secret("a/token+of=many"))

URLS = [
    "https://aps-workspaces.eu-central-1.amazonaws.com/workspaces/ws-1/api/v1/remote_write",
    "https://ec2.eu-central-1.amazonaws.com/",
    "https://ec2.eu-central-1.amazonaws.com:443",
    "http://127.0.0.1:8080/a%20b/c~d?b=2&a=1&a=&empty&z=%2F+x",
    "http://[::1]:8080/x",
]


def botocores(
    method: str, url: str, headers: dict[str, str], body: bytes, keys: Credentials
) -> str:
    """The Authorization header that botocore makes."""
    token = keys.session_token.reveal() if keys.session_token else None
    oracle = botocore.credentials.Credentials(
        keys.access_key_id, keys.secret_access_key.reveal(), token
    )
    request = AWSRequest(method, url, headers, body)
    with patch("botocore.auth.get_current_datetime") as now:
        import datetime

        now.return_value = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
        botocore.auth.SigV4Auth(oracle, "aps", "eu-central-1").add_auth(request)
    return str(request.headers["Authorization"])


def ours(method: str, url: str, headers: dict[str, str], body: bytes, keys: Credentials) -> str:
    added = signed_headers(
        method,
        url,
        headers,
        body,
        credentials=keys,
        region="eu-central-1",
        service="aps",
        now=NOW,
    )
    return added["Authorization"]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("keys", [KEYS, TEMPORARY], ids=["static", "temporary"])
def test_a_signature_is_botocores(url: str, keys: Credentials) -> None:
    headers = {"Content-Type": "application/x-protobuf", "User-Agent": "x", "X-Odd": " a   b "}
    assert ours("POST", url, headers, b"body", keys) == botocores(
        "POST", url, headers, b"body", keys
    )


@given(
    st.sampled_from(URLS),
    st.dictionaries(
        st.from_regex(r"x-[a-z0-9-]{1,20}", fullmatch=True),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30),
        max_size=5,
    ),
    st.binary(max_size=100),
)
def test_any_headers_and_body_are_signed_as_botocore_does(
    url: str, headers: dict[str, str], body: bytes
) -> None:
    assert ours("POST", url, headers, body, TEMPORARY) == botocores(
        "POST", url, headers, body, TEMPORARY
    )


def test_a_session_token_is_sent_and_no_secret_is_printed() -> None:
    added = signed_headers(
        "POST", URLS[0], {}, b"", credentials=TEMPORARY, region="r", service="s", now=NOW
    )
    assert added["X-Amz-Security-Token"] == "a/token+of=many"
    assert "s3cr3t" not in repr(TEMPORARY) + repr(added)
