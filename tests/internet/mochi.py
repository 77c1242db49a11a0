"""A mochi-mqtt broker on loopback: a second implementation of MQTT 5, with limits to choose."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.internet.process import accepts, peer, running

CAPABILITIES = {
    "maximum_clients": 100,
    "maximum_message_expiry_interval": 86_400,
    "maximum_client_writes_pending": 8192,
    "maximum_session_expiry_interval": 86_400,
    "maximum_packet_size": 0,
    "receive_maximum": 1024,
    "maximum_inflight": 8192,
    "topic_alias_maximum": 65_535,
    "shared_sub_available": 1,
    "minimum_protocol_version": 3,
    "maximum_qos": 2,
    "retain_available": 1,
    "wildcard_sub_available": 1,
    "sub_id_available": 1,
}


@contextmanager
def mochi(
    folder: Path,
    port: int,
    *,
    websocket: bool = False,
    filters: Mapping[str, int] | None = None,
    **capabilities: int,
) -> Iterator[None]:
    """Run a broker for the length of the block. ``capabilities`` replace some of the usual ones;
    ``filters`` are rights by topic filter (0 denies, 1 reads, 2 writes, 3 both), None: all."""
    auth: dict[str, object] = {"allow_all": filters is None}
    if filters is not None:
        rules = [{"remote": "*", "filters": filters}]
        auth["ledger"] = {"auth": [{"remote": "*", "allow": True}], "acl": rules}
    config = {
        "listeners": [
            {"type": "ws" if websocket else "tcp", "id": "l", "address": f"127.0.0.1:{port}"}
        ],
        "hooks": {"auth": auth},
        "options": {"capabilities": {**CAPABILITIES, **capabilities}},
    }
    path = folder / "mochi.json"
    path.write_text(json.dumps(config))
    command = [peer("mochi-mqtt"), "--config", str(path)]
    with running(command, folder / "mochi.log", lambda: accepts(port)):
        yield
