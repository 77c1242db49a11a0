"""Reads config.toml and the environment into Settings, or says everything that is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from monitor.config.aws_endpoints import endpoint_variables, overlaid, place_of
from monitor.config.endpoints import user_endpoints
from monitor.config.kinds import BadValueError
from monitor.config.mqtt import mqtt_settings
from monitor.config.reader import Reading, read_document, read_environment
from monitor.config.remote_write import remote_writes
from monitor.config.secrets import read_secret
from monitor.config.urls import parse_base_url
from monitor.config.web import web_settings
from monitor.model.endpoint import Expectation
from monitor.model.settings import (
    AmiSettings,
    ConfigError,
    DiscoverySettings,
    DnsSettings,
    GroupSettings,
    LogSettings,
    MetadataSettings,
    Problem,
    ProxyMode,
    ProxySettings,
    ScheduleSettings,
    Settings,
    StateSettings,
    TargetSettings,
    TlsSettings,
)
from monitor.model.target import ProxyUse
from monitor.net.proxy.rules import ProxyChooser

METADATA_VARIABLE = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
SHORTEST_LIFETIME = 60.0
_MAKE_ROWS = frozenset(
    {"endpoint", "metrics", "profile", "registries", "remote_write", "scm", "sso"}
)
"""Keys and tables that endpoints come from: where they are wrong, ids are missing."""


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read the configuration at ``path``; environment variables come before it.

    Raises:
        ConfigError: with everything that is wrong, at once.
    """
    reading = Reading(str(path))
    read_document(_parse(path), reading)
    read_environment(environ, reading)
    settings = _settings(path, reading, environ)
    told = {problem.key for problem in reading.problems}
    reading.problems += [p for p in _contradictions(settings, environ) if p.key not in told]
    reading.problems += _against_the_catalogue(settings, reading)
    if reading.problems:
        raise ConfigError(tuple(reading.problems))
    return settings


def _against_the_catalogue(settings: Settings, reading: Reading) -> tuple[Problem, ...]:
    """Check names and schedules, where what is wrong already can't make them seem wrong."""
    from monitor.catalog import check_names, check_schedules  # noqa: PLC0415 - it is read then

    if any(p.key.partition(".")[0].partition("[")[0] in _MAKE_ROWS for p in reading.problems):
        return ()
    names = check_names(settings)
    return names if reading.problems else (*names, *check_schedules(settings))


def _parse(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or "can't be read").lower()
        remediation = "give the path of a configuration with --config"
        raise ConfigError((Problem(str(path), "(file)", reason, remediation),)) from None
    except UnicodeDecodeError as error:
        what = f"byte {error.start} is not UTF-8"
        raise ConfigError((Problem(str(path), "(file)", what, "save it as UTF-8"),)) from None
    except tomllib.TOMLDecodeError as error:
        remediation = "mend the TOML there"
        raise ConfigError((Problem(str(path), "(syntax)", str(error), remediation),)) from None


def _settings(path: Path, reading: Reading, environ: Mapping[str, str]) -> Settings:
    top = reading.table("")
    endpoints, own_targets = user_endpoints(reading)
    targets = {name: _target_settings(values) for name, values in reading.below("targets.")}
    targets = overlaid(endpoint_variables(environ, reading), targets)
    groups = {name: GroupSettings(**values) for name, values in reading.below("groups.")}
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    settings = Settings(
        source=path,
        region=region,
        runner_id=environ.get("RUNNER_ID", ""),
        schedule=ScheduleSettings(**reading.table("schedule")),
        groups=groups,
        targets={**own_targets, **targets},
        endpoints=endpoints,
        registries=top.get("registries", ()),
        dns=DnsSettings(**reading.table("dns")),
        tls=TlsSettings(**reading.table("tls")),
        proxy=_proxy(reading),
        web=web_settings(reading),
        log=LogSettings(**reading.table("log")),
        metadata=_metadata(reading, environ),
        ami=AmiSettings(**reading.table("ami")),
        state=StateSettings(**reading.table("state")),
        discovery=DiscoverySettings(**reading.table("discovery")),
        mqtt=mqtt_settings(reading),
        remote_write=remote_writes(reading),
    )
    plain = {name: top[name] for name in ("profile", "account_id", "shard") if name in top}
    for name in ("region", "runner_id"):
        plain |= {name: top[name]} if top.get(name) else {}
    if "address_family" in top:
        plain["families"] = top["address_family"]
    if "addresses" in top:
        plain["addresses"] = top["addresses"]
    return replace(settings, **plain)


