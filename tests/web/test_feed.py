"""The Atom feed is well-formed, and whatever a peer sent stays text."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from monitor.state.store import StateStore
from monitor.web.feed import feed
from tests.stores import NOW, hostile_board, realistic_board, remembered
from tests.web.serving import client_of

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.mark.parametrize("store", [remembered(realistic_board()), hostile_board(), StateStore()])
def test_the_feed_has_one_entry_per_incident_with_an_id_that_stays(store: StateStore) -> None:
    root = ET.fromstring("".join(feed(store, NOW)))
    entries = root.findall(f"{ATOM}entry")
    known = {r.incident.id for r in store.incident_log} | {i.id for i in store.incidents}
    assert len(entries) == len(known)
    for node in (root, *entries):
        for name in ("id", "title", "updated"):
            assert (node.findtext(f"{ATOM}{name}") or "").strip()
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(ids) == len(set(ids))
    assert not root.findall(".//script")


async def test_the_badge_and_the_feed_are_served() -> None:
    async with client_of(remembered(realistic_board())) as client:
        async with client.get("/badge.svg") as answer:
            assert (answer.status, answer.content_type) == (200, "image/svg+xml")
        async with client.get("/feed.atom") as answer:
            assert (answer.status, answer.content_type) == (200, "application/atom+xml")
            text = await answer.text()
    assert "<title>Over: Outbound UDP port 4242" in text
    assert '<link rel="alternate" href="incidents/i-0">' in text
