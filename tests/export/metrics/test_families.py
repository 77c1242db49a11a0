"""Families: all declared, labels bounded, every sample a number, and the values right.

Covers: monitor/export/metrics/family.py, monitor/export/metrics/monitor_families.py,
monitor/export/metrics/target_families.py
"""

import math
from dataclasses import replace

import pytest
from prometheus_client.core import Metric

from monitor.export.metrics.families import families
from monitor.export.metrics.family import Kind
from monitor.export.metrics.monitor_families import MONITOR_FAMILIES, MONITOR_HISTOGRAMS
from monitor.export.metrics.target_families import HISTOGRAM_FAMILIES, TARGET_FAMILIES
from monitor.model.causes import Cause
from monitor.model.probe_result import Failure, FailureKind, Phase
from monitor.model.state import State
from monitor.model.target import Addresses
from monitor.state.store import StateStore
from tests.stores import HOSTILE, NOW, hostile_board, realistic_board

PLAIN = (*TARGET_FAMILIES, *MONITOR_FAMILIES)
DECLARED = (*PLAIN, *HISTOGRAM_FAMILIES, *MONITOR_HISTOGRAMS)


def values(store: StateStore, name: str) -> dict[tuple[str, ...], float]:
    """The samples of one name, by their labels' values but the group."""
    return {
        tuple(value for key, value in sample.labels.items() if key != "group"): sample.value
        for metric in families(store)
        for sample in metric.samples
        if sample.name == name
    }


def series(store: StateStore) -> set[tuple[object, ...]]:
    return {
        (sample.name, *sorted(sample.labels.items()))
        for metric in families(store)
        for sample in metric.samples
    }


def of(store: StateStore, name: str) -> Metric:
    return next(metric for metric in families(store) if metric.name == name)


def test_names_are_declared_once_and_all_have_samples_on_a_realistic_board() -> None:
    names = [family.name for family in DECLARED]
    assert len(names) == len(set(names))
    assert {metric.name for metric in families(realistic_board())} == set(names)


@pytest.mark.parametrize("family", PLAIN, ids=lambda family: family.name)
def test_samples_have_exactly_the_labels_that_are_declared(family) -> None:
    per_target = ("target", "group") if family in TARGET_FAMILIES else ()
    samples = of(realistic_board(), family.name).samples
    assert {tuple(sample.labels) for sample in samples} == {(*per_target, *family.labels)}
    suffix = "_total" if family.kind is Kind.COUNTER else ""
    assert {sample.name for sample in samples} == {family.name + suffix}


def test_every_probed_target_has_exactly_one_probe_success() -> None:
    store = realistic_board()
    probed = [r for r in store.statuses.values() if r.probe_result]
    samples = of(store, "probe_success").samples
    assert sorted(s.labels["target"] for s in samples) == sorted(r.target.id for r in probed)
    down = {r.target.id for r in probed if r.health.state is State.DOWN}
    assert {s.labels["target"] for s in samples if s.value == 0} == down


def test_a_target_that_was_never_probed_shows_its_state_and_nothing_measured() -> None:
    shown = {
        metric.name
        for metric in families(realistic_board())
        if any(s.labels.get("target") == "not-yet" for s in metric.samples)
    }
    counters = {"egress_probes", "egress_probes_skipped"}
    assert shown == {"egress_target_info", "egress_target_state", *counters}


def test_a_target_with_unknown_values_shows_its_state_only() -> None:
    states = values(realistic_board(), "egress_target_state")
    assert [states["nameless", state] for state in State] == [0, 0, 0, 1]
    assert ("nameless",) not in values(realistic_board(), "egress_probes_total")