def _target_settings(values: Mapping[str, Any]) -> TargetSettings:
    rest = {k: v for k, v in values.items() if k not in {"url", "expect_status", "expect_headers"}}
    place = place_of(values["url"]) if "url" in values else {}
    return TargetSettings(**{**place, **rest}, expect=expectation(values))


def expectation(values: Mapping[str, Any]) -> Expectation | None:
    """Return what the keys say of the expected answer; None when they say nothing."""
    if not values.keys() & {"expect_status", "expect_headers"}:
        return None
    default = Expectation()
    return Expectation(
        values.get("expect_status", default.statuses),
        values.get("expect_headers", default.headers),
    )


def _proxy(reading: Reading) -> ProxySettings:
    values = dict(reading.table("proxy"))
    values["password"] = read_secret(
        "proxy.password_file", values.pop("password_file", None), reading
    )
    return ProxySettings(**values)


def _metadata(reading: Reading, environ: Mapping[str, str]) -> MetadataSettings:
    values = dict(reading.table("metadata"))
    if "endpoint" not in values and (given := environ.get(METADATA_VARIABLE)):
        try:
            values["endpoint"] = parse_base_url(given)
        except BadValueError as error:
            reading.problem(METADATA_VARIABLE, error.what, error.remediation, file="environment")
    return MetadataSettings(**values)


def _by_environment(settings: Settings) -> bool:
    """Whether anything goes as HTTP_PROXY and its kin say."""
    proxy = settings.proxy
    if proxy.mode is ProxyMode.ENVIRONMENT or (proxy.mode is ProxyMode.BOTH and not proxy.named):
        return True
    chosen = [group.proxy for group in settings.groups.values()]
    chosen += [target.proxy for target in settings.targets.values()]
    uses = {choice.use for choice in chosen if choice}
    return ProxyUse.ENVIRONMENT in uses or (ProxyUse.BOTH in uses and not proxy.named)


def _contradictions(settings: Settings, environ: Mapping[str, str]) -> Iterator[Problem]:
    """What no single key can tell to be wrong."""
    file, proxy, schedule = str(settings.source), settings.proxy, settings.schedule
    if schedule.timeout >= schedule.interval:
        what = f"{schedule.timeout:g} s is not less than the interval, {schedule.interval:g} s"
        yield Problem(file, "schedule.timeout", what, "write a shorter timeout")
    if settings.discovery.lifetime < SHORTEST_LIFETIME:
        what = "names would be looked for all the time"
        yield Problem(file, "discovery.lifetime", what, "write 1m or more")
    if settings.discovery.forget_after < settings.discovery.lifetime:
        what = "what a chain saw would be forgotten before it looks again"
        yield Problem(file, "discovery.forget_after", what, "write discovery.lifetime or more")
    if not proxy.named and (proxy.http or proxy.https):
        what, remediation = (
            f'with "{proxy.mode}" the URLs are ignored',
            'write mode = "config" or "both"',
        )
        yield Problem(file, "proxy.mode", what, remediation)
    if proxy.mode is ProxyMode.CONFIG and not (proxy.http or proxy.https):
        yield Problem(file, "proxy.https", "it is missing", 'write https = "http://host:port"')
    if _by_environment(settings):
        try:
            ProxyChooser.from_environment(environ)
        except ValueError as error:
            remediation = "write http://host:port into HTTP_PROXY and HTTPS_PROXY"
            yield Problem("environment", "HTTPS_PROXY, HTTP_PROXY", str(error), remediation)
    if not settings.tls.system_store and settings.tls.ca_file is None:
        yield Problem(
            file, "tls.ca_file", "nothing is trusted without it", "name one, or use system_store"
        )
