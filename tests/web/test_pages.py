"""The pages as values: what they say, in words, and that they are well-formed HTML.

Covers: monitor/web/pages/*.py, monitor/present/alert_runbook.py
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from htpy import fragment

from monitor.health.machine import Health
from monitor.health.timeline import HOUR, Timeline, observe
from monitor.incidents.incident_log import IncidentRecord
from monitor.model.causes import Cause
from monitor.model.incident import LIKELY, PROVEN, Incident, Scope
from monitor.model.state import State
from monitor.present.alert_runbook import ALERTS
from monitor.present.confidence import confidence_in_words
from monitor.state.events import Event, EventKind
from monitor.state.history_store import HistoryStore
from monitor.state.store import StateStore
from monitor.web.api import targets_pieces
from monitor.web.feed import feed
from monitor.web.pages import (
    alert_page,
    incident_page,
    overview_page,
    runbook_index,
    runbook_page,
    target_page,
)
from monitor.web.pages.parts import duration, lasted, millis, percent, prose
from tests.stores import NOW, all_up, hostile_board, lost_egress, realistic_board, remembered
from tests.web.serving import StoppedClock

_VOID = {"meta", "link", "br"}


class Outline(HTMLParser):
    """What a page consists of: its text, its headings in order, ids, and tags left open."""

    def __init__(self, page: Iterable[str]) -> None:
        super().__init__()
        self.text = ""
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self._open: list[str] = []
        self.feed("".join(page))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.attributes |= found.keys()
        if tag == "a":
            self.links.append(found.get("href") or "")
        if "id" in found:
            self.ids.append(found["id"] or "")
        if tag in {"h1", "h2", "h3", "h4"}:
            self.headings.append(int(tag[1]))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Elements of SVG are closed at once."""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def overview(store: StateStore, shown: str = "") -> Outline:
    return Outline(overview_page(store, NOW, shown))


def pages(store: StateStore) -> list[Outline]:
    """Every page of a board."""
    incident_log = [*store.incident_log, *map(IncidentRecord, store.incidents)]
    return [
        overview(store),
        *(Outline(target_page(store, status, NOW)) for status in store.statuses.values()),
        *(Outline(incident_page(store, incident_record, NOW)) for incident_record in incident_log),
    ]


def green_board() -> StateStore:
    store = realistic_board()
    store.statuses = {n: r for n, r in store.statuses.items() if r.health.state is State.UP}
    store.incidents = ()
    return store


@pytest.mark.parametrize("store", [realistic_board(), hostile_board(), StateStore()])
def test_every_page_is_well_formed_and_needs_no_exception_from_its_policy(
    store: StateStore,
) -> None:
    for page in pages(store):
        assert page.headings[0] == 1
        assert page.headings.count(1) == 1
        steps = zip(page.headings, page.headings[1:], strict=False)
        assert all(deeper - higher <= 1 for higher, deeper in steps)
        assert len(page.ids) == len(set(page.ids))
        assert "style" not in page.attributes
        assert not any(name.startswith("on") for name in page.attributes)


def test_the_headline_says_in_words_how_everything_stands() -> None:
    store = realistic_board()
    states = [r.health.state for r in store.statuses.values()]
    down, total = states.count(State.DOWN), len(states)
    assert f"1 incident, {down} of {total} targets down" in overview(store).text
    assert f"All {len(green_board().statuses)} targets up" in overview(green_board()).text
    store = green_board()
    next(iter(store.statuses.values())).health = Health(State.DEGRADED, NOW, Cause.SLOW)
    assert f"1 of {len(store.statuses)} targets degraded" in overview(store).text
    assert "No targets" in overview(StateStore()).text


def test_a_monitor_that_stands_still_says_so_before_anything_else() -> None:
    page = Outline(overview_page(green_board(), NOW + 10_000))
    assert "The monitor itself does not work" in page.text


def test_an_open_incident_is_told_with_its_cure_and_leads_to_its_targets() -> None:
    page = overview(realistic_board())
    for said in ("Nothing answers on tcp/443.", "Open the port.", "tcp_timeout", "(50 s ago)"):
        assert said in page.text
    assert "incidents/i-1" in page.links
    assert f"targets/{realistic_board().incidents[0].affected[0]}" in page.links


@pytest.mark.parametrize("confidence", [PROVEN, LIKELY, "either a or b; c would separate the two"])
def test_an_incident_shows_its_confidence_wherever_it_is_open(confidence: str) -> None:
    store = realistic_board()
    store.incidents = (replace(store.incidents[0], confidence=confidence),)
    record = IncidentRecord(store.incidents[0])
    words = confidence_in_words(store.incidents[0])
    for pieces in (
        overview_page(store, NOW),
        incident_page(store, record, NOW),
        feed(store, NOW),
    ):
        assert words in html.unescape("".join(pieces))


