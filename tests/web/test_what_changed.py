"""What changed around an incident, and the public addresses: on the page, in the API, in the event
and in the ticket text.

Covers: monitor/diagnosis/changes.py, monitor/state/investigation.py
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.diagnosis.changes import Change, clock_jumped, moved, reloaded
from monitor.export.metrics.exposition import render
from monitor.health.status import TargetStatus
from monitor.incidents.incident_log import IncidentRecord
from monitor.model.causes import Cause
from monitor.model.identity import Identity
from monitor.model.settings import DnsSettings, Settings
from monitor.model.state import State
from monitor.scheduler import investigator
from monitor.state.events import Event, EventKind
from monitor.state.investigation import Investigation
from monitor.state.store import StateStore
from monitor.web.api import incident_document, targets_pieces
from monitor.web.pages import incident_page, overview_page
from tests.probe_results import FILTERED, probe_result, target
from tests.scheduler.test_investigator import at, incident, investigated
from tests.stores import EGRESS_PATHS, NOW, realistic_board
from tests.web.test_pages import Outline

SETTINGS = Settings(source=None)  # type: ignore[arg-type]
CONTEXT = (
    *reloaded(SETTINGS, replace(SETTINGS, dns=DnsSettings(servers=("192.0.2.53",))), 4.0),
    Change("egress_address", "192.0.2.1", "203.0.113.9 directly", 4.0),
    clock_jumped(-3600, 4.0),
    *moved(Identity(subnet_id="subnet-1"), Identity(subnet_id="subnet-2", region="x"), 4.0),
)
SENTENCES = (
    "the name resolves to 10.0.3.7 instead of 192.0.2.7",
    "the configuration was reloaded with other values in dns",
    "the public address is 203.0.113.9 directly instead of 192.0.2.1",
    "the clock of this host jumped by -3600 s: it was set, or the host was suspended",
    "the subnet id is subnet-2 instead of subnet-1",
)


@pytest.fixture
async def found(monkeypatch: pytest.MonkeyPatch) -> tuple[StateStore, Event]:
    """Return the store and the event after the investigation of an expired certificate."""
    monkeypatch.setattr(investigator, "DELAY", 0.0)
    expired = replace(FILTERED, cause=Cause.TLS_EXPIRED)
    bad = at(probe_result("a", ok=False), "10.0.3.7", 443)
    status = TargetStatus.of(target("a"), State.DOWN, bad, expired)
    status.last_success = replace(at(probe_result("a"), "192.0.2.7", 443), started_at=1.0)
    old = Change("reload", "", "proxy", 0.5)
    store, heard = await investigated(
        incident(Cause.TLS_EXPIRED), status, context=(old, *CONTEXT), paths=EGRESS_PATHS
    )
    return store, heard[-1]


async def test_all_four_places_name_each_change(found: tuple[StateStore, Event]) -> None:
    store, event = found
    record = IncidentRecord(incident(Cause.TLS_EXPIRED))
    document = incident_document(store, record, NOW)
    words = {row["name"]: row["value"] for row in document["evidence_in_words"]}  # type: ignore[attr-defined]
    page = Outline(incident_page(store, record, NOW)).text
    ticket = str(document["ticket"])
    assert event.kind is EventKind.INCIDENT_INVESTIGATED
    for place in (page, words["What changed"], str(event.facts["changes"]), ticket):
        for sentence in SENTENCES:
            assert sentence in " ".join(place.split())
        assert "in proxy" not in place  # before the last good result


async def test_evidence_and_ticket_hold_the_public_address(
    found: tuple[StateStore, Event],
) -> None:
    store, _ = found
    record = IncidentRecord(incident(Cause.TLS_EXPIRED))
    document = incident_document(store, record, NOW)
    assert {"name": "Public address directly", "value": "203.0.113.9"} in document[
        "evidence_in_words"
    ]  # type: ignore[operator]
    assert "203.0.113.9" in str(document["ticket"])


def test_the_overview_shows_each_way_out_and_the_reason_of_a_failed_check() -> None:
    text = Outline(overview_page(realistic_board(), NOW)).text
    for words in ("Public addresses", "Directly", "203.0.113.9", "Through the proxy", "denies it"):
        assert words in text
    assert "Public addresses" not in Outline(overview_page(StateStore(), NOW)).text


def test_metrics_name_the_way_out_and_never_the_address() -> None:
    text = render(realistic_board()).decode()
    assert 'egress_public_address_check_success{proxy_path="proxy"} 0' in text
    assert 'egress_public_address_check_success{proxy_path="direct"} 1' in text
    assert 'egress_public_address_changes_total{proxy_path="direct"} 1' in text
    assert "203.0.113.9" not in text


def test_changes_at_different_times_are_separate_sentences() -> None:
    found = Investigation(
        "a", "a.example", (Change("proxy", "directly", "through p:1", 120.0), clock_jumped(9, 60.0))
    )
    assert found.changes_in_words == (
        "Changed at 00:02 UTC: the request goes through p:1 instead of directly. Changed at 00:01 "
        "UTC: the clock of this host jumped by +9 s: it was set, or the host was suspended."
    )


def test_a_reload_without_other_values_and_a_first_identity_are_no_changes() -> None:
    assert reloaded(SETTINGS, SETTINGS, 1.0) == ()
    assert moved(Identity(), Identity(region="eu-central-1"), 1.0) == ()


def test_targets_have_the_ways_out() -> None:
    assert '"egress_addresses": [{"proxy_path": "proxy"' in "".join(
        targets_pieces(realistic_board(), NOW)
    )
