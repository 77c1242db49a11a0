"""Findings next to targets and incidents: proxies, discovery, gateways, the monitor's own parts."""

from __future__ import annotations

from collections.abc import Iterator

from htpy import Node, h2, li, section, strong, td, th, tr, ul

from monitor.health.gateways import Gateway
from monitor.model.state import State
from monitor.present.discovery_view import discovery_lines
from monitor.state.egress_address import EgressPath
from monitor.state.store import StateStore
from monitor.web.pages.parts import millis, prose, since, state_words, table, target_link, text
from monitor.web.pages.remote_write import remote_write_lines


def worth_a_look(store: StateStore, now: float) -> Node:
    """List findings that are not failures but need attention; None without any."""
    lines = [li[prose(line)] for line in _lines(store, now)]
    if not lines:
        return None
    return section("#part-notes", aria_labelledby="notes")[
        h2("#notes")["Needs attention"], ul(".notes")[lines]
    ]


def gateways(store: StateStore) -> Node:
    """Show the latency of each gateway and the one that a runner would pick; None without
    gateways."""
    if not store.gateways:
        return None
    columns = ("Gateway", "State", "Round trip", "A runner would")
    rows = map(_gateway, store.gateways)
    return section("#part-gateways", aria_labelledby="gateways")[
        h2("#gateways")["Gateways"],
        table("Gateways and the one that a runner would pick", columns, rows, "gateways"),
    ]


def egress_addresses(store: StateStore, now: float) -> Node:
    """Show the public addresses of each way out; None without a service that reports them."""
    if not store.egress_paths:
        return None
    columns = ("Way out", "Public address", "Since", "Last check")
    rows = [_egress_address(path, now) for path in store.egress_paths]
    return section("#part-egress-addresses", aria_labelledby="egress-addresses")[
        h2("#egress-addresses")["Public addresses"],
        table("Public address of each way out", columns, rows, "wide"),
    ]


def _egress_address(path: EgressPath, now: float) -> Node:
    known = path.current
    return tr[
        th(scope="row")[path.in_words.capitalize()],
        td[text(" and ".join(a.address for a in known) or "not known")],
        td[since(min(a.since for a in known), now) if known else "-"],
        td[prose(path.failure) if path.failure else since(path.checked_at, now)],
    ]


def _lines(store: StateStore, now: float) -> Iterator[str]:
    metrics = store.self_metrics
    if not metrics.last_reload_ok:
        yield (
            "The changed configuration file has an error: the previous configuration is in force. "
            "`egress-monitor validate` lists the errors."
        )
    if not metrics.trust_ok:
        yield "The changed CA certificates are not usable: the previous ones are still trusted."
    if store.mqtt is not None and not store.mqtt.connected:
        yield f"The MQTT broker is not connected; messages that wait for it: {store.mqtt.pending}."
    for name, writes in store.writes.items():
        yield from remote_write_lines(name, writes, now)
    for warning in store.proxies.warnings:
        yield f"{warning[:1].upper()}{warning[1:]}."
    yield from discovery_lines(store.chains, store.unlisted)


def _gateway(gateway: Gateway) -> Node:
    choice: list[Node] = [strong["pick it"] if gateway.preferred else "not pick it"]
    if gateway.preferred and gateway.down:
        down = [[", " if n else "", target_link(x, "")] for n, x in enumerate(gateway.down)]
        choice += [", although ", down, " is down"]
    return tr[
        th(scope="row")[text(gateway.name)],
        td[state_words(gateway.state)],
        td[millis(None if gateway.state is State.DOWN else gateway.latency)],
        td[choice],
    ]
