"""Marks of responses that AWS itself sends, to signed and unsigned requests.

Source: IAM user guide, "Troubleshoot access denied error messages"; the request id is in
each service's reference under "Common errors" or "Common response headers".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

REQUEST_ID_HEADERS = ("x-amzn-requestid", "x-amz-request-id")
"""Lower-case names of the headers that only AWS sends, with any status."""

_ENDPOINT_POLICY = re.compile(
    r"no VPC endpoint policy allows|explicit deny in a VPC endpoint policy", re.IGNORECASE
)


def is_from_aws(headers: Mapping[str, str]) -> bool:
    """Whether an answer with these headers (lower-case names) is AWS's own."""
    return any(name in headers for name in REQUEST_ID_HEADERS)


def names_endpoint_policy(text: str) -> bool:
    """Return whether AWS reports in ``text`` that a VPC endpoint policy denied the request, by a
    missing allow or an explicit deny. Not every service reports it."""
    return _ENDPOINT_POLICY.search(text) is not None
