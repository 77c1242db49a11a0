"""What is worth a look beside targets and incidents: proxies, discovery, gateways."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.health.gateways import Gateway
from monitor.model.state import State
from monitor.present.discovery_view import discovery_lines
from monitor.state.store import StateStore
from monitor.web.pages.parts import millis, prose, state_words, table, target_link, text
from monitor.web.pages.remote_write import remote_write_lines


def worth_a_follow_up(store: StateStore, now: float) -> str:
    """List what is no breakage but wants mending; "" where there is nothing."""
    lines = "".join(f"<li>{prose(line)}</li>" for line in _lines(store, now))
    if not lines:
        return ""
    title = '<h2 id="notes">Worth a look</h2>'
    return f'<section aria-labelledby="notes">{title}<ul class="notes">{lines}</ul></section>'


def gateways(store: StateStore) -> str:
    """Show how far each gateway is and which one a runner would pick; "" without gateways."""
    if not store.gateways:
        return ""
    rows = map(_gateway, store.gateways)
    columns = ("Gateway", "State", "Latency", "A runner would")
    shown = table("Gateways and the one that a runner would pick", columns, rows, "gateways")
    title = '<h2 id="gateways">Gateways</h2>'
    return f'<section aria-labelledby="gateways">{title}{shown}</section>'


def _lines(store: StateStore, now: float) -> Iterator[str]:
    if not store.self_metrics.last_reload_ok:
        yield (
            "The configuration file was changed and is wrong: the one before is in force. "
            "`egress-monitor validate` says what is wrong."
        )
    if not store.self_metrics.trust_ok:
        yield "The changed CA certificates can't be used: those that were trusted before still are."
    if store.mqtt is not None and not store.mqtt.connected:
        yield f"The MQTT broker is not connected; messages that wait for it: {store.mqtt.pending}."
    for name, writes in store.writes.items():
        yield from remote_write_lines(name, writes, now)
    for warning in store.proxies.warnings:
        yield f"{warning[:1].upper()}{warning[1:]}."
    yield from discovery_lines(store.chains, store.unlisted)


def _gateway(gateway: Gateway) -> str:
    latency = millis(None if gateway.state is State.DOWN else gateway.latency)
    down = ", ".join(target_link(name, "") for name in gateway.down)
    choice = "<strong>pick it</strong>" if gateway.preferred else "not pick it"
    choice += f", although {down} is down" if down and gateway.preferred else ""
    return (
        f'<tr><th scope="row">{text(gateway.name)}</th><td>{state_words(gateway.state)}</td>'
        f"<td>{latency}</td><td>{choice}</td></tr>"
    )
