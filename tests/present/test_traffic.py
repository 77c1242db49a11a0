"""``endpoints --cost``: traffic follows from the targets and the schedule."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.catalog import build_targets
from monitor.model.identity import Identity
from monitor.model.settings import ScheduleSettings, Settings
from monitor.present.traffic import traffic_json, traffic_lines, traffic_of

TARGETS = build_targets(
    Settings(Path("config.toml"), region="eu-central-1", account_id="123456789012"),
    Identity(),
    ("169.254.169.253:53",),
)


def test_the_whole_catalog_costs_a_few_dollars_a_year() -> None:
    traffic = traffic_of(TARGETS, ScheduleSettings())
    assert traffic.targets == len([t for t in TARGETS if t.endpoint.enabled])
    assert 1 < traffic.connections_per_second < 20
    assert 0 < traffic.egress_bytes_per_day < traffic.bytes_per_day
    assert 1 < traffic.nat_cost_per_year() < 50
    assert traffic.nat_cost_per_year(0.09) == pytest.approx(2 * traffic.nat_cost_per_year())


def test_pulses_count_once_per_way_out_and_can_be_turned_off() -> None:
    every, none = (traffic_of(TARGETS, ScheduleSettings(pulse=p)) for p in (5.0, 0.0))
    assert none.pulse_points == 0
    assert 0 < every.pulse_points <= every.targets
    rate = every.connections_per_second - none.connections_per_second
    assert rate == pytest.approx(every.pulse_points / 5.0)


def test_name_servers_and_metadata_stay_in_the_vpc() -> None:
    local = [t for t in TARGETS if t.group in {"resolver", "instance_metadata"}]
    assert local
    assert traffic_of(local, ScheduleSettings()).egress_bytes_per_day == 0


def test_the_lines_fit_a_terminal_and_the_document_has_the_price() -> None:
    traffic = traffic_of(TARGETS, ScheduleSettings())
    assert max(map(len, traffic_lines(traffic, 0.045))) <= 80
    assert traffic_json(traffic, 0.052)["nat_gateway_usd_per_gb"] == 0.052
