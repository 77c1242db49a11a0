"""Chains as data: what the shipped ones are, and that a wrong one is a bug told at once."""

from __future__ import annotations

import pytest

from monitor.catalog import CatalogError, load_catalog, load_chains
from monitor.catalog.chains import check_rows
from monitor.catalog.loader import parse
from monitor.model.endpoint import Protocol

CHAIN = """
[expect]
[[endpoint]]
id = "manifest"
group = "g"
host = "a.example"
note = "n"
[[endpoint]]
id = "wild"
group = "g"
host = "a.example"
path = "/v/1/x"
wildcard = "a.example/v/*/x"
note = "Wildcard sample: n"
[[chain]]
id = "c"
[[chain.step]]
ask = "manifest"
read.version = { json = ["version"], as = "version" }
read.secret = { json = ["token"], as = "token" }
[[chain.step]]
ask = "manifest"
path = "/{version}"
bearer = "secret"
status = "200,307"
read.host = { redirect = true, part = "host", as = "host" }
[chain.wildcard_sample]
wild = { path = "/v/{version}/x" }
"""


def test_a_chain_is_read() -> None:
    _, (chain,) = parse("x.toml", CHAIN)
    assert (chain.id, chain.serves) == ("c", ("wild",))
    first, second = chain.steps
    assert (first.ask, first.path, str(first.status)) == ("manifest", "", "200")
    assert (second.path, second.bearer, str(second.status)) == ("/{version}", "secret", "200,307")
    assert chain.wildcard_samples["wild"].path == "/v/{version}/x"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('id = "c"', ""),
        ('id = "c"', 'id = "c"\nname = "x"'),
        ('id = "c"', "id = 1"),
        ('bearer = "secret"', 'bearer = "version"'),
        ('bearer = "secret"', 'bearer = "later"'),
        ('bearer = "secret"', "timeout = 3"),
        ('path = "/{version}"', 'path = "/{secret}"'),
        ('path = "/{version}"', 'path = "/{host}"'),
        ('path = "/{version}"', 'path = "/{nowhere}"'),
        ('status = "200,307"', 'status = "20"'),
        ('json = ["version"]', 'json = ["version"], redirect = true'),
        ('json = ["version"]', 'json = [1.5]'),
        ('json = ["version"], ', ""),
        ('redirect = true', "redirect = false"),
        ('part = "host"', 'part = "query"'),
        ('as = "host"', 'as = "anything"'),
        (', as = "host"', ""),
        ('path = "/v/{version}/x"', 'path = "/v/{secret}/x"'),
        ('path = "/v/{version}/x"', 'path = "/v/2/x"'),
        ('path = "/v/{version}/x"', 'port = "443"'),
        ("[chain.wildcard_sample]", "[chain.stand_ins]"),
    ],
)  # fmt: skip
def test_a_chain_that_is_wrong_is_told(old: str, new: str) -> None:
    assert old in CHAIN
    with pytest.raises(CatalogError):
        parse("x.toml", CHAIN.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('ask = "manifest"', 'ask = "nobody"'),
        ('host = "a.example"\nnote', 'host = "a.example"\nprotocol = "http"\nnote'),
        ("wild = {", "manifest = {"),
        ("wild = {", "nobody = {"),
    ],
)
def test_a_chain_asks_and_serves_rows_that_there_are(old: str, new: str) -> None:
    rows, chains = parse("x.toml", CHAIN)
    check_rows(chains, rows)
    assert old in CHAIN
    rows, chains = parse("x.toml", CHAIN.replace(old, new))
    with pytest.raises(ValueError, match="chain c"):
        check_rows(chains, rows)


def test_every_wildcard_has_a_chain_but_those_of_the_gateways() -> None:
    found = {row for chain in load_chains() for row in chain.wildcard_samples}
    wild = {row.id for row in load_catalog() if row.wildcard}
    assert wild - found == {"gateway-us01-environments", "gateway-eu01-environments"}


def test_no_stand_in_is_found_by_two_chains() -> None:
    found = [row for chain in load_chains() for row in chain.wildcard_samples]
    assert len(found) == len(set(found))


def test_chains_ask_only_hosts_of_the_catalogue_over_tls() -> None:
    rows = {row.id: row for row in load_catalog()}
    asked = {rows[step.ask] for chain in load_chains() for step in chain.steps}
    assert {row.protocol for row in asked} == {Protocol.HTTPS}
