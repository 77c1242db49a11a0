"""The table [egress_address]: its values, and each mistake with its fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.test_config import load, problems


def test_without_a_url_nothing_is_checked(tmp_path: Path) -> None:
    assert load(tmp_path).egress_address is None
    assert load(tmp_path, "[egress_address]").egress_address is None


def test_a_url_becomes_its_parts_and_its_query_is_not_shown(tmp_path: Path) -> None:
    text = '[egress_address]\nurl = "https://ip.example:8443/me?token=s3cr3t"\ninterval = "5m"'
    found = load(tmp_path, text).egress_address
    assert found is not None
    assert (found.scheme, found.host, found.port) == ("https", "ip.example", 8443)
    assert (found.path, found.interval) == ("/me?token=s3cr3t", 300.0)
    assert found.shown_url == "https://ip.example:8443/me"
    assert "s3cr3t" not in repr(found)


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ('interval = "5m"', "url", "it is missing"),
        ('url = "https://ip.example"\ninterval = "59s"', "interval", "write 1m or more"),
        ('url = "https://ip.example"\ninterval = "25h"', "interval", "at most 24h"),
        ('url = "ip.example"', "url", "the scheme is missing"),
        ('url = "ftp://ip.example"', "url", "neither http nor https"),
        ('url = "https://user:s3cr3t@ip.example"', "url", "user or password"),
        ('url = "https://ip.example/#x"', "url", "fragment"),
        ('url = "https://ip.example/?a b"', "url", "visible ASCII"),
    ],
)
def test_mistakes_name_the_key_and_the_fix(tmp_path: Path, text: str, key: str, words: str) -> None:
    found = problems(tmp_path, f"[egress_address]\n{text}")
    assert words in found[f"egress_address.{key}"]
    assert "s3cr3t" not in str(found)