def test_a_target_that_no_incident_explains_shows_its_own_cure() -> None:
    store = realistic_board()
    assert "Nothing answers. Open the port." not in overview(store).text
    store.incidents = ()
    assert "Nothing answers. Open the port." in overview(store).text


def test_groups_that_are_not_well_come_first_and_unfold_unless_the_loss_is_wide() -> None:
    def unfolded(store: StateStore) -> list[bool]:
        parts = "".join(overview_page(store, NOW)).split('<details class="group"')[1:]
        return [part.partition(">")[0].endswith(" open") for part in parts]

    few = unfolded(realistic_board())
    assert few == sorted(few, reverse=True)
    assert 0 < sum(few) < len(few)
    assert not any(unfolded(green_board()))
    wide = green_board()
    for status in wide.statuses.values():
        status.health = Health(State.DOWN, NOW, Cause.TCP_TIMEOUT)
    assert not any(unfolded(wide))


def test_a_target_shows_its_day_its_phases_its_answers_and_its_certificate() -> None:
    store = realistic_board()
    status = store.statuses["app-gitpod-io"]
    status.timeline = observe(observe(Timeline(), State.UP, 0.06, NOW - 900), State.DOWN, None, NOW)
    page = Outline(target_page(store, status, NOW, range_name="24h"))
    for said in ("50\u202f% up", "first byte", "10.0.0.2:53", "2001:db8::1", "O=CA", "in 104 d"):
        assert said in page.text


def test_a_wildcard_shows_what_stands_for_it() -> None:
    page = overview(realistic_board())
    assert "sample of *.vscode-unpkg.net" in page.text


def test_a_path_is_shown_without_its_query() -> None:
    assert all("hunter2" not in page.text for page in pages(realistic_board()))


def test_a_past_incident_keeps_its_page() -> None:
    store = green_board()
    incident = Incident(
        "i-0", Cause.TCP_TIMEOUT, Scope.PORT, "tcp/443", State.DOWN, NOW - 900,
        ("app-gitpod-io", "gone"), "Nothing answered.", "Open the port.", {"errno": "ETIMEDOUT"},
    )  # fmt: skip
    store.incident_log = (IncidentRecord(incident, NOW - 300),)
    page = Outline(incident_page(store, store.incident_log[0], NOW))
    for said in ("Over: Nothing answered", "10 min", "ETIMEDOUT", "no longer a target"):
        assert said in page.text
    assert "incidents/i-0" in overview(store).links
    old = replace(store.incident_log[0], ended_at=NOW - 90_000)
    store.incident_log = (old,)
    assert "incidents/i-0" in overview(store).links


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7300, "2 h 1 min"), (2e5, "2 d 7 h"),
     (1e6, "11 d"), (float("inf"), "?")],
)  # fmt: skip
def test_a_length_of_time_is_told_in_its_greatest_units(seconds: float, said: str) -> None:
    assert lasted(seconds) == said


def test_commands_in_a_sentence_are_code_and_nothing_else_is_markup() -> None:
    shown = str(fragment[prose("Run `ss -s` & <look>.")])
    assert shown == "Run <code>ss -s</code> &amp; &lt;look&gt;."
    lone = str(fragment[prose("`<b>` and a lone ` mark")])
    assert lone == "<code>&lt;b&gt;</code> and a lone ` mark"


def test_figures_are_short_and_never_round_up_to_all() -> None:
    assert percent(0.99999) == "99.99\u202f%"
    assert percent(1.0) == "100\u202f%"
    assert (millis(0.0042), millis(0.25), millis(12.0)) == (
        "4.2\u202fms", "250\u202fms", "12,000\u202fms"
    )  # fmt: skip


def test_thousands_of_targets_are_written_in_small_pieces() -> None:
    """The event loop runs between them: it is the probes' clock."""
    store = realistic_board()
    status = store.statuses["app-gitpod-io"]
    for number in range(2000):
        endpoint = replace(status.target.endpoint, id=f"many-{number}", group="many")
        target = replace(status.target, endpoint=endpoint)
        store.statuses[target.id] = replace(status, target=target)
    incident = replace(store.incidents[0], affected=tuple(store.statuses))
    store.incidents = (incident,)
    for pieces in (
        overview_page(store, NOW),
        incident_page(store, IncidentRecord(incident), NOW),
        targets_pieces(store, NOW),
    ):
        sizes = list(map(len, pieces))
        assert len(sizes) > 100
        assert max(sizes) < 8000


def test_the_day_and_past_incidents_are_there_after_a_restart(tmp_path: Path) -> None:
    clock = StoppedClock()
    before = remembered(all_up(realistic_board()))
    HistoryStore(tmp_path, before, clock).save()
    store = all_up(realistic_board())
    memory = HistoryStore(tmp_path, store, clock)
    memory.load()
    for status in store.statuses.values():
        status.timeline = memory.timeline_of(status.target)
    assert "".join(overview_page(store, NOW)) == "".join(overview_page(before, NOW))
    assert "incidents/i-0" in overview(store).links


