"""The two messages, read back by a decoder of the tests' own."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.export.remote_write.protobuf import encode
from monitor.export.remote_write.series import (
    STALE,
    Family,
    MetricType,
    Series,
    is_stale,
    key_of,
)
from monitor.model.settings import WriteVersion
from tests.export.remote_write.points import FAMILY, MOMENT, series
from tests.internet.receiver import Message, decode_v1, decode_v2

BOTH = pytest.mark.parametrize("version", list(WriteVersion))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,20}", fullmatch=True)
TIMES = st.integers(-(2**63), 2**63 - 1)
VALUES = st.floats(allow_nan=True, allow_infinity=True)


def decoded(version: WriteVersion, rows: dict[Series, list[tuple[int, float]]]) -> Message:
    data = encode(version, rows, [FAMILY])
    return decode_v1(data) if version is WriteVersion.V1 else decode_v2(data)


@BOTH
@settings(deadline=None)
@given(
    own=st.dictionaries(NAMES, TEXTS, max_size=4),
    external=st.dictionaries(NAMES, TEXTS, max_size=4),
    points=st.lists(st.tuples(TIMES, VALUES), min_size=1, max_size=5),
)
def test_what_is_written_is_read_back(
    version: WriteVersion,
    own: dict[str, str],
    external: dict[str, str],
    points: list[tuple[int, float]],
) -> None:
    one = Series(key_of("name", own), FAMILY, tuple(external.items()))
    (row,) = decoded(version, {one: points}).rows
    wanted = {**external, **own, "__name__": "name"}
    assert dict(row.labels) == {name: value for name, value in wanted.items() if value}
    assert [name for name, _ in row.labels] == sorted(dict(row.labels)), "labels are sorted"
    assert row.samples == [(at, struct.pack("<d", value)) for at, value in points]


@BOTH
def test_the_stale_marker_keeps_its_bits(version: WriteVersion) -> None:
    (row,) = decoded(version, {series(): [(MOMENT, STALE), (MOMENT + 1, math.nan)]}).rows
    assert row.samples[0][1] == struct.pack("<Q", 0x7FF0000000000002)
    assert is_stale(row.values[0])
    assert not is_stale(row.values[1])


@BOTH
def test_every_float_special_arrives(version: WriteVersion) -> None:
    values = [0.0, -0.0, math.inf, -math.inf, 5e-324, 1.7976931348623157e308]
    (row,) = decoded(version, {series(): [(MOMENT, value) for value in values]}).rows
    assert [value for _, value in row.samples] == [struct.pack("<d", value) for value in values]


@BOTH
def test_a_lone_surrogate_costs_no_request(version: WriteVersion) -> None:
    (row,) = decoded(version, {Series("m\0a\0x\udcff", FAMILY): [(1, 1.0)]}).rows
    assert dict(row.labels)["a"] == "x?"


@BOTH
def test_nothing_is_a_message_too(version: WriteVersion) -> None:
    assert decoded(version, {}).rows == []


def test_families_are_described_in_both_versions() -> None:
    message = decode_v1(encode(WriteVersion.V1, {series(): [(1, 1.0)]}, [FAMILY]))
    assert message.families == {FAMILY.name: (MetricType.GAUGE, FAMILY.help)}
    counter = Family("n_total", MetricType.COUNTER, "How many.")
    rows = {series(): [(1, 1.0)], Series("n_total", counter): [(1, 1.0)]}
    first, second = decode_v2(encode(WriteVersion.V2, rows)).rows
    assert (first.type, first.help) == (MetricType.GAUGE, FAMILY.help)
    assert (second.type, second.help) == (MetricType.COUNTER, "How many.")


def test_a_series_own_label_comes_before_the_monitors() -> None:
    one = Series(key_of("m", {"region": "own", "gone": ""}), FAMILY, (("region", "x"), ("a", "b")))
    assert one.labels() == (("__name__", "m"), ("a", "b"), ("region", "own"))
