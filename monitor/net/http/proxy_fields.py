"""Fields by which a proxy states its requirements and its errors."""

from __future__ import annotations

import re

from monitor.net.http.fields import Head

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]*)(?:\s|$|,)")
_LIMIT = 8


def authentication_schemes(head: Head) -> str:
    """Return the schemes of Proxy-Authenticate ("Negotiate, NTLM"); "" if there are none.

    Only the scheme at the beginning of each field is read (RFC 9110 section 11.7.1), because
    proxies send one field per scheme; challenges hold tokens, which are not repeated.
    """
    found = (_SCHEME.match(value) for value in head.lists.get("proxy-authenticate", ()))
    return ", ".join(dict.fromkeys(m[1][:20] for m in list(found)[:_LIMIT] if m))


def proxy_error(head: Head) -> str:
    """Return the error that a proxy reports: Proxy-Status (RFC 9209) or squid's own field."""
    status, squid = head.headers.get("proxy-status", ""), head.headers.get("x-squid-error", "")
    return f"Proxy-Status {status}" if status else f"squid error {squid}" if squid else ""
