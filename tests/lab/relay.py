"""A TUN device that delays and loses packets: ``python -m tests.lab.relay delay=0.2 loss=0.01``.

The kernel routes packets into the device ``relay0``; what is written back to it goes on by the
usual routes. ``delay`` and ``jitter`` are seconds (jitter is added evenly from 0 on, so that
packets overtake each other), ``loss`` is the share of packets that vanish.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import sys
from random import Random

_TUNSETIFF = 0x400454CA  # Linux if_tun.h
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
DEVICE = "relay0"
_PACKET_LIMIT = 65_536


def open_device(name: str) -> int:
    """Make a TUN device that lives as long as the descriptor returned."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    request = struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI)
    fcntl.ioctl(descriptor, _TUNSETIFF, request)
    return descriptor


async def relay(delay: float = 0.0, jitter: float = 0.0, loss: float = 0.0) -> None:
    """Relay for ever."""
    loop, random = asyncio.get_running_loop(), Random()
    descriptor = open_device(DEVICE)

    def send(packet: bytes) -> None:
        with contextlib.suppress(OSError):  # the kernel refuses what it cannot route
            os.write(descriptor, packet)

    def receive() -> None:
        packet = os.read(descriptor, _PACKET_LIMIT)
        if random.random() >= loss:
            loop.call_later(delay + jitter * random.random(), send, packet)

    loop.add_reader(descriptor, receive)
    await asyncio.Event().wait()


if __name__ == "__main__":
    options = dict(word.split("=") for word in sys.argv[1:])
    asyncio.run(relay(**{name: float(value) for name, value in options.items()}))
