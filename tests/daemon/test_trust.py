"""The daemon keeps its trust in step with the files of CAs, and says so once.

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
from monitor.model.settings import Settings, TlsSettings
from tests.internet.ca import Authority
from tests.internet.process import wait_until


async def test_a_broken_file_is_said_once_and_a_good_one_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(daemon, "TRUST_CHECK_EVERY", 0.01)
    file = tmp_path / "trusted.pem"
    file.write_bytes(Authority(tmp_path).file.read_bytes())
    tls = TlsSettings(file, system_store=False)
    monitor = Monitor(Settings(tmp_path / "config.toml", tls=tls), {})
    self_metrics = monitor.store.self_metrics
    with capture_logs() as lines:
        task = asyncio.create_task(monitor._reload_trust_store())
        file.write_bytes(b"broken")
        await asyncio.to_thread(wait_until, lambda: not self_metrics.trust_ok, "it is said")
        await asyncio.sleep(0.1)
        file.write_bytes(Authority(tmp_path, "Another CA").file.read_bytes())
        await asyncio.to_thread(wait_until, lambda: self_metrics.trust_ok, "it is mended")
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert [line["log_level"] for line in lines] == ["error", "info"]
    assert str(file) in lines[0]["problem"]
