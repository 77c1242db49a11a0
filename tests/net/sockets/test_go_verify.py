"""Certificate verification against Go's crypto/tls: the same chains are accepted and refused."""

from __future__ import annotations

import ssl

import pytest

from monitor.net.errors import ExchangeError
from monitor.net.sockets.tls import tls_facts, verify_as_go
from tests.net.sockets.handshake import server_context, shake_hands, trusting
from tests.oracles.x509.inputs import DIFFERENCES, Shown, chains, verdicts

CHAINS = {shown.name: shown for shown in chains()}
VERDICTS = verdicts()


def accepted(shown: Shown) -> bool:
    """Whether the monitor's client accepts what the server shows."""
    server, store = server_context(shown.chain, shown.key), trusting(shown.roots)
    try:
        tls = shake_hands(store.probe_context(), server, shown.host)
        verify_as_go(tls, shown.host)
    except (ssl.SSLError, ExchangeError):
        return False
    assert tls_facts(tls).verified
    return True


def test_every_chain_has_a_verdict_of_go():
    assert CHAINS.keys() == VERDICTS.keys()
    assert DIFFERENCES.keys() <= CHAINS.keys()


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_is_accepted_or_refused_as_go_does(name: str):
    differs = name in DIFFERENCES
    assert accepted(CHAINS[name]) is (VERDICTS[name] is not differs)


def test_names_of_a_host_are_matched_as_go_does():
    by_name = [n for n in CHAINS if n.startswith(("wildcard", "name-", "host-", "address"))]
    assert len(by_name) > 12
