"""The calm run: lost packets and jitter everywhere, and no incident may come of it."""

from __future__ import annotations

import re
import time

from tests.lab.breakages import filtered, relayed
from tests.lab.fault import PLAIN
from tests.lab.report import Pace, start
from tests.lab.world import World

LOSS_PERCENT, JITTER = 1, 0.02
_CHANCE = f"numgen random mod 100 < {LOSS_PERCENT} drop"
WEATHER = filtered(
    # Name servers and instance metadata are the middlebox's own, and IPv6 takes no relay.
    f"input: {_CHANCE}",
    f"output: {_CHANCE}",
    f"meta nfproto ipv6 {_CHANCE}",
) + relayed(loss=LOSS_PERCENT / 100, jitter=JITTER)
"""Every packet has the chance to be lost, each way."""


def stay_calm(lab: World, pace: Pace, minutes: float) -> int:
    """Run for so long and print what was counted; 1 if there was an incident."""
    start(lab, PLAIN, pace)
    before = _counters(lab)
    WEATHER.apply(lab)
    end = time.monotonic() + 60 * minutes
    incidents: dict[object, str] = {}
    not_up: set[object] = set()
    while time.monotonic() < end:
        for incident in lab.incidents():
            told = (str(incident[key]) for key in ("cause", "scope", "detail"))
            incidents[incident["id"]] = ", ".join(told)
        not_up |= {f"{t['id']} {t['state']}" for t in lab.shown() if t["state"] != "up"}
        time.sleep(0.2)
    after = _counters(lab)
    WEATHER.lift(lab)
    probes, failures = (after[name] - before[name] for name in _COUNTED)
    print(
        f"{minutes:g} minutes at an interval of {pace.interval:g} s, {LOSS_PERCENT} % of all "
        f"packets lost, {1000 * JITTER:g} ms jitter: {probes:.0f} probes, {failures:.0f} failed "
        f"({failures / probes:.2%}); targets that were not up: {len(not_up)} "
        f"{sorted(map(str, not_up)) or ''}; incidents: {len(incidents)} "
        f"{sorted(incidents.values()) or ''}"
    )
    return int(bool(incidents))


_COUNTED = ("egress_probes_total", "egress_probe_failures_total")


def _counters(lab: World) -> dict[str, float]:
    """Return the sums of some of the monitor's counters over all their series."""
    text = lab.text("/metrics") or ""
    return {
        name: sum(map(float, re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)))
        for name in _COUNTED
    }
