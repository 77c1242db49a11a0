"""Read the configuration into Settings, or report every problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from monitor.config.aws_endpoints import endpoint_variables, overlaid, place_of
from monitor.config.egress_address import egress_address_settings
from monitor.config.endpoints import user_endpoints
from monitor.config.environment import overlay
from monitor.config.kinds import BadValueError
from monitor.config.mqtt import mqtt_settings
from monitor.config.reader import Reading, read_document
from monitor.config.remote_write import remote_writes
from monitor.config.secrets import SECRET_NAMES, read_secret
from monitor.config.source import ConfigSource, foreign
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
    MissingFile,
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


def load_settings(
    source: Path | ConfigSource, environ: Mapping[str, str], *, wait_for_files: bool = False
) -> Settings:
    """Read the configuration; environment variables override it.

    With ``wait_for_files``, a file that the configuration names and that is not there yet is no
    error: ``Settings.missing_files`` lists it, and what needs it is left out of the settings.

    Raises:
        ConfigError: with all problems at once.
    """
    if isinstance(source, Path):
        source = ConfigSource(str(source), source)
    reading = Reading(source.name)
    read_document(overlay(_document(source), environ, reading), reading)
    settings = _settings(Path(source.name), reading, environ)
    problems = _contradictions(settings, environ)
    reading.problems += [p for p in problems if not reading.reported(p.key)]
    reading.problems += _against_the_catalogue(settings, reading)
    missing = [] if wait_for_files else [problem for _, problem in reading.missing.values()]
    if reading.problems or missing:
        raise ConfigError((*reading.problems, *missing))
    return settings


def _document(source: ConfigSource) -> Mapping[str, object]:
    """Return the parsed document.

    Raises:
        ConfigError: if it cannot be read, is not TOML, or is another program's.
    """
    document = source.read()
    if description := foreign(document):
        remediation = "name a configuration of Egress Monitor with --config"
        raise ConfigError((Problem(source.name, "(file)", description, remediation),))
    return document


def _against_the_catalogue(settings: Settings, reading: Reading) -> tuple[Problem, ...]:
    """Check names and schedules, unless other problems would make them look wrong."""
    from monitor.catalog import check_names, check_schedules  # noqa: PLC0415 - it is read then

    if any(p.key.partition(".")[0].partition("[")[0] in _MAKE_ROWS for p in reading.problems):
        return ()
    names = check_names(settings)
    return names if reading.problems else (*names, *check_schedules(settings))


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
        egress_address=egress_address_settings(reading),
        mqtt=mqtt_settings(reading),
        remote_write=remote_writes(reading),
        missing_files=tuple(_missing_files(reading)),
        secret_files=tuple(_secret_files(reading)),
        ignored_variables=tuple(reading.ignored),
    )
    plain = {name: top[name] for name in ("profile", "account_id", "shard") if name in top}
    for name in ("region", "runner_id"):
        plain |= {name: top[name]} if top.get(name) else {}
    if "address_family" in top:
        plain["families"] = top["address_family"]
    if "addresses" in top:
        plain["addresses"] = top["addresses"]
    return replace(settings, **plain)


def _missing_files(reading: Reading) -> Iterator[MissingFile]:
    for key, (path, problem) in reading.missing.items():
        yield MissingFile(key, path, problem.what.removeprefix(f"{path}: "))


def _secret_files(reading: Reading) -> Iterator[Path]:
    """Yield the files whose secrets are part of the settings; others are read when they are
    used."""
    for table in ("proxy", "web", "mqtt"):
        for name in SECRET_NAMES:
            if file := reading.table(table).get(f"{name}_file"):
                yield file


def _target_settings(values: Mapping[str, Any]) -> TargetSettings:
    rest = {k: v for k, v in values.items() if k not in {"url", "expect_status", "expect_headers"}}
    place = place_of(values["url"]) if "url" in values else {}
    return TargetSettings(**{**place, **rest}, expect=expectation(values))


def expectation(values: Mapping[str, Any]) -> Expectation | None:
    """Return the expected response of a target; None if no key sets one."""
    if not values.keys() & {"expect_status", "expect_headers"}:
        return None
    default = Expectation()
    return Expectation(
        values.get("expect_status", default.statuses),
        values.get("expect_headers", default.headers),
    )


def _proxy(reading: Reading) -> ProxySettings:
    values = dict(reading.table("proxy"))
    values["password"] = read_secret("proxy", "password", values, reading)
    values.pop("password_file", None)
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
    """Return whether any target uses HTTP_PROXY and the related variables."""
    proxy = settings.proxy
    if proxy.mode is ProxyMode.ENVIRONMENT or (proxy.mode is ProxyMode.BOTH and not proxy.named):
        return True
    chosen = [group.proxy for group in settings.groups.values()]
    chosen += [target.proxy for target in settings.targets.values()]
    uses = {choice.use for choice in chosen if choice}
    return ProxyUse.ENVIRONMENT in uses or (ProxyUse.BOTH in uses and not proxy.named)


def _contradictions(settings: Settings, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the problems that only several keys together have."""
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
