"""Who issues certificates: intermediates that rotate say nothing, memory is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.diagnosis.issuers import KEPT, issuer_of, remembered
from monitor.model.probe_result import Certificate


def issued_by(name: str) -> Certificate:
    return Certificate("CN=a", name, (), 0.0, 1.0, "1", "0" * 64)


@pytest.mark.parametrize(
    ("name", "issuer"),
    [
        ("C=US, O=Let's Encrypt, CN=R10", "Let's Encrypt"),
        ("C=US, O=Let's Encrypt, CN=E5", "Let's Encrypt"),
        ("C=US, O=Amazon, CN=Amazon RSA 2048 M02", "Amazon"),
        ("O=DigiCert, Inc., OU=www.digicert.com, CN=x", "DigiCert, Inc."),
        ("C=US, O=Zscaler Inc.", "Zscaler Inc."),
        ("CN=Corporate Root", "CN=Corporate Root"),
        ("CN=FOO=bar", "CN=FOO=bar"),
        ("", ""),
    ],
)
def test_an_issuer_is_the_organization_where_one_is_named(name: str, issuer: str):
    assert issuer_of(issued_by(name)) == issuer


@given(st.lists(st.text(max_size=3)))
def test_so_many_issuers_are_remembered_each_once_and_the_latest_last(names: list[str]):
    seen: tuple[str, ...] = ()
    for name in names:
        seen = remembered(seen, name)
        assert seen[-1] == name
    assert len(seen) <= KEPT
    assert len(set(seen)) == len(seen)
