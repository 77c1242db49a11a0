"""Quality of an endpoint that responds: latency against its baseline, and packet loss. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from monitor.diagnosis.texts import explain
from monitor.health import baseline
from monitor.health.baseline import Baseline, Margin
from monitor.health.flapping import FALLS_WITHIN, LOOK_BACK, Flaps
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.probe_result import Phase, ProbeResult
from monitor.model.target import Target

PATH_MARGIN = Margin(seconds=0.05, times=1.5)
"""For the round trip. 50 ms is more than the jitter of any healthy wired path, and less than
the detour over another continent that it is to show."""

WHOLE_MARGIN = Margin(seconds=0.25, times=2.0)
"""For everything that a client waits for: several round trips, and the server's own time."""

LAG_LIMIT = 0.05
"""Event loop lag in seconds up to which the phases still describe the network: each of about five
waits may be longer by this, which together is what ``WHOLE_MARGIN`` tolerates."""

LOSSY_AT, CLEAN_AT = 9, 3
"""Number of the latest ``LOOK_BACK`` responses with packet loss from which the path is lossy, and
down to which it is no longer lossy. An HTTPS probe waits for about three packets to be
answered, so that 1 % of loss each way touches one probe in 17, and 10 % every second one."""

_MASK = (1 << LOOK_BACK) - 1


@dataclass(frozen=True, slots=True)
class Quality:
    """Quality of a target. ``path`` is the round trip measured by the kernel, ``whole`` the sum
    of all phases; ``lost`` holds one bit per response, set if packets were lost."""

    path: Baseline = Baseline()
    whole: Baseline = Baseline()
    lost: int = 0
    lossy: bool = False

    @property
    def getting_slow(self) -> bool:
        """Whether the last results were slow, but are too few to classify it as slow."""
        slow = self.path.slow or self.whole.slow
        return not slow and bool(self.path.against or self.whole.against)


def assess(
    quality: Quality, target: Target, probe_result: ProbeResult, diagnosis: Diagnosis, now: float
) -> tuple[Quality, Diagnosis]:
    """Return the quality after one more result, and the diagnosis with regard to it: a success
    may be slow. Failed probes are not evidence about latency."""
    if not probe_result.ok:
        return quality, diagnosis
    path, whole = quality.path, quality.whole
    connection = probe_result.primary
    if connection is not None and connection.rtt:
        path = baseline.after(path, connection.rtt, now, PATH_MARGIN)
    if probe_result.phases and probe_result.loop_lag < LAG_LIMIT:
        whole = baseline.after(whole, sum(probe_result.phases.values()), now, WHOLE_MARGIN)
    lost = (quality.lost << 1 | _lost_packets(probe_result)) & _MASK
    count = lost.bit_count()
    lossy = count > CLEAN_AT if quality.lossy else count >= LOSSY_AT
    seen = Quality(path, whole, lost, lossy)
    return seen, diagnosis if diagnosis.cause else _degraded(seen, target, probe_result, diagnosis)


def unsettled(flaps: Flaps, target: Target, last_bad: Diagnosis, diagnosis: Diagnosis) -> Diagnosis:
    """Return the diagnosis of a target that responds, but changes state too often to be up."""
    minutes = round(FALLS_WITHIN / 60)
    often = (
        f"{flaps.changes} changes in its last {LOOK_BACK} probes"
        if flaps.changes > len(flaps.falls)
        else f"{len(flaps.falls)} outages within {minutes} minutes"
    )
    detail = f"{target.host} comes and goes: {often}. When it fails: {last_bad.detail}"
    evidence = {**diagnosis.evidence, "flapping": often}
    return replace(
        diagnosis,
        cause=last_bad.cause,
        detail=detail,
        remediation=last_bad.remediation,
        evidence=evidence,
    )


def _lost_packets(probe_result: ProbeResult) -> bool:
    connection = probe_result.primary
    if connection is None:
        return False
    return bool((connection.tcp and connection.tcp.retransmits) or connection.resends)


def _degraded(
    quality: Quality, target: Target, probe_result: ProbeResult, diagnosis: Diagnosis
) -> Diagnosis:
    what = _what_is_slow(quality, target, probe_result)
    if what is None:
        return diagnosis
    detail, facts = what
    by_lookup = facts.get("slow_phase") == Phase.RESOLVE
    remedy = Cause.DNS_SLOW if by_lookup else Cause.SLOW
    _, remediation = explain(remedy, target, probe_result)
    return replace(
        diagnosis,
        cause=Cause.SLOW,
        detail=detail,
        remediation=remediation,
        evidence={**diagnosis.evidence, **facts},
    )


def _what_is_slow(
    quality: Quality, target: Target, probe_result: ProbeResult
) -> tuple[str, Mapping[str, str]] | None:
    """The sentence and its evidence; the path comes first, for it makes all else slow too."""
    rtt = (probe_result.primary.rtt if probe_result.primary else None) or 0.0
    if quality.path.slow:
        figures = _figures(rtt, quality.path)
        place = f"the proxy {probe_result.proxy}" if probe_result.proxy else target.host
        if quality.path.against:  # the last results were as usual, but too few to recover
            return f"The path to {place} was slow in recent probes; the last took {figures}.", {
                "round_trip": figures
            }
        return f"The path to {place} is slow: a round trip takes {figures}.", {
            "round_trip": figures
        }
    if quality.lossy:
        share = f"{quality.lost.bit_count()} of the last {LOOK_BACK} probes"
        return f"{share} of {target.host} saw packets lost.", {"packets_lost": share}
    if quality.whole.slow:
        return _slow_phase(quality, target, probe_result)
    return None


def _slow_phase(
    quality: Quality, target: Target, probe_result: ProbeResult
) -> tuple[str, Mapping[str, str]]:
    """The sentence on a probe that takes long altogether: it names the phase that takes most."""
    phases = probe_result.phases
    total = sum(phases.values())
    figures = _figures(total, quality.whole)
    facts = {"latency": figures}
    if quality.whole.against:  # the last results were as usual, but too few to recover
        return f"{target.host} was slow in recent probes; the last took {figures}.", facts
    phase = max(phases, key=lambda each: phases[each], default=None)
    if phase is None or phases[phase] < total / 2:
        where = "; the path to it is as fast as ever" if quality.path.usual else ""
        return f"{target.host} answers slowly: it takes {figures}{where}.", facts
    facts["slow_phase"] = phase.value
    if phase is Phase.RESOLVE:
        took = f"{phases[phase]:.2f} s of {figures}"
        return f"Looking up {target.host} is slow: the name server takes {took}.", facts
    most = f"most of it in the phase {phase.value} ({phases[phase]:.2f} s)"
    where = "; the path to it is as fast as ever" if quality.path.usual else ""
    return f"{target.host} answers slowly: it takes {figures}, {most}{where}.", facts


def _figures(seconds: float, usual: Baseline) -> str:
    return f"{_ms(seconds)}, usually {_ms(usual.usual or 0.0)}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
