"""Each chain of the catalogue against servers that answer as the real ones do, whole and broken
at every step.

Covers: monitor/discovery/client.py
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.discovery.client import asking
from monitor.discovery.walk import Outcome, walk
from monitor.model.causes import Cause
from monitor.model.discovery import FoundBy
from tests.discovery.support import CHAINS, by_id, engine, targets
from tests.internet import origins as real
from tests.internet.ca import Authority
from tests.internet.origins import Origins, Said, document, redirect, serving

OUTSIDE = "layers.example.net"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def web(authority: Authority) -> Iterator[Origins]:
    with serving(authority) as server:
        yield server


async def go(name: str, web: Origins, ca_file: Path) -> Outcome:
    asker = engine(ca_file)
    rows = by_id(targets(web.server_port))
    return await walk(CHAINS[name], rows, asking(asker), asker.probe_context.clock)


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        (
            "vscode-server-x64",
            {"vscode-server-x64": f"/commit:{real.COMMIT}/server-linux-x64/stable"},
        ),
        (
            "vscode-server-arm64",
            {"vscode-server-arm64": f"/commit:{real.COMMIT}/server-linux-arm64/stable"},
        ),
        (
            "vscode-extension",
            {
                "vscode-gallerycdn": "/extensions/editorconfig/editorconfig/0.17.4/1"
                "/Microsoft.VisualStudio.Services.Icons.Default",
                "vscode-unpkg": "/editorconfig/editorconfig/0.17.4/extension/package.json",
            },
        ),
        (
            "release-version",
            {
                f"release-{row}": f"/{tool}/releases/{real.VERSION}/{file}"
                for row, tool, file in (
                    ("vscode-remote", "vscode", "vscode-remote.vsix"),
                    ("vscode-agent-amd64", "vscode", "vscode-agent-amd64"),
                    ("vscode-agent-arm64", "vscode", "vscode-agent-arm64"),
                    ("jetbrains-agent-amd64", "jetbrains", "jetbrains-agent-amd64"),
                    ("jetbrains-agent-arm64", "jetbrains", "jetbrains-agent-arm64"),
                )
            },
        ),
        ("public-ecr-layers", {"registry-public-ecr-layers": "/"}),
        ("mcr-layers", {}),
        ("docker-hub-layers", {}),
        ("ghcr-layers", {}),
    ],
)
async def test_each_chain_comes_to_its_end(
    chain: str, expected: Mapping[str, str], web: Origins, authority: Authority
) -> None:
    outcome = await go(chain, web, authority.file)
    assert outcome.broken is None
    assert {row: found.path for row, found in outcome.wildcard_samples.items()} == expected
    for found in outcome.wildcard_samples.values():
        assert found.found_by is FoundBy.CHAIN
        assert found.found_at
        assert len(found.steps) == len(CHAINS[chain].steps)


def test_there_is_a_test_of_every_chain() -> None:
    (mark,) = test_each_chain_comes_to_its_end.pytestmark
    assert {case[0] for case in mark.args[1]} == set(CHAINS)


@pytest.mark.parametrize(
    ("chain", "host"),
    [
        ("public-ecr-layers", real.LAYERS),
        ("mcr-layers", real.MCR_DATA),
        ("docker-hub-layers", real.HUB_DATA),
        ("ghcr-layers", real.GHCR_DATA),
    ],
)
async def test_a_registrys_data_host_is_seen_without_its_signature(
    chain: str, host: str, web: Origins, authority: Authority
) -> None:
    outcome = await go(chain, web, authority.file)
    (redirect_seen,) = outcome.redirects_seen
    assert redirect_seen.url == f"https://{host}/blobs/{real.LAYER}"
    assert real.SIGNATURE not in repr(outcome)
    assert real.TOKEN not in repr(outcome)


async def test_the_wildcards_of_a_chain_get_the_hosts_that_it_found(
    web: Origins, authority: Authority
) -> None:
    layers = await go("public-ecr-layers", web, authority.file)
    assert layers.wildcard_samples["registry-public-ecr-layers"].host == real.LAYERS
    extension = await go("vscode-extension", web, authority.file)
    assert (
        extension.wildcard_samples["vscode-gallerycdn"].host
        == "editorconfig.gallerycdn.vsassets.io"
    )
    assert extension.wildcard_samples["vscode-unpkg"].host == "editorconfig.vscode-unpkg.net"


def broken_at(step: int, said: Said, web: Origins) -> None:
    """Have the ``step``-th request that the server gets answered by ``said``."""
    real_answers = dict(web.answers)

    def instead(host: str) -> real.Origin:
        return lambda path, headers: (
            said if len(web.asked) == step else real_answers[host](path, headers)
        )

    web.answers |= {host: instead(host) for host in real_answers}


EVERY_STEP = [
    (chain.id, step) for chain in CHAINS.values() for step in range(1, len(chain.steps) + 1)
]


@pytest.mark.parametrize(("chain", "step"), EVERY_STEP)
async def test_a_chain_says_at_which_step_it_broke_and_asks_no_further(
    chain: str, step: int, web: Origins, authority: Authority
) -> None:
    broken_at(step, Said(503, b"busy"), web)
    outcome = await go(chain, web, authority.file)
    broken = outcome.broken
    assert broken is not None
    assert (broken.number, broken.steps) == (step, len(CHAINS[chain].steps))
    assert broken.cause is Cause.HTTP_STATUS
    assert "503" in broken.detail
    assert broken.remediation
    assert "?" not in broken.asked
    assert len(web.asked) == step
    assert outcome.wildcard_samples == {}


DEEP = b"[" * 100_000 + b"]" * 100_000
HOSTILE = [
    (Said(200, b"<html>blocked</html>", {"Content-Type": "text/html"}), Cause.HTTP_BLOCKED_PAGE),
    (Said(200, b""), Cause.HTTP_PROTOCOL),
    (Said(200, b"\xff\xfe{"), Cause.HTTP_PROTOCOL),
    (Said(200, DEEP), Cause.HTTP_PROTOCOL),
    (Said(200, b'["' + b"a" * 400_000 + b'"]'), Cause.HTTP_PROTOCOL),
    (Said(200, b"9" * 100_000), Cause.HTTP_PROTOCOL),
    (document({}), Cause.HTTP_PROTOCOL),
    (document([]), Cause.HTTP_PROTOCOL),
    (document([{"0": "x"}]), Cause.HTTP_PROTOCOL),
    (document(["../../etc/passwd"]), Cause.HTTP_PROTOCOL),
    (document([real.COMMIT + "\n"]), Cause.HTTP_PROTOCOL),
    (document([f"{real.COMMIT}?token=x"]), Cause.HTTP_PROTOCOL),
    (document([None]), Cause.HTTP_PROTOCOL),
]


@pytest.mark.parametrize(("said", "cause"), HOSTILE, ids=range(len(HOSTILE)))
async def test_an_answer_that_cannot_be_used_breaks_the_chain_and_is_not_repeated(
    said: Said, cause: Cause, web: Origins, authority: Authority
) -> None:
    web.answers["update.code.visualstudio.com"] = lambda path, headers: said
    outcome = await go("vscode-server-x64", web, authority.file)
    assert outcome.broken is not None
    assert outcome.broken.cause is cause
    assert "passwd" not in outcome.broken.detail
    assert outcome.wildcard_samples == {}


@pytest.mark.parametrize(
    "location",
    ["", "/relative", "https://", "https://[::1", "//", "https://a b/", "ftp://\x01/", "?x=y"],
)
async def test_a_redirect_to_nowhere_breaks_the_last_step(
    location: str, web: Origins, authority: Authority
) -> None:
    broken_at(4, redirect(location), web)
    outcome = await go("public-ecr-layers", web, authority.file)
    assert outcome.broken is not None
    assert outcome.broken.number == 4
    assert outcome.wildcard_samples == {}


async def test_a_chain_that_leaves_the_wildcard_says_where_it_leads_and_stands_in_nothing(
    web: Origins, authority: Authority
) -> None:
    broken_at(4, redirect(f"https://{OUTSIDE}/blobs/x?{real.SIGNATURE}"), web)
    outcome = await go("public-ecr-layers", web, authority.file)
    assert outcome.wildcard_samples == {}
    assert outcome.broken is not None
    assert outcome.broken.detail == f"It leads to {OUTSIDE}, which *.cloudfront.net does not cover."
    assert [s.url for s in outcome.redirects_seen] == [f"https://{OUTSIDE}/blobs/x"]


async def test_a_manifest_cannot_name_a_host_outside_the_wildcard(
    web: Origins, authority: Authority
) -> None:
    version = {"version": "1.0.0", "assetUri": "https://169.254.169.254/latest/meta-data"}
    web.answers["marketplace.visualstudio.com"] = lambda *_: document({"versions": [version]})
    outcome = await go("vscode-extension", web, authority.file)
    assert outcome.broken is not None
    assert set(outcome.wildcard_samples) == {"vscode-unpkg"}


async def test_a_host_that_is_down_is_the_cause_that_a_probe_of_it_has(
    web: Origins, authority: Authority
) -> None:
    untrusting = Authority(authority.file.parent, "Another CA").file
    outcome = await go("mcr-layers", web, untrusting)
    assert outcome.broken is not None
    assert outcome.broken.number == 1
    assert outcome.broken.cause in {Cause.TLS_UNTRUSTED, Cause.TLS_INTERCEPTED}
    assert web.asked == []


async def test_a_token_is_sent_only_where_the_catalogue_says(
    web: Origins, authority: Authority
) -> None:
    seen: dict[str, list[str]] = {}
    for host, origin in list(web.answers.items()):

        def spy(path: str, headers: Mapping[str, str], host=host, origin=origin) -> Said:
            seen.setdefault(host, []).append(headers.get("authorization", ""))
            return origin(path, headers)

        web.answers[host] = spy
    assert (await go("docker-hub-layers", web, authority.file)).broken is None
    assert seen == {
        "auth.docker.io": [""],
        "registry-1.docker.io": [f"Bearer {real.TOKEN}"] * 3,
    }


async def test_a_host_that_never_answers_costs_one_timeout(
    web: Origins, authority: Authority
) -> None:
    released = threading.Event()

    def silent(path: str, headers: Mapping[str, str]) -> Said:
        released.wait(10)
        return Said(503)

    web.answers["public.ecr.aws"] = silent
    asker = engine(authority.file)
    rows = {row.id: replace(row, timeout=0.3) for row in targets(web.server_port)}
    try:
        chain = CHAINS["public-ecr-layers"]
        outcome = await walk(chain, rows, asking(asker), asker.probe_context.clock)
    finally:
        released.set()
    assert outcome.broken is not None
    assert (outcome.broken.number, outcome.broken.cause) == (1, Cause.HTTP_TIMEOUT)
    assert len(web.asked) == 1
