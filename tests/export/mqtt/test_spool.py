"""Events that wait for the broker: in order, bounded, and what is left of a damaged file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from monitor.export.mqtt import spool as event_spool
from monitor.export.mqtt.spool import NAME, EventSpool, decode, encode
from monitor.state.self_metrics import Dropped

DOCUMENTS = [b'{"id":"%d"}' % number for number in range(4)]


def spool(directory: Path | None = None, limit: int = 10) -> EventSpool:
    return EventSpool(directory, limit, Counter())


def filled(directory: Path | None = None, limit: int = 10) -> EventSpool:
    made = spool(directory, limit)
    for document in DOCUMENTS:
        made.put(document)
    return made


def documents(of: EventSpool) -> list[bytes]:
    return [document for _, document in of.all()]


def test_events_stay_in_order_until_they_are_discarded():
    made = filled()
    two = made.first(2)
    assert [document for _, document in two] == DOCUMENTS[:2]
    for place, _ in two:
        made.discard(place)
    assert documents(made) == DOCUMENTS[2:]


def test_the_oldest_makes_room_and_is_counted():
    made = filled(limit=3)
    assert documents(made) == DOCUMENTS[1:]
    assert made._dropped == {Dropped.QUEUE_FULL: 1}


def test_all_together_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(event_spool, "BYTES_LIMIT", 2 * len(DOCUMENTS[0]))
    assert documents(filled()) == DOCUMENTS[2:]


def test_what_made_room_while_it_was_being_sent_is_not_missed():
    made = filled(limit=4)
    sent = made.first(2)
    for document in (b"4", b"5", b"6"):
        made.put(document)
    for place, _ in sent:
        made.discard(place)
    assert documents(made) == [DOCUMENTS[3], b"4", b"5", b"6"]


def test_a_restart_brings_back_what_was_not_done(tmp_path: Path):
    before = filled(tmp_path)
    before.save(before.all())
    before.discard(0)
    before.save(before.all())
    after = spool(tmp_path)
    after.load()
    assert documents(after) == DOCUMENTS[1:]


def test_damaged_events_are_skipped_counted_and_gone_the_next_time(tmp_path: Path):
    lines = encode(DOCUMENTS).splitlines(keepends=True)
    lines[1] = lines[1].replace(b"id", b"ie")
    (tmp_path / NAME).write_bytes(b"".join(lines)[:-3])
    made = spool(tmp_path)
    with capture_logs() as logs:
        made.load()
    assert documents(made) == [DOCUMENTS[0], DOCUMENTS[2]]
    assert made._dropped == {Dropped.CORRUPT: 2}
    assert logs[0]["event"] == "damaged MQTT events skipped"
    made.save(made.all())
    assert decode((tmp_path / NAME).read_bytes()) == ([DOCUMENTS[0], DOCUMENTS[2]], 0)


def test_one_of_several_can_be_discarded_and_one_that_is_gone():
    made = filled()
    made.discard(1)
    made.discard(1)
    assert documents(made) == [DOCUMENTS[0], *DOCUMENTS[2:]]
    made.put(b"4")
    assert documents(made)[-1] == b"4"


@given(st.binary(max_size=200))
def test_no_content_of_the_file_stops_it(data: bytes):
    found, damaged = decode(data)
    assert len(found) + damaged == len(data.splitlines())


def test_a_disk_that_takes_nothing_is_said_once_and_the_events_stay(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    made = spool(tmp_path / "file")
    with capture_logs() as logs:
        made.load()
        made.put(DOCUMENTS[0])
        made.save(made.all())
        made.save(made.all())
    (line,) = logs
    assert "state.directory" in line["remediation"]
    assert documents(made) == DOCUMENTS[:1]


def test_nothing_is_written_when_nothing_changed(tmp_path: Path):
    made = spool(tmp_path)
    made.load()
    made.put(DOCUMENTS[0])
    made.discard(0)
    made.save(made.all())
    assert not (tmp_path / NAME).exists()
