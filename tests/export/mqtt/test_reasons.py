"""Texts of reason codes, and what to do about them."""

from __future__ import annotations

import pytest

from monitor.export.mqtt.reasons import Code, Reason, added_text, remediation
from monitor.model.secret import Secret


def test_a_reason_shows_name_code_and_what_the_broker_adds():
    assert str(Reason(0x87, "Not authorized")) == "not authorized (0x87)"
    assert str(Reason(0x87, "Not authorized", "not authorized")) == "not authorized (0x87)"
    assert str(Reason(0x97, "Quota exceeded", "slow down")) == "quota exceeded (0x97): slow down"


def test_only_codes_from_0x80_on_are_failures():
    assert not Reason(0x10, "No matching subscribers").is_failure
    assert Reason(0x80, "Unspecified error").is_failure


def test_what_a_broker_adds_is_bounded_printable_and_free_of_secrets():
    password = Secret("hunter2hunter2")
    added = f"a\n{password.reveal()}\x00" + "b" * 300
    assert added_text(added) == "a?***?" + "b" * 194
    assert "aHVudGVyMmh1bnRlcjI=" not in added_text("token aHVudGVyMmh1bnRlcjI=")  # base64
    assert added_text("fine") == "fine"


def test_not_authorized_is_about_the_credentials_or_about_the_topics():
    assert "password_file" in remediation(0x87, "t/#", connected=False)
    assert "t/#" in remediation(0x87, "t/#", connected=True)


@pytest.mark.parametrize("code", [None, 0x00, 0x8B, 0xFE])
def test_where_nothing_is_to_be_done_nothing_is_said(code: int | None):
    assert not remediation(code, "t/#", connected=True)


def test_another_client_is_only_named_for_its_own_code():
    named = [code for code in Code if "own mqtt.client_id" in remediation(code, "", connected=True)]
    assert named == [Code.SESSION_TAKEN_OVER]
