"""Checks of group and target names in the configuration. Pure."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches

from monitor.catalog.loader import load_catalog
from monitor.catalog.targets import RESOLVER, endpoints_of, schedule_of
from monitor.catalog.wildcard_samples import REDIRECT_PREFIX, REDIRECTS
from monitor.diagnosis.proxy_path import may_be_proxied
from monitor.model.endpoint import Endpoint
from monitor.model.settings import GroupSettings, Problem, Settings, TargetSettings
from monitor.model.target import ProxyUse

USER_GROUPS = frozenset({"scm", "sso", "metrics"})
"""Groups of the requirement that only the configuration fills."""


def check_names(settings: Settings) -> tuple[Problem, ...]:
    """Return the problems with groups and targets that do not exist, duplicate ids, and unusable
    proxies."""
    rows = endpoints_of(settings)
    return (
        *_unknown_groups(settings, rows),
        *_unknown_targets(settings, rows),
        *_repeated_ids(settings, rows),
        *_impossible_proxies(settings, rows),
    )


def check_schedules(settings: Settings) -> tuple[Problem, ...]:
    """Return the timeouts that are not shorter than the interval, after all overrides."""
    return tuple(_impossible_schedules(settings, endpoints_of(settings)))


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a fix for a name that does not exist: the nearest one, or where to find it."""
    near = get_close_matches(name, sorted(known), n=1)
    if near:
        return f'did you mean "{near[0]}"?'
    return "`egress-monitor endpoints` lists the names"


def _unknown_groups(settings: Settings, rows: Iterable[Endpoint]) -> Iterable[Problem]:
    known = {row.group for row in (*rows, *load_catalog())} | USER_GROUPS
    known |= {RESOLVER, REDIRECTS}
    for name in settings.groups:
        if name not in known:
            remediation = suggestion(name, known)
            yield _problem(settings, f"groups.{name}", "there is no such group", remediation)


def _unknown_targets(settings: Settings, rows: Iterable[Endpoint]) -> Iterable[Problem]:
    # A row of the other profile may be named: one file can serve both.
    known = {row.id for row in (*rows, *load_catalog())}
    for name in settings.targets:
        if name not in known and not _is_derived(name):
            remediation = suggestion(name, known)
            yield _problem(settings, f"targets.{name}", "there is no such target", remediation)


def _is_derived(name: str) -> bool:
    """Return whether it is the id of a name server or of a redirect's host, which are known only at
    run time."""
    if name.startswith(REDIRECT_PREFIX):
        return True
    prefix, _, rest = name.partition("-")
    address, _, _ = rest.partition("-")
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return prefix == "dns"


def _repeated_ids(settings: Settings, rows: Iterable[Endpoint]) -> Iterable[Problem]:
    times = Counter(row.id for row in rows)
    for name in (name for name, count in times.items() if count > 1):
        what = f"{times[name]} endpoints have the id {name!r}"
        yield _problem(settings, "endpoints", what, "give each endpoint an id of its own")


def _impossible_proxies(settings: Settings, rows: Iterable[Endpoint]) -> Iterable[Problem]:
    for row in rows:
        choice = settings.targets.get(row.id, TargetSettings()).proxy
        if choice and choice.use is not ProxyUse.NONE and not may_be_proxied(row):
            kind = "instance metadata" if row.prober == "imds" else row.protocol.upper()
            what = f"{kind} never goes through an HTTP proxy"
            yield _problem(settings, f"targets.{row.id}.proxy", what, "leave it out")


def _impossible_schedules(settings: Settings, rows: Iterable[Endpoint]) -> Iterable[Problem]:
    seen = set()
    for row in rows:
        interval, timeout = schedule_of(row, settings)
        key = _schedule_key(row, settings)
        # Without an override the problem is in [schedule], whose reader reports it.
        if timeout >= interval and key is not None and key not in seen:
            seen.add(key)
            what = f"the timeout is {timeout:g} s, which is not shorter than the interval"
            remediation = f"write a timeout below {interval:g} s"
            yield _problem(settings, f"{key}.timeout", f"{what} of {interval:g} s", remediation)


def _schedule_key(row: Endpoint, settings: Settings) -> str | None:
    target = settings.targets.get(row.id, TargetSettings())
    group = settings.groups.get(row.group, GroupSettings())
    if (target.interval, target.timeout) != (None, None):
        return f"targets.{row.id}"
    return None if (group.interval, group.timeout) == (None, None) else f"groups.{row.group}"


def _problem(settings: Settings, key: str, what: str, remediation: str) -> Problem:
    return Problem(str(settings.source), key, what, remediation)
