"""Documents that are cut down to a size."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.export.mqtt.shorten import KEPT, encode, shortened

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=40,
)
DOCUMENT = {
    "version": 1,
    "id": "i-1",
    "cause": "tcp_timeout",
    "affected": [f"target-{number}" for number in range(200)],
    "detail": "Connections to 200 targets time out. " * 20,
    "evidence": {"first": "x" * 500, "second": "y"},
    "started_at": 1.5,
}


def test_a_document_that_fits_is_left_alone():
    document = encode(DOCUMENT)
    assert shortened(document, len(document)) is document


def test_the_longest_values_are_cut_and_what_happened_stays():
    document = json.loads(shortened(encode(DOCUMENT), 1500) or b"")
    assert document["shortened"] is True
    assert document["affected"] == DOCUMENT["affected"][: len(document["affected"])]  # type: ignore[index]
    assert document["affected"]
    assert document["detail"].endswith("...")
    assert document["evidence"]["second"] == "y"
    assert (document["id"], document["cause"]) == ("i-1", "tcp_timeout")


def test_in_the_end_only_what_has_to_be_kept_is_left():
    document = json.loads(shortened(encode(DOCUMENT), 70) or b"")
    assert document == {"version": 1, "id": "i-1", "cause": "tcp_timeout", "shortened": True}
    assert shortened(encode(DOCUMENT), 40) is None


def test_only_objects_are_shortened():
    assert shortened(b'["xxxxxxxxxxxxxxxxxxxxxxxxxx"]', 10) is None


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=9), JSON, max_size=8), st.integers(2, 2000))
def test_whatever_is_in_it_it_fits_and_is_json(values: dict[str, object], limit: int):
    document = encode(values)
    short = shortened(document, limit)
    if short is None:
        kept = {key: value for key, value in values.items() if key in KEPT}
        assert len(encode({**kept, "shortened": True})) > limit
    else:
        assert len(short) <= limit
        assert short == document or json.loads(short)["shortened"] is True
