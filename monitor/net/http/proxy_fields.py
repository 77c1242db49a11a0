"""Fields by which a proxy states its requirements and its errors."""

from __future__ import annotations

import re

from monitor.net.http.fields import Head

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]*)\s*(?:$|(?<=\s)(?!\s*=))")
"""The scheme of a challenge: a token that is not the name of a parameter."""

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"?')
_LIMIT = 8
_TEXT_LIMIT = 4_096


def authentication_schemes(head: Head) -> str:
    """Return the schemes of Proxy-Authenticate ("Negotiate, NTLM"); "" if there are none.

    A field may hold several challenges, whose parameters are separated by commas as well
    (RFC 9110 section 11.6.1). Challenges hold tokens, which are not repeated.
    """
    text = ",".join(head.lists.get("proxy-authenticate", ()))[:_TEXT_LIMIT]
    found = (_SCHEME.match(part) for part in _QUOTED.sub("", text).split(","))
    return ", ".join(list(dict.fromkeys(m[1][:20] for m in found if m))[:_LIMIT])


def proxy_error(head: Head) -> str:
    """Return the error that a proxy reports: Proxy-Status (RFC 9209) or squid's own field."""
    status, squid = head.headers.get("proxy-status", ""), head.headers.get("x-squid-error", "")
    return f"Proxy-Status {status}" if status else f"squid error {squid}" if squid else ""
