"""Time that rendering for the page holds the event loop, by number of targets.

A task that only sleeps 0 s measures the longest turn of the event loop while each document is
requested over loopback by another process. The time is processor time, so that other processes of
the machine do not count.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from dataclasses import replace
from itertools import cycle
from time import thread_time

from monitor.state.store import StateStore
from tests.stores import realistic_board, remembered
from tests.web.serving import serving

DOCUMENTS = ("/metrics", "/", "/api/v1/targets", "/api/v1/incidents", "/incidents/i-1")
ROUNDS = 5


def store_of(count: int) -> StateStore:
    """Return a store with ``count`` targets, a day of history, and an incident that affects all."""
    store = remembered(realistic_board())
    for number, status in enumerate(cycle(list(store.statuses.values()))):
        if len(store.statuses) >= count:
            break
        endpoint = replace(status.target.endpoint, id=f"more-{number}")
        target = replace(status.target, endpoint=endpoint)
        store.statuses[target.id] = replace(status, target=target)
    store.incidents = tuple(replace(i, affected=tuple(store.statuses)) for i in store.incidents)
    return store


async def longest_turn(stop: asyncio.Event) -> float:
    """Return the longest turn of the event loop until ``stop`` is set, in seconds."""
    longest, last = 0.0, thread_time()
    while not stop.is_set():
        await asyncio.sleep(0)
        now = thread_time()
        longest, last = max(longest, now - last), now
    return longest


async def measure(port: int, path: str, coding: str) -> str:
    """Request a document ``ROUNDS`` times in a process of its own; return a row."""
    stop = asyncio.Event()
    gc.collect()
    turns = asyncio.create_task(longest_turn(stop))
    code = (
        "import sys, time, urllib.request as u\n"
        f"r = u.Request('http://127.0.0.1:{port}{path}')\n"
        f"r.add_header('Accept-Encoding', '{coding}')\n"
        f"for _ in range({ROUNDS}):\n"
        "    t = time.monotonic(); n = len(u.urlopen(r).read()); d = time.monotonic() - t\n"
        "    print(n, d)\n"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()
    stop.set()
    rows = [line.split() for line in output.decode().splitlines()]
    size, fastest = int(rows[0][0]), min(float(row[1]) for row in rows)
    return (
        f"{path:24} {coding or 'plain':6} {size / 1e6:8.2f} MB {fastest * 1000:8.0f} ms "
        f"{(await turns) * 1000:8.1f} ms"
    )


async def main(counts: list[int]) -> None:
    """Print a table per number of targets."""
    for count in counts:
        store = store_of(count)
        print(f"{count} targets{'':20} body      response  longest turn")
        async with serving(store) as port:
            for path in DOCUMENTS:
                for coding in ("", "gzip"):
                    print(await measure(port, path, coding), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, nargs="*", default=[70, 1000])
    asyncio.run(main(parser.parse_args().targets))
