"""Asks a metadata service of AWS: one bounded answer, no redirect followed."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

_SIZE_LIMIT = 65_536


async def fetch(
    session: aiohttp.ClientSession, method: str, url: str, headers: Mapping[str, str] | None = None
) -> bytes:
    """Return the body of an answer 200.

    Raises:
        aiohttp.ClientError, OSError: if the service can't be asked or refuses.
        ValueError: if it answers with something else, or with more than 64 KiB.
    """
    async with session.request(method, url, headers=headers, allow_redirects=False) as answer:
        answer.raise_for_status()
        if answer.status != 200:
            raise ValueError(f"status {answer.status} where 200 was due")
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > _SIZE_LIMIT:
                raise ValueError(f"more than {_SIZE_LIMIT} bytes")
        return bytes(body)
