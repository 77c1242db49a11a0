"""The daemon probes the name servers that resolv.conf names now.

Covers: monitor/daemon/app.py
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.daemon import app as daemon
from monitor.daemon.app import Monitor
from monitor.model.groups import RESOLVER_GROUP
from monitor.model.settings import Settings
from monitor.net.dns import resolver
from tests.internet.process import wait_until


def watched(monitor: Monitor) -> list[str]:
    targets = [status.target for status in monitor.store.statuses.values()]
    return [target.host for target in targets if target.group == RESOLVER_GROUP]


async def test_a_change_of_resolv_conf_changes_the_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 192.0.2.53\n")
    monkeypatch.setattr(resolver, "RESOLV_CONF", conf)
    monkeypatch.setattr(daemon, "NAME_SERVERS_CHECK_EVERY", 0.01)
    monitor = Monitor(Settings(tmp_path / "config.toml"), {})
    monitor.apply(monitor.settings)
    assert watched(monitor) == ["192.0.2.53"]
    others = {name for name in monitor.store.statuses if "192.0.2.53" not in name}
    with capture_logs() as lines:
        task = asyncio.create_task(monitor._follow_name_servers())
        conf.write_text("nameserver 192.0.2.54\nnameserver fe80::1%lo\n")
        new = ["192.0.2.54", "fe80::1%lo"]
        await asyncio.to_thread(
            wait_until, lambda: watched(monitor) == new, "they are followed", 30
        )
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert [line["event"] for line in lines] == ["name servers changed"]
    assert others <= set(monitor.store.statuses)
