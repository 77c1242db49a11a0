"""Targets: the port of the packets, and a path that is safe to print."""

from __future__ import annotations

from dataclasses import replace

from monitor.model.target import shown_path
from tests.probe_results import target


def test_packets_may_go_to_another_port_than_the_endpoint_names() -> None:
    made = target("a")
    assert made.dial_port == made.port == 443
    assert replace(made, connect_port=8443).dial_port == 8443
    assert replace(made, connect_port=8443).port == 443


def test_a_path_is_shown_without_its_query() -> None:
    made = target("a")
    secret = replace(made, endpoint=replace(made.endpoint, path="/v2/x?token=abc&y=?"))
    assert shown_path(secret) == "/v2/x"
    assert shown_path(made) == "/"
