"""Requested probes: with credentials, from the same origin, within limits.

Covers: monitor/web/same_origin.py, monitor/web/api.py
"""

from __future__ import annotations

import pytest

from monitor.model.secret import Secret
from monitor.scheduler.probe_request import ProbeRequest
from monitor.web.same_origin import same_origin
from tests.stores import realistic_board
from tests.web.serving import client_of

TOKEN = {"Authorization": "Bearer t0ken"}
PATHS = ("/targets/app-gitpod-io/probe", "/api/v1/targets/app-gitpod-io/probe")


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": "http://monitor:9242", "Host": "monitor:9242"}, True),
        ({"Origin": "http://evil.com", "Host": "monitor:9242"}, False),
        ({"Origin": "null", "Host": "monitor:9242"}, False),
        ({"Origin": "http://[", "Host": "monitor:9242"}, False),
        ({"Origin": "", "Host": ""}, False),
    ],
)
def test_only_the_page_itself_has_an_effect(headers: dict[str, str], allowed: bool) -> None:
    assert same_origin(headers) is allowed


async def test_without_credentials_or_from_elsewhere_nothing_is_probed() -> None:
    probed: list[str] = []

    def probe_now(name: str) -> ProbeRequest:
        probed.append(name)
        return ProbeRequest.ACCEPTED

    store = realistic_board()
    async with client_of(store, probe_now=probe_now) as client:  # no authentication at all
        for path in PATHS:
            async with client.post(path, headers=TOKEN) as answer:
                assert answer.status == 403
        async with client.get("/targets/app-gitpod-io") as answer:
            assert "Probe now" not in await answer.text()
    async with client_of(store, probe_now=probe_now, token=Secret("t0ken")) as client:
        for path in PATHS:
            async with client.post(path) as answer:
                assert answer.status == 401
            elsewhere = {**TOKEN, "Sec-Fetch-Site": "cross-site"}
            async with client.post(path, headers=elsewhere) as answer:
                assert answer.status == 403
            async with client.get(path, headers=TOKEN) as answer:
                assert answer.status == 405
    assert probed == []


async def test_the_button_probes_and_leads_back_to_the_page() -> None:
    probed: list[str] = []

    def probe_now(name: str) -> ProbeRequest:
        probed.append(name)
        return ProbeRequest.TOO_SOON

    kept = {"probe_now": probe_now, "token": Secret("t0ken")}
    async with client_of(realistic_board(), **kept) as client:
        async with client.get("/targets/app-gitpod-io", headers=TOKEN) as answer:
            assert 'action="app-gitpod-io/probe"' in await answer.text()
        async with client.post(PATHS[0], headers=TOKEN) as answer:
            assert answer.status == 200
            assert answer.url.path_qs == "/targets/app-gitpod-io?probe=too_soon"
            assert "Not probed: the last probe was a moment ago" in await answer.text()
    assert probed == ["app-gitpod-io"]
