"""Every case of Prometheus' sender compliance suite (prometheus/compliance, remotewrite/sender).

Each case has the name it has there. The receiver is strict: it notes every violation of the
specification, and each test fails if there was one. ``NOT_APPLICABLE`` lists the cases that do
not apply and why; ``DEPARTURES`` those in which the monitor deliberately does otherwise.

Covers: monitor/export/remote_write/*.py
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import cramjam
import pytest
from aiohttp import web

from monitor.config import load_settings
from monitor.export.metrics.families import families
from monitor.export.remote_write.backoff import LONGEST_WAIT
from monitor.export.remote_write.rows import Rows, count
from monitor.export.remote_write.sampling import Sampler
from monitor.export.remote_write.series import STALE, Batch, Family, MetricType, Series, is_stale
from monitor.export.remote_write.service import external_labels
from monitor.model.identity import Identity
from monitor.model.settings import ConfigError, RemoteWriteSettings, WriteVersion
from monitor.state.self_metrics import DropReason, RequestFailure
from tests.export.remote_write.delivering import VirtualClock, delivering, fails, some
from tests.export.remote_write.points import FAMILY, MOMENT
from tests.export.remote_write.test_delivery import answering, versions
from tests.internet.process import free_port
from tests.internet.receiver import V1, V2, Receiver, Request, Row, receiver
from tests.stores import NOW, realistic_board

_SUITE = """
exponential_backoff_on_retries backoff_required backoff_max_delay backoff_with_jitter
multiple_series_per_request batch_size_reasonable handles_varying_cardinality
efficient_symbol_reuse metadata_batching TestConcurrentRequests samples_with_metadata
samples_with_exemplars histogram_with_metadata_and_exemplars multiple_metric_types
high_cardinality_labels complete_metric_family mixed_labels_and_metadata real_world_scenario
empty_scrape huge_label_values unicode_in_labels many_timeseries high_cardinality
very_long_metric_name special_float_combinations zero_timestamp future_timestamp
metric_name_with_colons stale_marker mixed_sample_and_histogram_families TestRobustnessUnderLoad
handle_connection_refused handle_timeout handle_partial_write handle_malformed_response
sender_continues_after_errors handle_invalid_status_code handle_empty_response
handle_large_error_response dns_resolution_failure invalid_url_scheme exemplar_with_trace_id
exemplar_with_span_id exemplar_value_valid exemplar_timestamp_valid exemplar_labels_valid_refs
exemplar_custom_labels exemplar_on_histogram exemplar_labels_even_length
multiple_exemplars_per_series fallback_on_415_unsupported_media_type
retry_with_different_version fallback_header_changes accept_success_after_fallback
persistent_fallback_choice TestNoFallbackOn2xx native_histogram_structure
histogram_count_present histogram_sum_present histogram_buckets_ordered
histogram_positive_buckets histogram_negative_buckets histogram_zero_bucket histogram_schema
histogram_timestamp histogram_no_mixed_with_samples histogram_empty_buckets
histogram_large_counts label_lexicographic_ordering metric_name_label_present
metric_name_format_valid label_name_format_valid no_duplicate_label_names label_names_not_empty
label_values_may_be_empty reserved_label_prefix unicode_in_label_values
special_chars_in_label_values very_long_label_names very_long_label_values
many_labels_per_series metadata_type_counter metadata_type_gauge metadata_type_histogram
metadata_type_summary metadata_help_text metadata_unit metadata_help_with_newlines
metadata_help_with_special_chars metadata_help_refs_valid metadata_consistent_across_series
metadata_empty_help_allowed content_type_protobuf content_type_with_proto_param
content_encoding_snappy version_header_present version_header_value user_agent_present
snappy_block_format protobuf_parseable TestHTTPMethod ignore_response_body_on_success
process_written_count_headers handle_partial_write_response handle_missing_written_headers
log_error_messages_verbatim handle_large_error_body handle_204_no_content handle_200_ok
TestContentTypeNegotiation no_retry_on_400 no_retry_on_401 no_retry_on_404 may_retry_on_429
retry_on_500 retry_on_503 retry_on_502 retry_on_504 no_retry_on_413 rw1_version_header
rw1_content_type rw1_samples_encoding rw1_labels_encoding rw1_no_native_histograms
rw1_no_start_timestamp rw1_metadata_handling rw1_symbol_table_not_used
TestRemoteWrite1Configuration float_value_encoding integer_value_encoding zero_value_encoding
negative_value_encoding positive_infinity_encoding negative_infinity_encoding nan_encoding
timestamp_milliseconds_format timestamp_recent multiple_samples_same_series large_float_values
small_float_values scientific_notation precision_preservation job_instance_labels_present
TestSampleOrdering empty_string_at_index_zero string_deduplication labels_refs_valid_indices
labels_refs_even_length TestSymbolTableEfficiency timestamp_int64_milliseconds
timestamp_ordering_within_series start_timestamp_for_counters start_timestamp_for_histograms
start_timestamp_zero_handling timestamp_precision timestamp_future_values
start_timestamp_before_sample_timestamp
"""
SUITE = tuple(_SUITE.split())
"""The names of all cases."""

_EXEMPLARS = "the monitor has no exemplars: MAY"
_NATIVE = "the monitor has no native histograms, only classic ones: MAY"
NOT_APPLICABLE = {
    "samples_with_exemplars": _EXEMPLARS,
    "histogram_with_metadata_and_exemplars": _EXEMPLARS,
    "exemplar_with_trace_id": _EXEMPLARS,
    "exemplar_with_span_id": _EXEMPLARS,
    "exemplar_value_valid": _EXEMPLARS,
    "exemplar_timestamp_valid": _EXEMPLARS,
    "exemplar_labels_valid_refs": _EXEMPLARS,
    "exemplar_custom_labels": _EXEMPLARS,
    "exemplar_on_histogram": _EXEMPLARS,
    "exemplar_labels_even_length": _EXEMPLARS,
    "multiple_exemplars_per_series": _EXEMPLARS,
    "native_histogram_structure": _NATIVE,
    "histogram_positive_buckets": _NATIVE,
    "histogram_negative_buckets": _NATIVE,
    "histogram_zero_bucket": _NATIVE,
    "histogram_schema": _NATIVE,
    "metadata_type_summary": "the monitor has no summaries",
    "metadata_unit": "units are in the names of the metrics: MAY",
    "start_timestamp_for_counters": "start timestamps are not sent: MAY",
    "start_timestamp_for_histograms": "start timestamps are not sent: MAY",
    "start_timestamp_before_sample_timestamp": "start timestamps are not sent: MAY",
}

DEPARTURES = {
    "no_retry_on_401": "kept and retried at most every 3.75 s: often a filter or proxy responds so",
    "no_retry_on_404": "kept and retried at most every 3.75 s: often a filter or proxy responds so",
    "no_retry_on_413": "the same samples are sent again in smaller requests: none is lost",
}

Check = Callable[[], Awaitable[None]]


def one(
    name: str = "test_metric",
    value: float = 42.0,
    at: int = MOMENT,
    *,
    kind: MetricType = MetricType.GAUGE,
    text: str = "Help.",
    **labels: str,
) -> Rows:
    """One sample of a series."""
    parts = [name, *(part for pair in sorted(labels.items()) for part in pair)]
    return {Series("\0".join(parts), Family(name, kind, text)): [(at, value)]}


async def sent(rows: Rows, version: WriteVersion = WriteVersion.V2) -> Request:
    """Deliver rows in one request and return it."""
    async with receiver() as (receives, url), delivering(url, protocol=version) as (delivery, _):
        await delivery.deliver(rows)
        (request,) = receives.requests
        return request


async def row_of(rows: Rows, version: WriteVersion = WriteVersion.V2) -> Row:
    return (await sent(rows, version)).message.rows[0]


def whole_store() -> Rows:
    """Everything that the monitor exports."""
    batch = Batch()
    for points in Sampler().sample(realistic_board(), NOW):
        batch.add(points)
    return batch.series


# samples_test.go, timestamps_test.go

VALUES = {
    "float_value_encoding": 123.45,
    "integer_value_encoding": 42.0,
    "zero_value_encoding": 0.0,
    "negative_value_encoding": -15.5,
    "positive_infinity_encoding": math.inf,
    "negative_infinity_encoding": -math.inf,
    "nan_encoding": math.nan,
    "large_float_values": 1.7e308,
    "small_float_values": 4.9e-324,
    "scientific_notation": 1.23e-4,
    "precision_preservation": 0.1 + 0.2,
    "stale_marker": STALE,
}


@pytest.mark.parametrize("version", list(WriteVersion))
@pytest.mark.parametrize("case", VALUES)
async def test_values_arrive_bit_by_bit(case: str, version: WriteVersion) -> None:
    row = await row_of(one(value=VALUES[case]), version)
    assert row.samples == [(MOMENT, struct.pack("<d", VALUES[case]))]
    assert is_stale(row.values[0]) == (case == "stale_marker")


async def test_special_float_combinations() -> None:
    values = {"nan": math.nan, "inf": math.inf, "ninf": -math.inf, "zero": 0.0, "negative": -1.5}
    rows: Rows = {}
    for kind, value in values.items():
        rows |= one("special_values", value, type=kind)
    request = await sent(rows)
    found = {dict(row.labels)["type"]: row.samples[0][1] for row in request.message.rows}
    assert found == {kind: struct.pack("<d", value) for kind, value in values.items()}


TIMES = {
    "timestamp_milliseconds_format": MOMENT,
    "timestamp_int64_milliseconds": MOMENT,
    "timestamp_precision": MOMENT + 7,
    "timestamp_future_values": MOMENT + 240_000,
    "zero_timestamp": 0,
    "future_timestamp": MOMENT + 86_400_000,
}


@pytest.mark.parametrize("version", list(WriteVersion))
@pytest.mark.parametrize("case", TIMES)
async def test_times_arrive_in_milliseconds(case: str, version: WriteVersion) -> None:
    row = await row_of(one(at=TIMES[case]), version)
    assert [at for at, _ in row.samples] == [TIMES[case]]


async def test_timestamp_recent() -> None:
    request = await sent(whole_store())
    newest = max(at for row in request.message.rows for at, _ in row.samples)
    assert 0 <= NOW * 1000 - newest < 300_000


@pytest.mark.parametrize(
    "case",
    ["multiple_samples_same_series", "TestSampleOrdering", "timestamp_ordering_within_series"],
)
async def test_samples_of_a_series_are_in_the_order_of_time(case: str) -> None:
    request = await sent(some(3, each=5))
    for row in request.message.rows:
        times = [at for at, _ in row.samples]
        assert len(times) == 5
        assert times == sorted(times)


@pytest.mark.parametrize("case", ["start_timestamp_zero_handling", "rw1_no_start_timestamp"])
async def test_there_is_no_start_timestamp(case: str) -> None:
    version = WriteVersion.V1 if case.startswith("rw1") else WriteVersion.V2
    assert (await row_of(one(kind=MetricType.COUNTER), version)).start_times == []


def test_job_instance_labels_present() -> None:
    settings = RemoteWriteSettings("x", "http://x/", "http://x/")
    labels = dict(external_labels(Identity(), "host", settings))
    assert labels == {"job": "egress-monitor", "instance": "host"}


# labels_test.go, edge_cases_test.go

LABELS: dict[str, Rows] = {
    "label_lexicographic_ordering": one(zone="z", app="a", Method="m", _x="1"),
    "metric_name_label_present": one(),
    "metric_name_format_valid": one("valid_metric_name:subsystem_total"),
    "metric_name_with_colons": one("http:request:duration:seconds"),
    "label_name_format_valid": one(valid_label_1="v", _private="w"),
    "no_duplicate_label_names": one(a="1", b="2"),
    "label_names_not_empty": one(label="value"),
    "reserved_label_prefix": one(normal="value"),
    "unicode_in_label_values": one(emoji="🚀", chinese="测试"),
    "unicode_in_labels": one(emoji="🚀", arabic="مرحبا", combined="é"),
    "special_chars_in_label_values": one(path='/a?b=c&d="e"\\', query="foo=bar\nbaz\t"),
    "very_long_label_names": one(**{"long_" * 200: "value"}),
    "very_long_label_values": one(description="long " * 400),
    "huge_label_values": one(huge="x" * 100_000),
    "very_long_metric_name": one("m" * 1000),
    "many_labels_per_series": one(**{f"label_{n:03}": str(n) for n in range(200)}),
}


@pytest.mark.parametrize("version", list(WriteVersion))
@pytest.mark.parametrize("case", LABELS)
async def test_labels_arrive_as_they_are_and_sorted(case: str, version: WriteVersion) -> None:
    ((series, _),) = LABELS[case].items()
    row = await row_of(LABELS[case], version)
    assert row.labels == series.labels()
    assert list(row.labels) == sorted(row.labels)
    assert [name for name, _ in row.labels if name.startswith("__")] == ["__name__"]


async def test_label_values_may_be_empty() -> None:
    row = await row_of(one(empty="", full="x"))
    assert dict(row.labels) == {"__name__": "test_metric", "full": "x"}, "empty means absent"


async def test_empty_scrape() -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, _):
        await delivery.deliver({})
    assert receives.requests == []


@pytest.mark.parametrize(
    "case",
    [
        "many_timeseries",
        "high_cardinality",
        "high_cardinality_labels",
        "handles_varying_cardinality",
        "TestRobustnessUnderLoad",
        "TestConcurrentRequests",
    ],
)
async def test_many_series_arrive_once(case: str) -> None:
    rows: Rows = {}
    for number in range(5000):
        rows |= one("test_metric", float(number), number=str(number), odd=str(number % 7))
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        await delivery.deliver(rows)
    assert sorted(row.values[0] for row in receives.accepted) == [float(n) for n in range(5000)]
    assert metrics.sent == 5000


# metadata_test.go, combined_test.go, histograms_test.go

KINDS = {
    "metadata_type_counter": MetricType.COUNTER,
    "metadata_type_gauge": MetricType.GAUGE,
    "metadata_type_histogram": MetricType.HISTOGRAM,
}
HELP = {
    "metadata_help_text": "Total number of HTTP requests.",
    "samples_with_metadata": "Total number of HTTP requests.",
    "mixed_labels_and_metadata": "Total number of HTTP requests.",
    "metadata_help_with_newlines": "First line.\nSecond line.",
    "metadata_help_with_special_chars": 'Quotes " and \\ and <tags> and ünïcode.',
    "metadata_empty_help_allowed": "",
}


@pytest.mark.parametrize("case", KINDS)
async def test_the_type_is_described(case: str) -> None:
    assert (await row_of(one(kind=KINDS[case]))).type == KINDS[case]


@pytest.mark.parametrize("case", HELP)
async def test_the_help_text_is_described(case: str) -> None:
    row = await row_of(one(text=HELP[case], service="api", method="GET", endpoint="/users"))
    assert row.help == HELP[case]


@pytest.mark.parametrize(
    "case",
    [
        "metadata_help_refs_valid",
        "metadata_consistent_across_series",
        "metadata_batching",
        "multiple_metric_types",
        "complete_metric_family",
        "real_world_scenario",
        "mixed_sample_and_histogram_families",
    ],
)
async def test_everything_that_the_monitor_exports_is_described_consistently(case: str) -> None:
    rows = whole_store()
    request = await sent(rows)
    described: dict[str, set[tuple[int, str]]] = {}
    for row in request.message.rows:
        described.setdefault(row.name, set()).add((row.type, row.help))
    assert all(len(found) == 1 for found in described.values())
    assert {kind for found in described.values() for kind, _ in found} >= {1, 2, 3}
    assert request.message.count == count(rows)
    scraped = {s.name for metric in families(realistic_board()) for s in metric.samples}
    assert scraped <= described.keys()


@pytest.mark.parametrize(
    "case",
    [
        "histogram_count_present",
        "histogram_sum_present",
        "histogram_buckets_ordered",
        "histogram_timestamp",
        "histogram_no_mixed_with_samples",
        "histogram_empty_buckets",
        "histogram_large_counts",
    ],
)
async def test_a_classic_histogram_is_complete(case: str) -> None:
    request = await sent(whole_store())
    base = "egress_loop_lag_seconds"
    values = {row.labels: row.values[0] for row in request.message.rows if base in row.name}
    by_name = {dict(labels)["__name__"] for labels in values}
    assert by_name == {f"{base}_bucket", f"{base}_count", f"{base}_sum"}
    buckets = sorted(
        (float(dict(labels)["le"]), value)
        for labels, value in values.items()
        if "le" in dict(labels)
    )
    assert [count for _, count in buckets] == sorted(count for _, count in buckets)
    (total,) = (v for labels, v in values.items() if dict(labels)["__name__"] == f"{base}_count")
    assert buckets[-1] == (math.inf, total)
    assert all(not row.histograms for row in request.message.rows)


# symbols_test.go, batching_test.go


@pytest.mark.parametrize(
    "case",
    [
        "empty_string_at_index_zero",
        "string_deduplication",
        "labels_refs_valid_indices",
        "labels_refs_even_length",
        "TestSymbolTableEfficiency",
        "efficient_symbol_reuse",
        "protobuf_parseable",
    ],
)
async def test_the_symbol_table_is_valid_and_without_duplicates(case: str) -> None:
    request = await sent(whole_store())
    symbols = request.message.symbols
    assert symbols[0] == ""
    assert len(set(symbols)) == len(symbols)
    texts = sum(2 * len(row.labels) + 1 for row in request.message.rows)
    assert len(symbols) < texts / 5


@pytest.mark.parametrize("case", ["multiple_series_per_request", "batch_size_reasonable"])
async def test_series_are_sent_together_up_to_the_limit(case: str) -> None:
    async with (
        receiver() as (receives, url),
        delivering(url, max_samples_per_send=100) as (delivery, _),
    ):
        await delivery.deliver(some(250))
    assert [request.message.count for request in receives.requests] == [100, 100, 50]


# protocol_test.go, rw1_compat_test.go


@pytest.mark.parametrize(
    "case",
    [
        "content_type_protobuf",
        "content_type_with_proto_param",
        "content_encoding_snappy",
        "version_header_present",
        "version_header_value",
        "user_agent_present",
        "snappy_block_format",
        "TestHTTPMethod",
        "TestContentTypeNegotiation",
    ],
)
async def test_the_request_of_2(case: str) -> None:
    request = await sent(some())
    headers = request.headers
    assert request.method == "POST"
    assert headers["Content-Type"] == V2
    assert headers["Content-Encoding"] == "snappy"
    assert headers["X-Prometheus-Remote-Write-Version"] == "2.0.0"
    assert re.fullmatch(r"egress-monitor/\S+", headers["User-Agent"])
    assert request.body[:4] != b"\xff\x06\x00\x00"
    assert cramjam.snappy.decompress_raw(request.body)


@pytest.mark.parametrize(
    "case",
    [
        "rw1_version_header",
        "rw1_content_type",
        "rw1_samples_encoding",
        "rw1_labels_encoding",
        "rw1_no_native_histograms",
        "rw1_metadata_handling",
        "rw1_symbol_table_not_used",
        "TestRemoteWrite1Configuration",
    ],
)
async def test_the_request_of_1(case: str) -> None:
    request = await sent(whole_store(), WriteVersion.V1)
    headers, message = request.headers, request.message
    assert headers["Content-Type"] == V1
    assert headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
    assert message.count == count(whole_store())
    assert message.symbols == []
    assert all(not row.histograms for row in message.rows)
    assert message.families["egress_probes_total"][0] == MetricType.COUNTER


# fallback_test.go


@pytest.mark.parametrize(
    "case",
    [
        "fallback_on_415_unsupported_media_type",
        "retry_with_different_version",
        "fallback_header_changes",
        "accept_success_after_fallback",
        "persistent_fallback_choice",
    ],
)
async def test_after_415_the_other_version_is_used(case: str) -> None:
    clock = VirtualClock()
    async with receiver() as (receives, url), delivering(url, clock) as (delivery, metrics):
        receives.versions = {V1}
        for _ in range(10):
            await delivery.deliver(some())
            clock.now += 5
    assert versions(receives) == ["2.0", *["1.0"] * 10]
    assert metrics.sent == 30


@pytest.mark.parametrize("case", ["TestNoFallbackOn2xx", "handle_204_no_content", "handle_200_ok"])
async def test_after_a_success_the_version_stays(case: str) -> None:
    status = 200 if case == "handle_200_ok" else 204
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.rule = lambda request: receives.written(request.message.count, status)
        for _ in range(3):
            await delivery.deliver(some())
    assert versions(receives) == ["2.0"] * 3
    assert metrics.sent == 9


# response_test.go, error_handling_test.go


@pytest.mark.parametrize("kind", ["text/plain", "text/html", "application/json"])
async def test_ignore_response_body_on_success(kind: str) -> None:
    def rule(request: Request) -> web.Response:
        response = receives.written(request.message.count, 200)
        response.body, response.content_type = b"error: nothing was written", kind
        return response

    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.rule = rule
        await delivery.deliver(some())
    assert metrics.sent == 3


@pytest.mark.parametrize(
    "case",
    ["process_written_count_headers", "handle_partial_write_response", "handle_partial_write"],
)
async def test_the_counts_of_a_partial_write_are_followed(case: str) -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.rule = answering(receives.written(2, 400))
        await delivery.deliver(some(3))
    assert len(receives.requests) == 1
    assert (metrics.sent, metrics.dropped[DropReason.REFUSED]) == (2, 1)


async def test_handle_missing_written_headers() -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.rule = lambda _: web.Response(status=400, text="no")
        await delivery.deliver(some(3))
    assert (metrics.sent, metrics.dropped[DropReason.REFUSED]) == (0, 3)


async def test_log_error_messages_verbatim(capsys: pytest.CaptureFixture[str]) -> None:
    text = 'out of bounds: series {__name__="x"}; 1/3 samples'
    async with receiver() as (receives, url), delivering(url) as (delivery, _):
        receives.rule = lambda _: web.Response(status=400, text=text)
        await delivery.deliver(some(3))
    assert text in capsys.readouterr().out.replace('\\"', '"')


@pytest.mark.parametrize(
    "case",
    [
        "handle_large_error_body",
        "handle_large_error_response",
        "handle_empty_response",
        "handle_invalid_status_code",
        "sender_continues_after_errors",
    ],
)
async def test_odd_errors_do_not_stop_the_sender(case: str) -> None:
    bodies = {"handle_empty_response": b"", "handle_invalid_status_code": b"\xff\x00<"}
    status = 599 if case == "handle_invalid_status_code" else 500
    body = bodies.get(case, b"x" * 5_000_000)
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.rule = answering(*[web.Response(status=status, body=body) for _ in range(3)])
        for _ in range(3):
            await delivery.deliver(some(100))
    assert metrics.sent == 300


async def test_handle_connection_refused() -> None:
    async with delivering(f"http://127.0.0.1:{free_port()}/") as (delivery, metrics):
        await fails(delivery, metrics, RequestFailure.UNREACHABLE)
    assert sum(metrics.dropped.values()) == 0


async def test_dns_resolution_failure() -> None:
    async with delivering("http://nowhere.test/") as (delivery, metrics):
        await fails(delivery, metrics, RequestFailure.UNREACHABLE)
    assert sum(metrics.dropped.values()) == 0


def test_invalid_url_scheme(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[[remote_write]]\nurl = "ftp://receiver.example/"\n')
    with pytest.raises(ConfigError, match=r"ftp|http"):
        load_settings(file, {})


# retry_test.go, backoff_test.go

RETRIED = {
    "may_retry_on_429": 429,
    "retry_on_500": 500,
    "retry_on_502": 502,
    "retry_on_503": 503,
    "retry_on_504": 504,
}


@pytest.mark.parametrize("case", RETRIED)
async def test_retried_until_accepted(case: str) -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.rule = answering(RETRIED[case], RETRIED[case])
        await delivery.deliver(some(100))
    assert metrics.sent == 100


async def test_no_retry_on_400() -> None:
    clock = VirtualClock()
    async with receiver() as (receives, url), delivering(url, clock) as (delivery, _):
        receives.rule = lambda _: web.Response(status=400)
        await delivery.deliver(one())
    assert versions(receives) == ["2.0", "1.0"], "1.0 receivers call 2.0 a bad request"
    assert clock.waits == []


@pytest.mark.parametrize("case", ["no_retry_on_401", "no_retry_on_404"])
async def test_denials_are_retried_rarely(case: str) -> None:
    clock = VirtualClock()
    async with receiver() as (receives, url), delivering(url, clock) as (delivery, metrics):
        receives.rule = answering(*[int(case[-3:])] * 4)
        await delivery.deliver(some(1000))
    assert clock.waits[0] >= 3.75
    assert clock.waits[3] >= 22.5
    assert metrics.sent == 1000


async def test_no_retry_on_413() -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.rule = answering(413)
        await delivery.deliver(some(100))
    assert [request.message.count for request in receives.requests[:3]] == [100, 50, 50]
    assert metrics.sent == 100


@pytest.mark.parametrize(
    "case",
    [
        "exponential_backoff_on_retries",
        "backoff_required",
        "backoff_max_delay",
        "backoff_with_jitter",
    ],
)
async def test_the_backoff_is_exponential_bounded_and_random(case: str) -> None:
    clock = VirtualClock()
    async with receiver() as (receives, url), delivering(url, clock) as (delivery, _):
        receives.rule = answering(*[503] * 12)
        await delivery.deliver(some(10_000))
    waits = clock.waits[:8]
    assert all(wait >= 0.25 for wait in waits)
    assert waits[3] > 2 * waits[1]
    assert max(clock.waits) <= LONGEST_WAIT
    assert len(set(clock.waits)) == len(clock.waits)


def test_every_case_of_the_suite_is_covered_or_does_not_apply() -> None:
    source = Path(__file__).read_text(encoding="utf-8").partition("# samples_test.go")[2]
    missing = [
        case
        for case in SUITE
        if case not in NOT_APPLICABLE
        and f'"{case}"' not in source
        and f"def test_{case}(" not in source
    ]
    assert missing == []
    assert NOT_APPLICABLE.keys() | DEPARTURES.keys() <= set(SUITE)
    assert len(SUITE) == len(set(SUITE)) == 157


async def test_handle_timeout() -> None:
    async with receiver() as (receives, url), delivering(url, timeout=0.05) as (delivery, metrics):
        receives.stall = 1
        await delivery.deliver(some())
    assert metrics.failures[RequestFailure.TIMEOUT] == 1
    assert metrics.sent == 3


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 abc\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 204 No Content\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"",
    ],
    ids=["status", "another protocol", "long header", "many headers", "nothing"],
)
async def test_handle_malformed_response(head: bytes) -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.raw = [head]
        await delivery.deliver(some())
    assert metrics.failures[RequestFailure.UNREACHABLE] == 1
    assert metrics.sent == 3


def test_the_family_of_the_tests_is_a_gauge() -> None:
    assert FAMILY.type is MetricType.GAUGE
    assert isinstance(Receiver().requests, list)
