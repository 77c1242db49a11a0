"""The references in docs/ are what the code says now, and say everything."""

from __future__ import annotations

import shutil
import subprocess
import tomllib

import pytest

from docs.man_page import PATH as MAN_PAGE
from docs.reference import FOLDER, written
from monitor.export.metrics.families import families
from tests.stores import realistic_board


@pytest.mark.parametrize("name", written())
def test_the_committed_reference_is_current(name: str):
    assert (FOLDER / name).read_text() == written()[name], "run `make reference`"


def test_every_metric_that_is_served_is_in_the_reference():
    text = written()["metrics.md"]
    names = {metric.name for metric in families(realistic_board())}
    missing = [n for n in names if f"`{n}`" not in text and f"`{n}_total`" not in text]
    assert missing == []


def test_every_difference_between_clients_has_a_test_of_the_monitor():
    rows = tomllib.loads((FOLDER / "client_differences.toml").read_text())["difference"]
    assert len({row["subject"] for row in rows}) == len(rows)
    for row in rows:
        assert (FOLDER.parent / row["proof"]).is_file(), row["subject"]
        assert all(row[column] for column in ("go", "monitor", "reason")), row["subject"]


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_formats_the_manual_page_without_a_warning():
    command = ["groff", "-man", "-Tascii", "-ww", "-P-c", str(FOLDER / MAN_PAGE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""
    assert "--firewall-request" in done.stdout
