"""Evidence, tracks and hypotheses as values, for tests of single fault models and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from monitor.incidents.fault_model import FaultModel, Figures, Hypothesis, Mode, Working
from monitor.incidents.observation import Evidence, Leg, Observation, Track
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import DEFAULT_PROBERS, Endpoint, Protocol
from monitor.model.probe_result import Family, Phase
from monitor.model.state import State
from monitor.model.target import Target

TIMEOUT = 10.0


def target(
    host: str = "a.example",
    *,
    group: str = "vscode",
    port: int = 443,
    protocol: Protocol = Protocol.HTTPS,
    name: str | None = None,
) -> Target:
    endpoint = Endpoint(name or host, group, host, port, protocol, DEFAULT_PROBERS[protocol])
    return Target(endpoint, 30.0, TIMEOUT)


def leg(address: str = "192.0.2.1", *, ok: bool = True, **facts: object) -> Leg:
    family = Family.IPV6 if ":" in address else Family.IPV4
    made = Leg(address, family, public=True, ok=ok, connected=ok, local=False, hello="")
    return replace(made, **facts)  # type: ignore[arg-type]


def evidence(of: Target | None = None, cause: Cause | None = None, **facts: object) -> Evidence:
    """A result over one connection, with a cause if it failed before anything answered."""
    phase = None if cause is None else Phase.CONNECT
    made = Evidence(of or target(), cause is None, cause, phase, (leg(ok=cause is None),))
    return replace(made, **facts)  # type: ignore[arg-type]


def track(
    host: str = "a.example",
    *causes: Cause | None,
    of: Target | None = None,
    state: State | None = None,
    **facts: object,
) -> Track:
    """A target with one result per cause, 30 s apart from 0 s on."""
    made = Track(of or target(host))
    for number, cause in enumerate(causes):
        made.window.append(Observation(30.0 * number, evidence(made.target, cause, **facts)))
        made.diagnosis = Diagnosis(cause, f"{host} fails.", f"Repair {host}.") if cause else None
        made.trouble = made.diagnosis or made.trouble
        made.failures += cause is not None
    made.state = state or (State.DOWN if made.bad else State.UP)
    return made


def hypothesis(
    model: FaultModel,
    key: str,
    *failing: Track,
    working: Sequence[Track] = (),
    mode: Mode = Mode.TOTAL,
    figures: Figures | None = None,
    score: float = 5.0,
) -> Hypothesis:
    hosts = {t.target.host for t in failing}
    others = {t.target.host for t in working}
    counted = figures or Figures(
        len(failing) + len(working), len(failing), len(hosts), len(others - hosts)
    )
    return Hypothesis(model, key, "", mode, tuple(failing), tuple(working), 0.0, score, counted)


def nothing_works(_model: str, _key: str, _since: float) -> Sequence[Track]:
    return ()


def works(*tracks: Track) -> Working:
    """What works in every other element."""
    return lambda _model, _key, _since: tracks


def shown(model: FaultModel, seen: Evidence) -> list[tuple[str, bool]]:
    return list(model.exposures(seen))
