"""Names of Extended DNS Errors."""

from __future__ import annotations

import dns.edns
import pytest

from monitor.net.dns.extended import EXTENDED_ERRORS, extended_error_text


@pytest.mark.parametrize("code", list(dns.edns.EDECode))
def test_every_code_that_dnspython_knows_has_a_name(code: dns.edns.EDECode):
    ours = EXTENDED_ERRORS[code.value].replace(" ", "_").upper()
    assert ours[:6] == code.name[:6]


def test_the_text_of_the_server_follows_the_name():
    assert extended_error_text(15, "policy 7: software") == "15 Blocked (policy 7: software)"
    assert extended_error_text(16, "") == "16 Censored"
    assert extended_error_text(4000, "") == "4000 unassigned code"
