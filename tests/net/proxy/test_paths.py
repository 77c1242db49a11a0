"""Which way a target goes: ``[proxy]``, its own choice, and what is beside it."""

from __future__ import annotations

import pytest

from monitor.model.endpoint import Protocol
from monitor.model.secret import Secret
from monitor.model.settings import ProxyMode, ProxySettings
from monitor.model.target import ProxyChoice, ProxyUse
from monitor.net.proxy.paths import ProxyPaths, ProxySelector
from tests.probes.support import make_target

ENVIRON = {"HTTPS_PROXY": "http://env.corp:1", "NO_PROXY": "near.test"}
NAMED = {"https": "http://file.corp:2", "no_proxy": "near.test"}


def labels(proxy_paths: ProxyPaths) -> tuple[str, str | None]:
    """The way that counts, and the one beside it."""
    taken = proxy_paths.taken.label if proxy_paths.taken else "direct"
    if not proxy_paths.both:
        return taken, None
    return taken, proxy_paths.alternate.label if proxy_paths.alternate else "direct"


def proxy_paths(
    settings: ProxySettings, host: str, choice: ProxyChoice | None, scheme: str = "https"
) -> tuple[str, str | None]:
    target = make_target(Protocol.HTTPS, host, proxy=choice)
    return labels(ProxySelector.from_settings(settings, ENVIRON).of(target, scheme))


USES = {use: ProxyChoice(use) for use in ProxyUse if use is not ProxyUse.FIXED}


@pytest.mark.parametrize(
    ("mode", "use", "far", "near"),
    [
        (ProxyMode.ENVIRONMENT, None, ("env.corp:1", None), ("direct", None)),
        (ProxyMode.ENVIRONMENT, ProxyUse.NONE, ("direct", None), ("direct", None)),
        (ProxyMode.ENVIRONMENT, ProxyUse.BOTH, ("env.corp:1", "direct"), ("direct", "env.corp:1")),
        (ProxyMode.NONE, None, ("direct", None), ("direct", None)),
        (ProxyMode.NONE, ProxyUse.ENVIRONMENT, ("env.corp:1", None), ("direct", None)),
        (ProxyMode.NONE, ProxyUse.BOTH, ("env.corp:1", "direct"), ("direct", "env.corp:1")),
        (ProxyMode.CONFIG, None, ("file.corp:2", None), ("direct", None)),
        (ProxyMode.CONFIG, ProxyUse.ENVIRONMENT, ("env.corp:1", None), ("direct", None)),
        (ProxyMode.CONFIG, ProxyUse.BOTH, ("file.corp:2", "direct"), ("direct", "file.corp:2")),
        (ProxyMode.BOTH, None, ("file.corp:2", "direct"), ("direct", "file.corp:2")),
        (ProxyMode.BOTH, ProxyUse.NONE, ("direct", None), ("direct", None)),
    ],
)
def test_a_targets_own_choice_comes_first(
    mode: ProxyMode,
    use: ProxyUse | None,
    far: tuple[str, str | None],
    near: tuple[str, str | None],
) -> None:
    named = NAMED if mode in {ProxyMode.CONFIG, ProxyMode.BOTH} else {}
    settings = ProxySettings(mode, **named)
    choice = USES[use] if use else None
    assert proxy_paths(settings, "far.test", choice) == far
    assert proxy_paths(settings, "near.test", choice) == near


def test_both_compares_by_the_environment_where_the_file_names_no_proxy() -> None:
    assert proxy_paths(ProxySettings(ProxyMode.BOTH), "far.test", None) == ("env.corp:1", "direct")


def test_a_scheme_without_a_proxy_has_one_way() -> None:
    assert proxy_paths(ProxySettings(ProxyMode.BOTH), "far.test", None, "http") == ("direct", None)


def test_a_fixed_proxy_takes_the_files_credentials_and_no_no_proxy() -> None:
    settings = ProxySettings(username="u", password=Secret("p"))
    choice = ProxyChoice(ProxyUse.FIXED, "https://own.corp")
    target = make_target(Protocol.HTTPS, "near.test", proxy=choice)
    found = ProxySelector.from_settings(settings, ENVIRON).of(target, "https")
    assert labels(found) == ("own.corp:443", None)
    assert found.taken is not None
    assert (found.taken.scheme, found.taken.username) == ("https", "u")


def test_a_proxy_of_the_environment_that_nothing_uses_may_be_wrong() -> None:
    environ = {"HTTPS_PROXY": "socks5://u:hunter2@p.corp"}
    chooser = ProxySelector.from_settings(ProxySettings(ProxyMode.NONE), environ)
    assert chooser.of(make_target(Protocol.HTTPS, "far.test"), "https") == ProxyPaths()
    with pytest.raises(ValueError, match="SOCKS"):
        ProxySelector.from_settings(ProxySettings(), environ)


def test_a_look_through_the_proxy_passes_no_proxy_by_and_compares_nothing() -> None:
    chooser = ProxySelector.from_settings(ProxySettings(ProxyMode.BOTH), ENVIRON).always()
    for host in ("far.test", "near.test"):
        assert labels(chooser.of(make_target(Protocol.HTTPS, host), "https")) == (
            "env.corp:1",
            None,
        )
