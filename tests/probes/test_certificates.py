"""Certificates at run time: CAs that are swapped, issuers that change, and who opens TLS.

Covers: monitor/probes/tls.py, monitor/net/sockets/trust_store.py
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import Popen

import pytest

from monitor.export.metrics.families import families
from monitor.health.status import TargetStatus
from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol, Source
from monitor.model.settings import ScheduleSettings
from monitor.model.target import Target
from monitor.net.sockets.trust_store import TrustStore
from monitor.present.json_view import target_view
from monitor.probes.context import ProbeContext
from monitor.scheduler.engine import Engine
from monitor.scheduler.rollup import Rollup
from monitor.state.events import Event, EventKind
from monitor.state.store import StateStore
from tests.internet.ca import Authority
from tests.internet.nginx import Site, nginx
from tests.internet.process import free_port, wait_until
from tests.probes.support import make_probe_context, make_target


class Host:
    """One host on a real nginx whose certificate and whose trusted CAs can be swapped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.owner = Authority(folder, "Owner CA", organization="Owner Trust Services")
        self.corporate = Authority(folder, "Inspection CA", organization="Example Corp")
        self.trusted = folder / "trusted.pem"
        self.live = self.owner.issue("site.test")
        self.port = free_port()
        self.trusts(self.owner)
        self.record = TargetStatus(self.target())
        self.rollup = Rollup(StateStore({self.record.target.id: self.record}))
        self.process: Popen[bytes] | None = None
        self.engine = Engine(self.probe_context(), ScheduleSettings())

    def target(self) -> Target:
        return make_target(
            Protocol.HTTPS, "site.test", 443, address="127.0.0.1", connect_port=self.port
        )

    def probe_context(self) -> ProbeContext:
        shipped = self.folder / "shipped"
        shipped.mkdir()
        (shipped / "owner.crt").write_bytes(self.owner.file.read_bytes())
        trust_store = TrustStore(self.trusted, system_store=False, public_cas=[shipped])
        return replace(make_probe_context(), trust_store=trust_store)

    def trusts(self, *authorities: Authority) -> None:
        alternate = self.folder / "trusted.new"
        alternate.write_bytes(b"".join(a.file.read_bytes() for a in authorities))
        alternate.replace(self.trusted)

    def shows_one_of(self, authority: Authority) -> None:
        """Have nginx show a certificate of ``authority`` from now on."""
        issued = authority.issue("site.test")
        self.live.chain.write_bytes(issued.chain.read_bytes())
        self.live.key.write_bytes(issued.key.read_bytes())
        assert self.process is not None
        pid = self.process.pid
        before = self.workers(pid)
        self.process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: bool(workers := self.workers(pid)) and not workers & before,
            "only workers with the new certificate are left",
        )

    def workers(self, pid: int) -> set[str]:
        return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    async def probe(self) -> tuple[Event, ...]:
        self.record.probe_result, self.record.diagnosis = await self.engine.measure(
            self.record.target
        )
        return self.rollup.take_in(self.record, 1000.0)

    @property
    def cause(self) -> Cause | None:
        assert self.record.diagnosis is not None
        return self.record.diagnosis.cause

    def intercepted(self) -> float:
        store = StateStore({self.record.target.id: self.record})
        metric = next(m for m in families(store) if m.name == "egress_tls_intercepted")
        return float(metric.samples[0].value)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    with nginx(tmp_path / "nginx", [Site(("site.test",), made.port, made.live)]) as process:
        made.process = process
        yield made


async def test_a_ca_file_that_is_swapped_counts_without_a_restart(site: Host):
    await site.probe()
    assert site.cause is None
    site.trusts(site.corporate)
    assert site.engine.probe_context.trust_store.reload()
    await site.probe()
    assert site.cause is Cause.TLS_UNTRUSTED
    site.trusts(site.owner, site.corporate)
    assert site.engine.probe_context.trust_store.reload()
    await site.probe()
    assert site.cause is None


async def test_inspection_switched_on_is_an_event_and_with_a_trusted_ca_no_fault(site: Host):
    site.trusts(site.owner, site.corporate)
    site.engine.probe_context.trust_store.reload()
    assert await site.probe() == ()
    assert site.intercepted() == 0
    site.shows_one_of(site.corporate)
    (event,) = await site.probe()
    assert (event.kind, event.serious) == (EventKind.ISSUER_CHANGED, True)
    assert event.facts["old_issuer"] == "Owner Trust Services"
    assert event.facts["new_issuer"] == "Example Corp"
    assert event.facts["inspected_by"] == "O=Example Corp, CN=Inspection CA"
    assert site.cause is None
    assert site.intercepted() == 1
    record = site.record
    view = target_view(record.target, record.health.state, record.probe_result, record.diagnosis)
    assert view["inspected_by"] == "O=Example Corp, CN=Inspection CA"
    assert await site.probe() == ()


async def test_an_inspecting_ca_that_nobody_trusts_is_told_and_down(site: Host):
    await site.probe()
    site.shows_one_of(Authority(site.folder, "Zscaler Intermediate CA"))
    (event,) = await site.probe()
    assert (event.facts["new_issuer"], event.serious) == ("CN=Zscaler Intermediate CA", True)
    assert event.facts["trusted"] == 0
    assert site.cause is Cause.TLS_INTERCEPTED
    assert site.intercepted() == 1


async def test_an_issuer_that_was_seen_before_is_no_news(site: Host):
    await site.probe()
    site.shows_one_of(site.corporate)
    assert len(await site.probe()) == 1
    site.shows_one_of(site.owner)
    assert await site.probe() == ()
    site.shows_one_of(site.corporate)
    assert await site.probe() == ()


async def test_a_ca_that_was_added_vouches_for_hosts_of_its_own_organization(site: Host):
    site.trusts(site.corporate)
    site.engine.probe_context.trust_store.reload()
    own = replace(site.record.target.endpoint, source=Source.CONFIG)
    site.record.target = replace(site.record.target, endpoint=own)
    site.shows_one_of(site.corporate)
    await site.probe()
    assert site.cause is None
    assert site.intercepted() == 0
