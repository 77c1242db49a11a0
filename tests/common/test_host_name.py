"""Host names in ASCII form, as Go's net/http converts them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.common.host_name import is_host_name, to_ascii
from tests.oracles.idna.inputs import NAMES

VERDICTS = json.loads((Path(__file__).parents[1] / "oracles/idna/verdicts.json").read_text())

DIFFERENT = {
    "ü.test.": "a final dot is removed: endpoints are absolute names",
    "ü" * 60 + ".test": "a label over 63 characters is an error before DNS is asked",
}


def test_every_name_has_a_verdict():
    assert set(VERDICTS["verdicts"]) == set(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in DIFFERENT])
def test_a_name_is_converted_as_go_converts_it(name: str):
    expected = VERDICTS["verdicts"][name]
    if expected:
        assert to_ascii(name) == expected
    elif name.isascii():
        assert to_ascii(name) == name.lower()
    else:
        with pytest.raises(ValueError, match=r".+"):
            to_ascii(name)


def test_sharp_s_is_not_another_registrants_name():
    """python/cpython#92025: the codec "idna" makes strasse.test of it."""
    assert to_ascii("Straße.test.") == "xn--strae-oqa.test"


@given(st.text(max_size=40))
def test_any_text_is_converted_or_refused(text: str):
    try:
        name = to_ascii(text)
    except ValueError:
        return
    assert name.isascii()


@pytest.mark.parametrize("name", ["a.test", "_dmarc.a.test", "a" * 63 + ".test", "1.2"])
def test_names_that_can_be_looked_up(name: str):
    assert is_host_name(name)


@pytest.mark.parametrize("name", ["", "a..test", "-a.test", "a b", "a" * 64, ".".join(["a"] * 128)])
def test_names_that_cannot_be_looked_up(name: str):
    assert not is_host_name(name)
