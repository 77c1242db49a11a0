"""What discovery keeps over a restart, and that nothing else is believed of a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.common.state_file import replace_file
from monitor.discovery import cache
from monitor.discovery.cache import NAME, CacheError, Kept, decode, encode, load
from monitor.model.discovery import FoundBy, UnlistedHost, WildcardSample
from monitor.model.endpoint import Protocol

KEPT = Kept(
    wildcard_samples={
        "registry-public-ecr-layers": WildcardSample(
            "d111111abcdef8.cloudfront.net",
            "/",
            FoundBy.CHAIN,
            1_000.5,
            "public-ecr-layers",
            ("https://public.ecr.aws/token/", "https://public.ecr.aws/v2/x/blobs/y"),
        )
    },
    reached={"public-ecr-layers": 1_000.5},
    hosts=(
        UnlistedHost("a.example.com", 443, Protocol.HTTPS, ("app-ona-com",), 1.0, 2.0),
        UnlistedHost("2606:2800:220:1::1", 8443, Protocol.HTTP, ("x", "y"), 1.0, 2.0),
    ),
)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    replace_file(tmp_path / "new" / NAME, encode(KEPT))
    assert load(tmp_path / "new") == KEPT


def test_nothing_is_kept_where_nothing_was_and_where_there_is_no_place(tmp_path: Path) -> None:
    assert load(tmp_path) == load(None) == Kept()


def changed(path: str, value: object) -> bytes:
    """The file with one value replaced: ``hosts.0.host``."""
    document = json.loads(encode(KEPT))
    *parents, last = path.split(".")
    here = document
    for key in parents:
        here = here[int(key) if key.isdigit() else key]
    here[int(last) if last.isdigit() else last] = value
    return json.dumps(document).encode()


ROW = "kept.wildcard_samples.registry-public-ecr-layers"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", 1),
        ("kept.wildcard_samples", []),
        ("kept.hosts", {"a": 1}),
        ("kept.hosts.0.host", "169.254.169.254/latest"),
        ("kept.hosts.0.host", "user:password@example.com"),
        ("kept.hosts.0.host", "A.example.com"),
        ("kept.hosts.0.port", 0),
        ("kept.hosts.0.port", "443"),
        ("kept.hosts.0.protocol", "gopher"),
        ("kept.hosts.0.sources", [1]),
        ("kept.hosts.0.sources", ["x" * 1000]),
        ("kept.hosts.0.last_seen", float("nan")),
        ("kept.hosts.0.first_seen", True),
        ("kept.reached.public-ecr-layers", -1),
        (f"{ROW}.host", "a b"),
        (f"{ROW}.path", "/x?token=y"),
        (f"{ROW}.path", 7),
        (f"{ROW}.steps", ["x"] * 11),
        (f"{ROW}.steps", []),
        (f"{ROW}.steps", ["\x1b[2J"]),
        (f"{ROW}.chain", None),
        (f"{ROW}.found_by", "catalog"),
        (f"{ROW}.found_at", None),
        ("kept.hosts.0.denial_reason", "it is private"),
        ("kept.hosts", [None] * 1_000),
    ],
)
def test_what_could_not_have_been_found_is_not_believed(path: str, value: object) -> None:
    with pytest.raises(CacheError):
        decode(changed(path, value))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_cache_or_an_error(data: bytes) -> None:
    with pytest.raises(CacheError):
        decode(data)


def test_a_file_that_cannot_be_used_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_file(tmp_path / NAME, encode(KEPT))
    monkeypatch.setattr(cache, "SIZE_LIMIT", 10)
    with pytest.raises(CacheError, match="too large"):
        load(tmp_path)
    (tmp_path / "odd" / NAME).mkdir(parents=True)
    with pytest.raises(CacheError, match="is a directory"):
        load(tmp_path / "odd")
    with pytest.raises(CacheError):
        decode(b"[" * 100_000)
