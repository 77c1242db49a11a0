"""Credentials of a profile, by botocore, and what is said where it is not installed."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

import pytest

from monitor.net.aws.credentials import AwsCredentials, NoCredentialsError
from monitor.net.aws.profiles import FRESH_FOR, is_named
from tests.internet.process import free_port

NOW = 1_800_000_000.0
SECRET = "a-s3cret-of-a-profile"


def credentials(environ: dict[str, str]) -> AwsCredentials:
    nowhere = f"http://127.0.0.1:{free_port()}"
    return AwsCredentials(environ, nowhere, time=lambda: NOW)


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment with a file of two profiles, for us and for botocore."""
    file = tmp_path / "credentials"
    file.write_text(
        f"[default]\naws_access_key_id = ONE\naws_secret_access_key = {SECRET}\n"
        f"[other]\naws_access_key_id = TWO\naws_secret_access_key = {SECRET}\n"
        "aws_session_token = t0ken\n[broken]\ncredential_process = /nonexistent/program\n"
    )
    environ = {"AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_CONFIG_FILE": str(tmp_path / "none")}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return environ


async def test_a_profile_gives_its_credentials(
    profile: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await credentials(profile).get()
    assert (found.access_key_id, found.session_token) == ("ONE", None)
    assert found.secret_access_key.reveal() == SECRET
    assert found.expires_at == NOW + FRESH_FOR
    monkeypatch.setenv("AWS_PROFILE", "other")
    found = await credentials({**profile, "AWS_PROFILE": "other"}).get()
    assert found.access_key_id == "TWO"
    assert found.session_token is not None


async def test_the_environments_own_come_first(profile: dict[str, str]) -> None:
    own = {"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s"}
    assert (await credentials({**profile, **own}).get()).access_key_id == "ENV"


async def test_what_goes_wrong_in_the_sdk_is_named_by_its_class(
    profile: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "broken")
    with pytest.raises(NoCredentialsError, match=r"none from the AWS SDK \(FileNotFoundError\)"):
        await credentials({**profile, "AWS_PROFILE": "broken"}).get()


async def test_without_botocore_the_rest_of_the_chain_is_tried_and_the_extra_named(
    profile: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(NoCredentialsError, match='extra "aws" is not installed'):
        await credentials(profile).get()


async def test_who_stops_waiting_leaves_one_thread_behind_and_no_more(
    profile: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import botocore.session

    released = threading.Event()
    calls: list[int] = []

    def hang(_: object) -> None:
        calls.append(1)
        released.wait(10)

    monkeypatch.setattr(botocore.session.Session, "get_credentials", hang)
    chain = credentials(profile)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await chain.get()
    released.set()
    assert len(calls) == 1


def test_nothing_is_asked_of_the_sdk_unless_something_names_it(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert not is_named({})
    assert not is_named(home)
    assert is_named({"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"})
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[default]\n")
    assert is_named(home)
