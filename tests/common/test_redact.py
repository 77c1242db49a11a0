"""Redaction: no secret that is in use gets through, in whatever form a peer repeats it."""

from __future__ import annotations

import base64
import gc
import html
import json
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.common.redact import redact
from monitor.common.sanitize import sanitize
from monitor.model.secret import Secret
from monitor.net.aws.sigv4 import Credentials

PASSWORD = 's3cr3t-canary&<x>"/ü'
TOKEN = "".join(f"IQoJb3JpZ2luX2Vj+{n}/" for n in range(60))


def basic(password: str, user: str = "someone") -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


FORMS = {
    "plain": lambda v: v,
    "in a sentence": lambda v: f"you sent '{v}', which is wrong",
    "twice": lambda v: f"{v} and {v}",
    "upper case": lambda v: v.upper(),
    "by URL": lambda v: f"?a={quote(v, safe='')}&b",
    "by URL with slashes": lambda v: f"/{quote(v)}",
    "by HTML": html.escape,
    "by JSON": lambda v: json.dumps({"a": v}),
    "Basic": lambda v: f"Basic {basic(v)}",
    "Basic of another user": lambda v: f"(Basic {basic(v, 'ab')})",
    "Basic for URLs": lambda v: basic(v).replace("+", "-").replace("/", "_").rstrip("="),
    "bearer": lambda v: f"Bearer {v}",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [PASSWORD, TOKEN, "hunter2"])
def test_no_form_gets_through(form: str, value: str):
    secret = Secret(value)
    shown = redact(FORMS[form](value))
    assert "***" in shown
    for part in {value, quote(value, safe=""), basic(value), html.escape(value)}:
        assert part.lower() not in shown.lower()
    assert secret.reveal() == value


@pytest.mark.parametrize("cut", [12, 13, 40, 200, len(TOKEN)])
@pytest.mark.parametrize("start", [0, 7, 100])
def test_a_part_of_a_long_secret_does_not_either(start: int, cut: int):
    secret = Secret(TOKEN)
    assert redact(f"got {TOKEN[start : start + cut]}") == "got ***"
    assert secret


def test_a_limit_cuts_no_secret_so_short_that_it_is_not_recognised():
    secret = Secret(TOKEN)
    for limit in range(1, 40):
        shown = sanitize(f"{'x' * 10} {TOKEN}", limit)
        assert len(shown) <= limit
        assert TOKEN[:4] not in shown
    assert secret


def test_what_surrounds_a_secret_stays():
    secret = Secret("hunter2hunter2hunter2")
    assert redact("a hunter2hunter2hunter2 b hunter2hunter2 c") == "a *** b *** c"
    assert secret


def test_a_secret_that_is_gone_is_forgotten():
    secret = Secret("gone-with-the-wind")
    assert redact("gone-with-the-wind") == "***"
    del secret
    gc.collect()
    assert redact("gone-with-the-wind") == "gone-with-the-wind"


def test_an_access_key_id_is_redacted_while_it_is_in_use():
    credentials = Credentials("ASIAIOSFODNN7EXAMPLE", Secret("x" * 40))
    assert redact("key ASIAIOSFODNN7EXAMPLE is not known") == "key *** is not known"
    assert credentials


def test_ordinary_text_stays_beside_a_short_secret():
    secret = Secret("a")
    assert redact("a plain text") == "a plain text"
    assert secret


@given(st.text(), st.text(min_size=4), st.text())
def test_whatever_surrounds_it_a_secret_is_not_shown(before: str, value: str, after: str):
    assume(value.strip())
    secret = Secret(value)
    shown = redact(before + secret.reveal() + after)
    assert value not in shown.replace("***", "\0")
