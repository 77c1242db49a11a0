"""A real Prometheus scrapes the server: one ``probe_success`` a target, no scrape fails.

Covers: monitor/web/server.py, monitor/export/metrics/exposition.py
"""

import asyncio
import time
from pathlib import Path
from urllib.parse import quote

from aiohttp import ClientError, ClientSession

from tests.internet.process import free_port, program, running
from tests.stores import realistic_board
from tests.web.serving import serving

CONFIG = """\
global:
  scrape_interval: 250ms
scrape_configs:
  - job_name: egress
    static_configs:
      - targets: ["127.0.0.1:{port}"]
"""


async def query(client: ClientSession, expression: str) -> list[dict[str, object]]:
    """The result of an instant query; empty as long as Prometheus is starting."""
    try:
        async with client.get(f"/api/v1/query?query={quote(expression)}") as answer:
            if answer.status != 200:
                return []
            document = await answer.json()
    except ClientError:
        return []
    result = document["data"]["result"]
    assert isinstance(result, list)
    return result


async def until_scraped(client: ClientSession) -> None:
    deadline = time.monotonic() + 30
    while not await query(client, 'up{job="egress"} == 1'):
        assert time.monotonic() < deadline, "Prometheus did not scrape in time"
        await asyncio.sleep(0.1)


async def test_a_real_prometheus_has_one_probe_success_a_target(tmp_path: Path) -> None:
    store = realistic_board()
    probed = {r.target.id: r.target.group for r in store.statuses.values() if r.probe_result}
    port = free_port()
    async with serving(store) as served:
        (tmp_path / "prometheus.yml").write_text(CONFIG.format(port=served))
        command = [
            program("prometheus"),
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with running(command, tmp_path / "prometheus.log"):
            async with ClientSession(f"http://127.0.0.1:{port}") as client:
                await until_scraped(client)
                found = await query(client, "count by (target, group) (probe_success)")
                types = await query(client, "egress_probe_duration_seconds_bucket{le='+Inf'}")
                joined = await query(
                    client, "probe_success * on (target) group_left (host) egress_target_info"
                )
    counted = {row["metric"]["target"]: row["value"][1] for row in found}  # type: ignore[index]
    groups = {row["metric"]["target"]: row["metric"]["group"] for row in found}  # type: ignore[index]
    assert set(counted.values()) == {"1"}
    assert groups == probed
    assert len(types) == len(joined) == len(probed)
