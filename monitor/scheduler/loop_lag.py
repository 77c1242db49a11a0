"""Event-loop lag: the figure that shows whether other measurements are trustworthy."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

_PERIOD = 0.1
_KEPT = 600


class LagMeter:
    """Sleeps a tenth of a second again and again and notes by how much it overslept."""

    def __init__(self, observe: Callable[[float], None] = lambda _: None) -> None:
        self._observe = observe
        self._samples: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(_PERIOD)
            now = loop.time()
            lag = max(0.0, now - before - _PERIOD)
            self._samples.append((now, lag))
            self._observe(lag)

    def worst_since(self, moment: float) -> float:
        """Return the largest lag since ``moment`` (loop time), in seconds."""
        worst = 0.0
        for at, lag in reversed(self._samples):
            if at < moment:
                break
            worst = max(worst, lag)
        return worst
