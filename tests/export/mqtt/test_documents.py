"""What is published over MQTT: names of topics, and documents that any text fits into."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.export.mqtt.documents import (
    VERSION,
    Topics,
    event_document,
    offline,
    retained,
    segment,
)
from monitor.state.events import Event, EventKind
from monitor.state.store import StateStore
from tests.stores import NOW, hostile_board, realistic_board

TOPICS = Topics.of("egress-monitor", "m-1")
DOCUMENTATION = (Path(__file__).parents[3] / "docs/mqtt.md").read_text()


@given(st.text(max_size=20))
def test_a_level_of_a_topic_holds_nothing_that_topics_give_a_meaning(text: str):
    assert re.fullmatch(r"[A-Za-z0-9._~%-]+", segment(text))


def test_two_ids_never_share_a_topic():
    ids = ("a", "a/b", "a+b", "a#b", "a%2Fb", "a\x00b", "A")
    assert len({TOPICS.target(each) for each in ids}) == len(ids)


@pytest.mark.parametrize("store", [realistic_board(), hostile_board(), StateStore()])
def test_every_document_is_json_and_tells_its_version(store: StateStore):
    documents = retained(store, TOPICS)
    assert next(iter(documents)) == TOPICS.status
    for payload in documents.values():
        assert json.loads(payload)["version"] == VERSION
        assert b"hunter2" not in payload


def test_a_target_is_published_as_it_stands_and_not_anew_with_each_probe():
    store = realistic_board()
    before = retained(store, TOPICS)
    for status in store.statuses.values():
        status.probes += 1
        status.durations.observe(1.0)
    assert retained(store, TOPICS) == before


def test_an_event_has_its_id_and_its_facts_and_no_number_that_json_has_not():
    event = Event(EventKind.TARGET_STATE, NOW, "a", "b", facts={"x": float("inf"), "y": 1})
    document = json.loads(event_document(event, "17-1"))
    assert (document["id"], document["facts"]) == ("17-1", {"x": None, "y": 1})


def test_the_documentation_names_every_key():
    store = realistic_board()
    documents = [json.loads(payload) for payload in retained(store, TOPICS).values()]
    event = Event(EventKind.TARGET_STATE, NOW, "a", "b")
    documents += [json.loads(event_document(event, "1")), json.loads(offline("lost"))]
    keys = {key for document in documents for key in document}
    assert {key for key in keys if f"`{key}`" not in DOCUMENTATION} == set()
