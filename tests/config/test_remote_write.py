"""[[remote_write]]: what it may say, what is wrong with it, and that receivers are probed."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import load_settings
from monitor.model.endpoint import Protocol
from monitor.model.settings import ConfigError, Settings, WriteOrder, WriteVersion
from tests.internet.ca import Authority

URL = 'url = "https://metrics.example.com/api/v1/write"'


def load(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return load_settings(path, {})


def problems(tmp_path: Path, text: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return {p.key: f"{p.what}; {p.remediation}" for p in caught.value.problems}


def test_several_destinations_are_read(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("hunter2")
    one, two = load(
        tmp_path,
        f"""
        [[remote_write]]
        url = "https://metrics.example.com:8443/api/v1/push?key=s3cr3t"
        bearer_token_file = "{token}"
        headers = {{ X-Scope-OrgID = "a" }}
        external_labels = {{ site = "fra" }}
        queue_size = "1GiB"
        queue_age = "48h"
        order = "fresh_first"
        [[remote_write]]
        name = "second"
        url = "http://[::1]:9090/api/v1/write"
        protocol = "1.0"
        proxy = ""
        """,
    ).remote_write
    assert (one.name, two.name) == ("metrics.example.com", "second")
    assert one.url.endswith("?key=s3cr3t")
    assert one.shown_url == "https://metrics.example.com:8443/api/v1/push"
    assert (one.queue_size, one.queue_age) == (2**30, 172_800.0)
    assert (one.order, two.order) == (WriteOrder.FRESH_FIRST, WriteOrder.AUTO)
    assert (two.protocol, two.proxy, one.proxy) == (WriteVersion.V1, "", None)
    assert "s3cr3t" not in repr(one)
    assert "hunter2" not in repr(one)


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ('name = "x"', "url", "it is missing"),
        ('url = "metrics.example.com"', "url", "scheme is missing"),
        ('url = "https://u:hunter2@h.example/x"', "url", "username and password_file"),
        ('url = "ftp://h.example/x"', "url", "neither http nor https"),
        (f'{URL}\nheaders = {{ Authorization = "hunter2" }}', "headers", "reserved header"),
        (f'{URL}\nheaders = {{ "a b" = "x" }}', "headers", "not a valid header name"),
        (f'{URL}\nheader_files = {{ X-Key = "/no/file" }}', "header_files", "no such file"),
        (f'{URL}\nexternal_labels = {{ 9x = "y" }}', "external_labels", "not a valid label name"),
        (f'{URL}\nexternal_labels = {{ __x = "y" }}', "external_labels", "not a valid label name"),
        (f'{URL}\nqueue_size = "1MiB"', "queue_size", "at least 4MiB"),
        (f'{URL}\nqueue_size = "much"', "queue_size", "not a valid size"),
        (f'{URL}\nqueue_age = "1000h"', "queue_age", "720h"),
        (f'{URL}\nname = "../x"', "name", "is not a valid id"),
        (f'{URL}\nprotocol = "3.0"', "protocol", "1.0"),
        (
            f'{URL}\nusername = "a"\nsigv4_region = "eu-west-1"',
            "sigv4_region",
            "exclude each other",
        ),
        (f'{URL}\npassword_file = "/dev/null"', "username", "it is missing"),
        (f'{URL}\nkey_file = "/dev/null"', "cert_file", "it is missing"),
        (f'{URL}\ncert_file = "/dev/null"', "cert_file", "without a passphrase"),
        (f"{URL}\nmax_samples = 7", "max_samples", "did you mean"),
    ],
)
def test_what_is_wrong_is_said_with_its_cure(
    tmp_path: Path, text: str, key: str, said: str
) -> None:
    found = problems(tmp_path, f"[[remote_write]]\n{text}")
    assert list(found) == [f"remote_write[1].{key}"]
    assert said in found[f"remote_write[1].{key}"]
    assert "hunter2" not in str(found)


def test_two_destinations_need_two_names(tmp_path: Path) -> None:
    found = problems(tmp_path, f"[[remote_write]]\n{URL}\n[[remote_write]]\n{URL}")
    assert "two destinations are called" in found["remote_write[2].name"]


def test_a_table_in_single_brackets_is_told(tmp_path: Path) -> None:
    assert "[[remote_write]]" in problems(tmp_path, f"[remote_write]\n{URL}")["remote_write"]


def test_a_receiver_is_probed_once_and_as_it_can_be(tmp_path: Path) -> None:
    ca = Authority(tmp_path).file
    settings = load(
        tmp_path,
        f"""
        metrics = ["https://named.example.com/health"]
        [[remote_write]]
        url = "https://named.example.com/api/v1/write"
        [[remote_write]]
        url = "https://plain.example.com/api/v1/write?key=s3cr3t"
        [[remote_write]]
        url = "https://private.example.com:8443/api/v1/write"
        ca_file = "{ca}"
        [[remote_write]]
        url = "https://elsewhere.example.com/api/v1/write"
        proxy = "http://proxy.example.com:3128"
        """,
    )
    rows = {e.host: e for e in settings.endpoints}
    assert rows.keys() == {"named.example.com", "plain.example.com", "private.example.com"}
    assert {row.group for row in rows.values()} == {"metrics"}
    assert not any(row.required for row in rows.values())
    assert rows["named.example.com"].path == "/health"
    assert rows["plain.example.com"].path == "/api/v1/write"
    private = rows["private.example.com"]
    assert (private.protocol, private.prober, private.port) == (Protocol.TCP, "tcp", 8443)
