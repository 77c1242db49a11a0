"""States of targets and incidents never contradict each other for a reader that settles first."""

from __future__ import annotations

import asyncio
import time

from monitor.health.status import TargetStatus
from monitor.model.state import State
from monitor.net.clock import SystemClock
from monitor.scheduler.incident_tracker import IncidentTracker
from monitor.scheduler.pipeline import Pipeline
from monitor.state.events import Events
from monitor.state.store import StateStore
from monitor.web.documents import Documents
from tests.probe_results import FILTERED, REACHED, probe_result, target


async def never(_: object) -> None:
    raise AssertionError


class Watched:
    """A store of targets, and the pipeline and tracker that write it."""

    def __init__(self, count: int) -> None:
        names = [f"t{number}" for number in range(count)]
        self.store = StateStore({name: TargetStatus(target(name)) for name in names})
        self.tracker = IncidentTracker(self.store, Events(), SystemClock(), never)  # type: ignore[arg-type]
        self.tracker.apply()
        self._pipeline = Pipeline(
            self.store, Events(), SystemClock(), on_state=self.tracker.take_in
        )

    def result(self, name: str, *, ok: bool) -> None:
        diagnosis = REACHED if ok else FILTERED
        result = probe_result(name, ok=ok, started_at=time.time())
        self._pipeline.process(self.store.statuses[name], result, diagnosis, corroborated=not ok)

    @property
    def agree(self) -> bool:
        bad = {n for n, s in self.store.statuses.items() if s.state is not State.UP}
        return bad == {name for i in self.store.incidents for name in i.affected}


async def test_a_reader_that_settles_sees_no_contradiction() -> None:
    watched = Watched(20)
    names = list(watched.store.statuses)
    for ok in (True, False, True):
        for name in names[: 20 if ok else 7]:
            watched.result(name, ok=ok)
            await watched.store.settle()
            if not any(s.state is State.UNKNOWN for s in watched.store.statuses.values()):
                assert watched.agree
    assert watched.store.incidents == ()


async def test_settling_leaves_nothing_behind_and_is_idempotent() -> None:
    watched = Watched(3)
    for name in watched.store.statuses:
        watched.result(name, ok=False)
    assert not watched.agree
    await asyncio.gather(*(watched.store.settle() for _ in range(5)))
    assert watched.agree
    before = watched.store.incidents
    await watched.store.settle()
    assert watched.store.incidents is before


async def test_a_document_is_rendered_after_settling() -> None:
    watched = Watched(3)
    documents = Documents(settle=watched.store.settle)
    for name in watched.store.statuses:
        watched.result(name, ok=False)
    body = await documents.rendered("x", "text/plain", lambda: [str(watched.agree)])
    assert body.content == b"True"
    await documents.close()


async def test_what_begins_to_fail_at_the_same_time_is_one_incident_from_the_start() -> None:
    watched = Watched(3)
    names = list(watched.store.statuses)
    for name in names:
        watched.result(name, ok=True)
    await watched.store.settle()
    reader = None
    for name in names:
        watched.result(name, ok=False)
        reader = reader or asyncio.create_task(watched.store.settle())
        await asyncio.sleep(0.02)
        assert watched.store.incidents == (), "a reader waits, too"
    assert reader is not None
    await reader
    (incident,) = watched.store.incidents
    assert set(incident.affected) == set(names)
    assert len(watched.store.incident_log) == 1