def test_the_headline_tells_what_is_required_and_what_nobody_can_probe() -> None:
    store = green_board()
    status = store.statuses["app-gitpod-io"]
    status.health = Health(State.DOWN, NOW, Cause.TCP_TIMEOUT)
    endpoint = replace(status.target.endpoint, required=False)
    status.target = replace(status.target, endpoint=endpoint)
    total = len(store.statuses)
    assert f"1 of {total} targets down, none that a runner needs" in overview(store).text
    status.health = Health()
    assert f"{total - 1} of {total} targets up so far" in overview(store).text
    status.target = replace(status.target, missing_values=("region",))
    assert f"{total - 1} of {total} targets up and 1 not probed" in overview(store).text


def test_what_wants_mending_though_nothing_is_broken_is_told() -> None:
    page = overview(realistic_board())
    assert "Not on the allow-list" in page.text
    assert "NO_PROXY lacks" in page.text
    assert "A runner would" in page.text
    assert "pick it" in page.text


def test_a_young_monitor_shows_the_hour_and_only_what_it_measured() -> None:
    store = realistic_board()
    status = store.statuses["app-gitpod-io"]
    for minute in range(5):
        at = NOW - 60 * (4 - minute)
        status.timeline = observe(status.timeline, State.UP, 0.05, at)
        status.minutes = observe(status.minutes, State.UP, 0.05, at, HOUR)
    page = "".join(overview_page(store, NOW))
    assert "Last 1 h" in Outline([page]).text
    assert 'viewBox="0 0 6 12"' in page
    assert 'aria-label="Last 1 h: 100 % up"' in page
    assert "Last 24 h" in overview(store, "24h").text
    status.timeline = observe(status.timeline, State.UP, 0.05, NOW + 8000)
    assert "Last 24 h" in Outline(overview_page(store, NOW + 8000)).text


def test_the_headline_is_the_impact_while_something_is_down() -> None:
    page = overview(realistic_board())
    assert "New environments may fail to start: Ona release artifacts (2 of 16)" in page.text
    assert "almost nothing answers" in overview(lost_egress(realistic_board())).text


def test_an_incident_shows_everything_for_an_engineer_on_call() -> None:
    store = realistic_board()
    store.recent_events.append(
        Event(EventKind.TARGET_STATE, NOW - 40, "aws-logs", "", facts={"state": "down"})
    )
    page = Outline(incident_page(store, IncidentRecord(store.incidents[0]), NOW))
    for said in (
        "Nothing answers on tcp/443", "New environments may fail to start", "What to do:",
        "Contact: the team that owns the firewall", "aws-logs is down", "First failure",
        "nc -vz -w 5 logs.eu-central-1.amazonaws.com 443", "To: the team that owns the firewall",
    ):  # fmt: skip
        assert said in page.text
    assert "../runbook/tcp_timeout" in page.links


def test_the_runbook_has_a_page_for_every_alert() -> None:
    """The links of alerts end in ``/runbook/<alert>``."""
    store = realistic_board()
    index = Outline(runbook_index(store, NOW))
    for name, entry in ALERTS.items():
        assert name in index.links
        page = Outline(alert_page(store, name, NOW))
        assert name in page.text
        assert "](" not in page.text
        assert entry.text.split()[0] in page.text
        assert "\ufffd" not in page.text


def test_the_runbook_has_a_page_for_every_cause() -> None:
    store = remembered(realistic_board())
    index = Outline(runbook_index(store, NOW))
    for cause in Cause:
        assert cause.value in index.links
        page = Outline(runbook_page(store, cause, NOW))
        for part in ("Looks like", "Confirm", "Fix", "Ask the firewall team"):
            assert part in page.text
    assert "../incidents/i-1" in Outline(runbook_page(store, Cause.TCP_TIMEOUT, NOW)).links


def test_a_configured_duration_is_exact() -> None:
    assert [duration(s) for s in (30.0, 0.5, 2.5, 90.0, 3600.0)] == [
        "30 s", "500 ms", "2.5 s", "90 s", "60 min"
    ]  # fmt: skip


def test_a_length_of_time_without_a_measurement_is_named() -> None:
    store = realistic_board()
    page = Outline(target_page(store, store.statuses["app-gitpod-io"], NOW, range_name="7d"))
    assert "State: not measured yet" in page.text


def test_a_made_up_host_is_shown_as_its_wildcard() -> None:
    assert "3000--" not in overview(realistic_board()).text


def test_an_incident_of_the_host_itself_affects_no_target() -> None:
    store = realistic_board()
    incident = replace(store.incidents[0], affected=())
    store.incidents = (incident,)
    assert "Affects no target" in overview(store).text
    page = Outline(incident_page(store, IncidentRecord(incident), NOW))
    assert "Affected targetsNone." in page.text
