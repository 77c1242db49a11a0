"""Credentials that only the AWS SDK finds: profiles, SSO, web identities (the extra ``aws``).

botocore is imported when the environment or a file names such a source, and not before. It
blocks, so it works in a thread that nothing has to wait for, not even the end of the process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from monitor.model.secret import Secret
from monitor.net.aws.sigv4 import Credentials

FRESH_FOR = 600.0
"""Seconds after which botocore is asked again; it replaces what is about to end by itself."""

_NAMES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE")
_FILES = {  # each by its variable, else below the home directory
    "AWS_SHARED_CREDENTIALS_FILE": ".aws/credentials",
    "AWS_CONFIG_FILE": ".aws/config",
}


def is_named(environ: Mapping[str, str]) -> bool:
    """Whether something names a source that only the SDK knows."""
    if any(environ.get(name) for name in _NAMES):
        return True
    home = Path(environ.get("HOME", "/nonexistent"))
    places = (Path(environ.get(name) or home / usual) for name, usual in _FILES.items())
    return any(place.is_file() for place in places)


class SdkCredentials:
    """botocore's credentials, found once and kept: botocore renews them itself."""

    def __init__(self) -> None:
        self._found: Any = None
        self._asking: asyncio.Future[Credentials | None] | None = None

    async def get(self, now: float) -> Credentials | None:
        """Return what botocore finds, as of ``now`` (Unix seconds); None if it finds nothing.

        A caller that stops waiting leaves the one thread running for the next caller.

        Raises:
            ImportError: if botocore is not installed.
            Exception: whatever botocore raises. Its text may hold what a server sent.
        """
        if self._asking is None or self._asking.done():
            self._asking = _in_thread(lambda: self._ask(now))
        return await asyncio.shield(self._asking)

    def forget(self) -> None:
        """Look for them again at the next ``get``."""
        self._found = None

    def _ask(self, now: float) -> Credentials | None:
        if self._found is None:
            # Some 10 MiB, for who needs it.
            import botocore.session  # type: ignore[import-untyped]  # noqa: PLC0415

            self._found = botocore.session.Session().get_credentials()
        if self._found is None:
            return None
        frozen = self._found.get_frozen_credentials()
        token = Secret(frozen.token) if frozen.token else None
        return Credentials(frozen.access_key, Secret(frozen.secret_key), token, now + FRESH_FOR)


def _in_thread(work: Callable[[], Credentials | None]) -> asyncio.Future[Credentials | None]:
    """Run ``work`` in a thread that does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Credentials | None] = loop.create_future()

    def refine(found: Credentials | None, error: Exception | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(found)

    def run() -> None:
        found, error = None, None
        try:
            found = work()
        except Exception as raised:  # noqa: BLE001 - it is the waiter's
            error = raised
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(refine, found, error)

    threading.Thread(target=run, name="aws-credentials", daemon=True).start()
    return future