def test_what_a_server_sends_makes_no_series() -> None:
    """Whatever a hostile server writes into what it sends, the series stay the same."""
    store, changed = hostile_board(), hostile_board()
    status = changed.statuses["hostile"]
    assert status.probe_result is not None
    connection = status.probe_result.connections[0]
    assert connection.tls is not None
    assert connection.http is not None
    leaf = replace(connection.tls.chain[0], subject="CN=x", issuer="CN=y", serial="02")
    tls = replace(connection.tls, version="x", alpn="y", verify_error="z", chain=(leaf,))
    http = replace(connection.http, version="8.8", headers={"via": "x"}, redirect="https://x/")
    connections = (replace(connection, tls=tls, http=http),)
    status.probe_result = replace(status.probe_result, connections=connections)
    assert series(changed) == series(store)
    assert not any(HOSTILE[:5] in value for _, *labels in series(store) for _, value in labels)


def test_no_sample_is_infinite_or_not_a_number() -> None:
    store = hostile_board()
    samples = [s for metric in families(store) for s in metric.samples]
    assert samples
    assert all(math.isfinite(sample.value) for sample in samples)
    assert ("hostile", "tls") not in values(store, "egress_phase_duration_seconds")


def test_a_failure_is_told_by_cause_and_counted() -> None:
    store = realistic_board()
    down = next(r.target.id for r in store.statuses.values() if r.health.state is State.DOWN)
    assert values(store, "egress_probe_failure_info")[down, Cause.TCP_TIMEOUT.value] == 1
    assert values(store, "egress_probe_failures_total")[down, Cause.TCP_TIMEOUT.value] == 2
    up = next(r.target.id for r in store.statuses.values() if r.health.state is State.UP)
    assert not any(key[0] == up for key in values(store, "egress_probe_failure_info"))


def test_http_phases_have_the_names_of_blackbox_exporter() -> None:
    phases = {key[1] for key in values(realistic_board(), "probe_http_duration_seconds")}
    assert phases == {"resolve", "connect", "tls", "processing", "transfer"}


def test_a_status_is_0_where_no_answer_came_and_absent_where_none_was_due() -> None:
    store = realistic_board()
    statuses = values(store, "probe_http_status_code")
    for status in store.statuses.values():
        if status.probe_result is None:
            continue
        expected = (
            None
            if status.target.endpoint.prober != "http"
            else 0
            if status.probe_result.failure
            else 200
        )
        if expected is not None:
            assert statuses[status.target.id,] == expected
    assert ("lighthouse-us01-udp",) not in statuses


def test_addresses_are_counted_by_family_and_never_named() -> None:
    store = hostile_board()
    status = store.statuses["hostile"]
    assert values(store, "egress_addresses_tried") == {}
    status.target = replace(status.target, addresses=Addresses.ALL)
    assert status.probe_result is not None
    working = replace(status.probe_result.connections[0], failure=None)
    refused = replace(working, failure=Failure(Phase.CONNECT, FailureKind.TIMEOUT, "no answer"))
    status.probe_result = replace(status.probe_result, connections=(working, working, refused))
    assert values(store, "egress_addresses_tried") == {("hostile", "ipv6"): 3}
    assert values(store, "egress_addresses_failed") == {("hostile", "ipv6"): 1}


def test_an_address_is_told_by_its_fnv_1a_hash() -> None:
    """FNV-1a 32 of "foob" is 0x3f5076ef (draft-eastlake-fnv, test vectors)."""
    store = hostile_board()
    status = store.statuses["hostile"]
    assert status.probe_result is not None
    address = ".".join(str(byte) for byte in b"foob")
    connection = replace(status.probe_result.connections[0], address=address)
    status.probe_result = replace(status.probe_result, connections=(connection,))
    assert values(store, "probe_ip_addr_hash") == {("hostile",): 0x3F5076EF}


@pytest.mark.parametrize("address", ["fe80::1%eth0", "no address"])
def test_an_address_that_is_odd_costs_no_scrape(address: str) -> None:
    store = hostile_board()
    status = store.statuses["hostile"]
    assert status.probe_result is not None
    connection = replace(status.probe_result.connections[0], address=address)
    status.probe_result = replace(status.probe_result, connections=(connection,))
    assert values(store, "egress_probes_total") == {("hostile",): 1}


