"""Secrets are revealed where they are sent, and nowhere else."""

from __future__ import annotations

import pytest

from monitor.model.secret import Secret

VALUE = "hunter2-hunter2"


def test_a_secret_does_not_print_its_value() -> None:
    secret = Secret(VALUE)
    for text in (repr(secret), str(secret), f"{secret}", repr([secret]), f"{secret!r:>20}"):
        assert VALUE not in text
    assert secret.reveal() == VALUE


def test_secrets_are_compared_by_value() -> None:
    assert Secret(VALUE) == Secret(VALUE)
    assert hash(Secret(VALUE)) == hash(Secret(VALUE))
    assert Secret(VALUE) != Secret("other")
    assert Secret(VALUE) != VALUE


def test_a_secret_has_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Secret(VALUE).note = "x"  # type: ignore[attr-defined]
