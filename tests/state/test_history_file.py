"""What is kept on disk: it comes back as it was, or not at all.

Covers: monitor/state/store.py
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.common.state_file import replace_file
from monitor.health.timeline import Timeline, observe
from monitor.incidents.incident_log import IncidentRecord
from monitor.model.state import State
from monitor.state import history_file
from monitor.state.history_file import NAME, HistoryError, Remembered, decode, encode, load
from tests.stores import HOSTILE, NOW, realistic_board


def remembered() -> Remembered:
    timeline = Timeline()
    for number in range(40):
        state = State.DOWN if number == 7 else State.UP
        timeline = observe(
            timeline, state, None if number == 7 else 0.01 * number, NOW + 100 * number
        )
    (incident,) = realistic_board().incidents
    hostile = replace(incident, subject=HOSTILE, evidence={"issuer": HOSTILE}, intermittent=True)
    incident_log = (IncidentRecord(hostile, NOW + 1), IncidentRecord(incident))
    return Remembered(
        NOW, {"a http a.example:443 /": timeline}, incident_log, usual={"a": (b"\x50" * 9, b"\x60")}
    )


def storable(text: str) -> str:
    """A text as UTF-8 has it: what it cannot encode is replaced."""
    return text.encode("utf-8", "replace").decode()


def stored() -> Remembered:
    """The history as it comes back."""
    history = remembered()
    first, *others = history.incident_log
    incident = replace(
        first.incident, subject=storable(HOSTILE), evidence={"issuer": storable(HOSTILE)}
    )
    return replace(history, incident_log=(replace(first, incident=incident), *others))


def sealed(document: object) -> bytes:
    """A file with a right checksum around any content."""
    body = json.dumps(document).encode()
    return b"egress-monitor history 2 " + sha256(body).hexdigest().encode() + b"\n" + body


def test_what_was_saved_comes_back_the_same(tmp_path: Path):
    replace_file(tmp_path / "new" / NAME, encode(remembered()))
    assert load(tmp_path / "new") == stored()
    replace_file(tmp_path / "new" / NAME, encode(Remembered()))
    assert load(tmp_path / "new") == Remembered()
    assert [p.name for p in (tmp_path / "new").iterdir()] == [NAME]


def test_where_nothing_was_saved_there_is_nothing(tmp_path: Path):
    assert load(tmp_path) is None
    assert load(tmp_path / "nowhere") is None


@given(st.data())
def test_any_damage_is_noticed(data):
    good = encode(remembered())
    place = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != good[place]))
    damaged = good[:place] + bytes((byte,)) + good[place + 1 :]
    with pytest.raises(HistoryError):
        decode(damaged)
    with pytest.raises(HistoryError):
        decode(good[:place])


def test_another_version_is_not_believed():
    other = encode(remembered()).replace(b"history 2 ", b"history 1 ", 1)
    with pytest.raises(HistoryError, match="history is of another version"):
        decode(other)


GOOD = json.loads(encode(remembered()).partition(b"\n")[2])
TIMELINE = next(iter(GOOD["timelines"].values()))
RECORD = GOOD["incident_log"][0]
INCIDENT = RECORD["incident"]
OPEN = TIMELINE["open"]


def incident_with(changes: dict[str, object]) -> dict[str, object]:
    return RECORD | {"incident": INCIDENT | changes}


@pytest.mark.parametrize(
    "document",
    [
        [],
        None,
        GOOD | {"saved_at": "now"},
        GOOD | {"saved_at": True},
        GOOD | {"saved_at": float("nan")},
        GOOD | {"timelines": []},
        GOOD | {"timelines": {"a": []}},
        GOOD | {"timelines": {"a": TIMELINE | {"slot": -1}}},
        GOOD | {"timelines": {"a": TIMELINE | {"slot": 1.5}}},
        GOOD | {"timelines": {"a": TIMELINE | {"open": OPEN | {"worst": 9}}}},
        GOOD | {"timelines": {"a": TIMELINE | {"open": OPEN | {"downs": 10**9}}}},
        GOOD | {"timelines": {"a": TIMELINE | {"closed": "AAAA"}}},
        GOOD | {"timelines": {"a": TIMELINE | {"closed": "A" * 4000}}},
        GOOD | {"timelines": {"a": TIMELINE | {"closed": "no base64!"}}},
        GOOD | {"timelines": {"a": TIMELINE | {"open": OPEN | {"latencies": "AAAA" * 1000}}}},
        GOOD | {"usual": []},
        GOOD | {"usual": {"a": ["AAAA"]}},
        GOOD | {"usual": {"a": ["AAAA", "AQ=="]}},
        GOOD | {"usual": {"a": ["AQEB" * 100, ""]}},
        GOOD | {"incident_log": {}},
        GOOD | {"incident_log": [RECORD] * 20_000},
        GOOD | {"incident_log": [incident_with({"cause": "other"})]},
        GOOD | {"incident_log": [incident_with({"affected": [1]})]},
        GOOD | {"incident_log": [incident_with({"evidence": {"a": 1}})]},
        GOOD | {"incident_log": [RECORD | {"ended_at": "x"}]},
    ],
)
def test_what_is_well_sealed_but_malformed_is_not_believed_either(document):
    assert decode(sealed(GOOD)) == stored()
    with pytest.raises(HistoryError, match="malformed"):
        decode(sealed(document))


def test_a_file_past_its_limit_or_unreadable_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    replace_file(tmp_path / NAME, encode(remembered()))
    monkeypatch.setattr(history_file, "SIZE_LIMIT", 100)
    with pytest.raises(HistoryError, match="too large"):
        load(tmp_path)
    (tmp_path / "odd" / NAME).mkdir(parents=True)
    with pytest.raises(HistoryError, match="is a directory"):
        load(tmp_path / "odd")


def test_a_saving_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    replace_file(tmp_path / NAME, encode(remembered()))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(tmp_path / NAME, encode(Remembered()))
    assert load(tmp_path) == stored()


@pytest.mark.parametrize("number", ["1" * 400, "-" + "1" * 400, "1e400", "1e300", "-1e12", "NaN"])
def test_a_time_that_no_calendar_has_spoils_the_history_and_nothing_else(number: str):
    body = f'{{"saved_at":{number},"timelines":{{}},"incident_log":[]}}'.encode()
    data = b"egress-monitor history 2 " + sha256(body).hexdigest().encode() + b"\n" + body
    with pytest.raises(HistoryError):
        decode(data)