def test_certificates_are_told_by_expiry_and_by_hash() -> None:
    store = realistic_board()
    assert set(values(store, "probe_ssl_earliest_cert_expiry").values()) == {NOW + 9e6}
    assert set(values(store, "egress_tls_certificate_hash").values()) == {0x01234567}
    assert {key[1] for key in values(store, "probe_tls_version_info")} == {"TLS 1.3"}
    assert set(values(store, "egress_tls_key_hash").values()) == {0x89ABCDEF}
    assert set(values(store, "egress_tls_verified").values()) == {1}


def test_what_openssl_does_not_know_is_no_version() -> None:
    assert values(hostile_board(), "probe_tls_version_info") == {}


def test_name_servers_are_told_by_their_slowest_answer() -> None:
    lookups = values(realistic_board(), "egress_dns_lookup_duration_seconds")
    assert {key[1] for key in lookups} == {"10.0.0.2:53"}
    assert set(lookups.values()) == {0.003}


def test_buckets_are_cumulative_and_end_with_everything() -> None:
    metric = of(realistic_board(), "egress_loop_lag_seconds")
    buckets = {s.labels["le"]: s.value for s in metric.samples if s.name.endswith("_bucket")}
    assert (buckets["0.005"], buckets["0.25"], buckets["10.0"], buckets["+Inf"]) == (1, 2, 2, 3)
    assert list(buckets.values()) == sorted(buckets.values())
    others = {s.name: s.value for s in metric.samples if not s.name.endswith("_bucket")}
    assert others["egress_loop_lag_seconds_count"] == 3
    assert others["egress_loop_lag_seconds_sum"] == pytest.approx(30.2001)


def test_targets_are_counted_by_group_and_state() -> None:
    store = realistic_board()
    counted = {
        (s.labels["group"], s.labels["state"]): s.value for s in of(store, "egress_targets").samples
    }
    assert sum(counted.values()) == len(store.statuses)
    assert counted["scm", "unknown"] == 1
    assert counted["scm", "down"] == 0


def test_identity_is_on_one_series() -> None:
    (sample,) = of(realistic_board(), "egress_identity_info").samples
    assert (sample.labels["region"], sample.labels["vpc_id"]) == ("eu-central-1", "vpc-1")


def test_a_value_that_has_no_encoding_is_made_printable() -> None:
    (sample,) = of(hostile_board(), "egress_identity_info").samples
    assert sample.labels["runner_id"] == "r?"


def test_an_empty_board_can_be_shown() -> None:
    names = {metric.name for metric in families(StateStore())}
    assert "egress_build_info" in names
    assert "probe_success" not in names


def test_phases_are_told_by_our_own_names_too() -> None:
    phases = {key[1] for key in values(realistic_board(), "egress_phase_duration_seconds")}
    assert {Phase.FIRST_BYTE.value, Phase.EXCHANGE.value} <= phases


def test_incidents_are_counted_with_how_bad_they_are_and_what_they_affect() -> None:
    store = realistic_board()
    (incident,) = store.incidents
    wider = replace(incident, id="other", affected=("a", "b", "c"))
    slow = replace(incident, id="third", state=State.DEGRADED)
    store.incidents = (incident, wider, slow)
    key = (incident.cause.value, incident.scope.value)
    assert values(store, "egress_incident_active") == {(*key, "down"): 2.0, (*key, "degraded"): 1.0}
    affected = values(store, "egress_incident_affected_targets")
    assert affected[(*key, "down")] == len(incident.affected) + 3


def test_each_entry_that_no_proxy_needs_is_told_where_there_is_a_proxy() -> None:
    samples = of(realistic_board(), "egress_no_proxy_missing").samples
    assert {s.labels["entry"]: s.value for s in samples} == {
        ".internal": 1.0,
        "169.254.0.0/16": 0.0,
        "app.gitpod.io": 0.0,
        ".amazonaws.com": 0.0,
    }
    assert "egress_no_proxy_missing" not in {metric.name for metric in families(StateStore())}
