"""Follow-up probes from chosen source ports, as the daemon plans them, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from monitor.health.machine import Health
from monitor.health.status import TargetStatus
from monitor.incidents.followup_plan import Rival, follow_ups_for
from monitor.incidents.followup_runner import LIMIT
from monitor.model.causes import Cause
from monitor.model.incident import Incident
from monitor.model.path import Flow, FlowTest
from monitor.model.probe_result import ProbeResult
from monitor.scheduler.engine import FOLLOW_UP_FLOWS
from tests.simulation.world import World


class FlowFollowUps:
    """Runs the flow tests of a world. ``push`` plans the event with the result of a test."""

    def __init__(self, world: World, push: Callable[..., None]) -> None:
        self.world, self._push = world, push
        self._done: set[tuple[str, Cause]] = set()

    def consider(
        self,
        incidents: Sequence[Incident],
        health: Mapping[str, Health],
        results: Mapping[str, ProbeResult],
        now: float,
    ) -> None:
        """Run the flow tests of incidents that have none yet for their cause."""
        self._done = {key for key in self._done if key[0] in {i.id for i in incidents}}
        for incident in incidents:
            key = incident.id, incident.cause
            times = sum(name == incident.id for name, _ in self._done)
            if key in self._done or times >= LIMIT:
                continue
            self._done.add(key)
            statuses = [
                TargetStatus(t, health[t.id], results.get(t.id)) for t in self.world.targets
            ]
            for follow_up in follow_ups_for(incident, statuses):
                if follow_up.rival is Rival.FLOWS and follow_up.target.address:
                    name = follow_up.target.id.removesuffix(f"/{Rival.FLOWS}")
                    self._test(name, follow_up.target.address, now)

    def _test(self, name: str, address: str, now: float) -> None:
        world = self.world
        target = next(t for t in world.targets if t.id == name)
        ports = [world.random.randrange(32_768, 60_999) for _ in range(FOLLOW_UP_FLOWS)]
        rounds, at = list[list[bool]](), now
        for _ in range(2):
            rounds.append([world.flow(target, address, at, port) for port in ports])
            at += 0.05 if all(rounds[-1]) else world.timeout
        flows = zip(ports, *rounds, strict=True)
        test = FlowTest(address, target.port, tuple(Flow(p, (a, b)) for p, a, b in flows))
        self._push(at, "flows", name, test)
