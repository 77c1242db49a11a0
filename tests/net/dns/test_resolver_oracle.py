"""The resolver and Go's resolver take the same addresses from the same responses."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from monitor.net.clock import SystemClock
from monitor.net.dns.resolver import DnsResolver
from tests.internet.nameserver import nameserver
from tests.oracles.dns.inputs import NAME, PAIRS

VERDICTS = json.loads((Path(__file__).parents[2] / "oracles/dns/verdicts.json").read_text())

PROCEEDS = frozenset({"A silent", "AAAA silent"})
"""Pairs for which Go waits out its limit of ten seconds and then uses the address that it has:
the monitor uses it within its own, shorter limit."""


def test_every_pair_has_a_verdict():
    assert set(VERDICTS["verdicts"]) == set(PAIRS)


@pytest.mark.parametrize("pair", PAIRS)
async def test_the_addresses_are_those_that_go_takes(pair: str):
    responses = PAIRS[pair]

    def habit(query: bytes) -> list[bytes]:
        response = responses[query[26] == 28]  # the type, behind the header and NAME
        return [] if response is None else [query[:2][: len(response)] + response[2:]]

    async with nameserver(habit) as server:
        resolver = DnsResolver(SystemClock(), Random(7), [server], hosts_file=None)
        expected = VERDICTS["verdicts"][pair]
        limit = 0.5 if expected == ["waits"] else 30.0
        found = await resolver.resolve(NAME, within=6.0 if pair in PROCEEDS else limit)
    if pair in PROCEEDS:
        assert len(found.addresses) == 1
    elif expected == ["waits"]:
        assert found.addresses == ()
        assert found.failure is not None
    else:
        unmapped = [address.removeprefix("::ffff:") for address in found.addresses]
        assert sorted(unmapped) == expected
