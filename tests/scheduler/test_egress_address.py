"""The public address of each way out: a real service, real proxies, and services that misbehave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager

import pytest

from monitor.diagnosis.proxy_path import ProxyPath
from monitor.health.status import TargetStatus
from monitor.model.endpoint import Protocol
from monitor.model.settings import EgressAddressSettings, ScheduleSettings
from monitor.model.state import State
from monitor.probes.egress_address import parsed_address
from monitor.scheduler import egress_address
from monitor.scheduler.egress_address import EgressAddresses, check_egress_addresses
from monitor.scheduler.engine import Engine
from monitor.state.egress_address import Answer
from monitor.state.events import Event, EventKind, Events, incidents_changed
from monitor.state.store import StateStore
from tests.internet.process import free_port
from tests.internet.squid import squid
from tests.probe_results import REACHED, probe_result
from tests.probes.support import make_probe_context, make_target
from tests.scheduler.test_investigator import incident

DIRECT, PROXY = ProxyPath.DIRECT, ProxyPath.PROXY
LIMITS = ScheduleSettings(max_in_flight=4, max_connections_per_second=1e6)
SECRET = "t0ken-in-the-query"


class Service:
    """Answers with the address of the way out: a request through a proxy has a Via field."""

    def __init__(self) -> None:
        self.addresses = {DIRECT: b"192.0.2.1\n", PROXY: b"198.51.100.7\n"}
        self.raw: bytes | None = None
        self.requests: list[bytes] = []
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(request)
            body = self.addresses[PROXY if b"\nvia:" in request.lower() else DIRECT]
            head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            writer.write(self.raw if self.raw is not None else head % len(body) + body)
            await writer.drain()
        finally:
            writer.close()

    @property
    def settings(self) -> EgressAddressSettings:
        url = f"http://ip.test:{self.port}/me"
        return EgressAddressSettings("http", "ip.test", self.port, f"/me?{SECRET}", url, 600.0)


@asynccontextmanager
async def serving() -> AsyncIterator[Service]:
    service = Service()
    server = await asyncio.start_server(service.answer, "127.0.0.1", 0)
    service.port = server.sockets[0].getsockname()[1]
    async with server:
        yield service


def engine(environ: Mapping[str, str] | None = None) -> Engine:
    table = {"ip.test": ("127.0.0.1",)}
    return Engine(make_probe_context(table=table, environ=environ), LIMITS)


async def check(
    service: Service, environ: Mapping[str, str] | None = None, *statuses: TargetStatus
) -> Mapping[ProxyPath, Answer]:
    return await check_egress_addresses(engine(environ), service.settings, 5.0, statuses)


@pytest.fixture(scope="module")
def proxy() -> Iterator[int]:
    port = free_port()
    with squid(port, hosts={"ip.test": "127.0.0.1"}, users={"mon": "s3cr3t"}):
        yield port


async def test_the_address_comes_from_the_service_directly() -> None:
    async with serving() as service:
        assert await check(service) == {DIRECT: Answer("192.0.2.1")}
    assert service.requests[0].startswith(f"GET /me?{SECRET} HTTP/1.1\r\n".encode())


async def test_a_real_proxy_is_a_way_out_of_its_own(proxy: int) -> None:
    """Both ways are checked although NO_PROXY names the service: that is about targets."""
    environ = {"http_proxy": f"http://mon:s3cr3t@127.0.0.1:{proxy}", "NO_PROXY": "ip.test"}
    directly = TargetStatus.of(
        make_target(Protocol.HTTPS, "a.test", 443), State.UP, probe_result("a"), REACHED
    )
    async with serving() as service:
        found = await check(service, environ, directly)
        assert found == {PROXY: Answer("198.51.100.7"), DIRECT: Answer("192.0.2.1")}
        assert list(await check(service, environ)) == [PROXY]


async def test_a_dead_proxy_does_not_hide_the_direct_address() -> None:
    environ = {"http_proxy": f"http://mon:s3cr3t@127.0.0.1:{free_port()}"}
    directly = TargetStatus.of(
        make_target(Protocol.HTTPS, "a.test", 443), State.UP, probe_result("a"), REACHED
    )
    async with serving() as service:
        found = await check(service, environ, directly)
    assert found[DIRECT] == Answer("192.0.2.1")
    assert found[PROXY].address == ""
    assert "proxy" in found[PROXY].failure.lower()
    assert "s3cr3t" not in found[PROXY].failure


def response(body: bytes, status: str = "200 OK", *fields: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (response(b"1" * 65), "ip.test sent more than 64 bytes instead of an IP address."),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"192.0.2.1\n" * 100_000, "more than 64 bytes"),
        (response(b"<html>SECRET-IN-BODY</html>"), "sent 27 bytes that are not an IP address."),
        (response(b""), "sent 0 bytes that are not an IP address."),
        (response(b"192.0.2.1 192.0.2.2"), "not an IP address"),
        (response(b"\xff\xfe"), "not an IP address"),
        (response(b"192.0.2.1", "302 Found", "Location: http://192.0.2.66/SECRET-IN-BODY"), "302"),
        (response(b"192.0.2.1", "503 Busy"), "503"),
        (b"SECRET-IN-BODY", ""),
        (b"", ""),
    ],
)
async def test_a_hostile_response_is_refused_in_one_line(raw: bytes, words: str) -> None:
    async with serving() as service:
        service.raw = raw
        answer = (await check(service))[DIRECT]
    assert answer.address == ""
    assert words in answer.failure
    assert 0 < len(answer.failure) < 300
    assert answer.failure.isprintable()
    assert "SECRET-IN-BODY" not in answer.failure
    assert SECRET not in answer.failure


async def test_a_service_that_never_answers_ends_with_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        service = Service()
        service.port = silent.getsockname()[1]
        found = await check_egress_addresses(engine(), service.settings, 0.3, ())
    assert found[DIRECT].address == ""
    assert found[DIRECT].failure


@pytest.mark.parametrize(
    ("body", "address"),
    [
        (b" 192.0.2.1\r\n", "192.0.2.1"),
        (b"2001:DB8:0::1\n", "2001:db8::1"),
        (b"::ffff:192.0.2.1", "192.0.2.1"),
        (b"10.0.0.1", "10.0.0.1"),
        (b"fe80::1%eth0", None),
        (b"fe80::1", None),
        (b"0.0.0.0", None),
        (b"127.0.0.1", None),
        (b"224.0.0.1", None),
        (b"192.0.2.1/24", None),
        (b"3221225985", None),
        (b"0300.0.2.1", None),
        ("١٩٢.0.2.1".encode(), None),
    ],
)
def test_only_one_address_that_packets_can_come_from_is_accepted(
    body: bytes, address: str | None
) -> None:
    assert parsed_address(body) == address


async def until(events: asyncio.Queue[Event], kind: EventKind) -> Event:
    async with asyncio.timeout(30):
        while (event := await events.get()).kind is not kind:
            pass
    return event


async def first_kept(store: StateStore) -> None:
    async with asyncio.timeout(30):
        while not (store.egress_paths and store.egress_paths[0].addresses):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_new_address_is_an_event_and_an_incident_starts_a_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(egress_address, "FIRST_CHECK", 0.0)
    monkeypatch.setattr(egress_address, "SHORTEST_PAUSE", 0.01)
    store, events, heard = StateStore(), Events(), asyncio.Queue[Event]()
    events.subscribe(heard.put_nowait)
    async with serving() as service:
        watch = EgressAddresses(store, events)
        watch.use(service.settings, engine(), 5.0)
        task = asyncio.create_task(watch.run())
        try:
            await first_kept(store)
            service.addresses[DIRECT] = b"203.0.113.9"
            events.publish(*incidents_changed((), (incident(),), 1.0))
            event = await until(heard, EventKind.EGRESS_ADDRESS_CHANGED)
            assert event.serious
            assert event.facts["old_address"] == "192.0.2.1"
            assert event.facts["new_address"] == "203.0.113.9"
            assert [change.aspect for change in store.context_changes] == ["egress_address"]
            watch.use(None, engine(), 5.0)
            assert store.egress_paths == ()
        finally:
            task.cancel()


async def test_without_settings_nothing_is_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress_address, "FIRST_CHECK", 0.0)
    monkeypatch.setattr(egress_address, "SHORTEST_PAUSE", 0.01)
    store, events = StateStore(), Events()
    async with serving() as service:
        watch = EgressAddresses(store, events)
        watch.use(None, engine(), 5.0)
        events.publish(*incidents_changed((), (incident(),), 1.0))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watch.run(), 0.3)
        assert service.requests == []
    assert store.egress_paths == ()


async def test_a_name_without_an_address_is_a_failure_in_words() -> None:
    settings = EgressAddressSettings("https", "ip.example", None, "/", "https://ip.example/")
    found = await check_egress_addresses(engine(), settings, 1.0, ())
    assert "ip.example" in found[DIRECT].failure
