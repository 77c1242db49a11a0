"""NO_PROXY is read as Go's net/http reads it."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote

import pytest

from monitor.net.proxy.rules import NoProxy
from tests.oracles.no_proxy.inputs import HOSTS, VALUES

VERDICTS = json.loads((Path(__file__).parents[2] / "oracles/no_proxy/verdicts.json").read_text())


def test_every_value_has_a_verdict():
    assert set(VERDICTS["verdicts"]) == set(VALUES)


@pytest.mark.parametrize("value", VALUES)
def test_the_hosts_that_are_reached_directly_are_those_of_go(value: str):
    no_proxy = NoProxy(value)
    ours = [host for host in HOSTS if no_proxy.covers(unquote(host.strip("[]")), 443)]
    assert ours == VERDICTS["verdicts"][value]
