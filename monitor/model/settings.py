"""The settings: the validated content of config.toml and the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from monitor.model.endpoint import Endpoint, Expectation, Profile, Protocol
from monitor.model.secret import Secret
from monitor.model.target import Addresses, ProxyChoice


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem in the configuration: its place, the problem, and the fix."""

    file: str
    key: str
    what: str
    remediation: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.what}; {self.remediation}"


@dataclass(frozen=True, slots=True)
class MissingFile:
    """A file that the configuration names and that cannot be opened. ``key`` is the place in the
    configuration, such as "web.token_file"; ``reason`` does not repeat the path."""

    key: str
    path: Path
    reason: str


class ConfigError(Exception):
    """The configuration is not usable; ``problems`` holds every problem in it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``count`` monitors that share the targets; ``number`` starts at 1."""

    number: int
    count: int


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """Interval, timeout and pulse interval in seconds (pulse 0: none), and limits of the engine."""

    interval: float = 30.0
    timeout: float = 3.0
    pulse: float = 5.0
    max_in_flight: int = 64
    max_connections_per_second: float = 50.0


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """Overrides for every target of a group; None keeps the catalog's value."""

    enabled: bool | None = None
    required: bool | None = None
    interval: float | None = None
    timeout: float | None = None
    addresses: Addresses | None = None
    proxy: ProxyChoice | None = None


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """Overrides for one target of the catalog; None keeps the catalog's value."""

    enabled: bool | None = None
    required: bool | None = None
    interval: float | None = None
    timeout: float | None = None
    addresses: Addresses | None = None
    proxy: ProxyChoice | None = None
    redundancy_group: str | None = None
    protocol: Protocol | None = None
    host: str | None = None
    port: int | None = None
    path: str | None = None
    method: str | None = None
    expect: Expectation | None = None
    address: str | None = None
    connect_port: int | None = None


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """``servers``: ``address`` or ``address:port`` (``[v6]:port``); empty means those of
    /etc/resolv.conf. ``timeout`` is seconds for one question to one server, ``attempts`` the
    passes over the list of servers; None means the value of /etc/resolv.conf, else 2 s and 2."""

    servers: tuple[str, ...] = ()
    timeout: float | None = None
    attempts: int | None = None
    use_hosts_file: bool = True
    probe_servers: bool = True


class FamilyChoice(StrEnum):
    """The address families to probe. ``AUTO``: IPv4, and IPv6 if this host has a route for it.
    ``BOTH``: both; a missing route is a failure."""

    AUTO = "auto"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """``ca_file`` is trusted in addition to the system's store, or alone if ``system_store`` is
    off."""

    ca_file: Path | None = None
    system_store: bool = True


class ProxyMode(StrEnum):
    """``ENVIRONMENT``: HTTP_PROXY, HTTPS_PROXY and NO_PROXY. ``NONE``: direct. ``CONFIG``: as
    configured. ``BOTH``: as configured or else by the environment, with the other path measured for
    comparison."""

    ENVIRONMENT = "environment"
    NONE = "none"
    CONFIG = "config"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """``http`` and ``https`` are proxy URLs without userinfo; credentials are separate."""

    mode: ProxyMode = ProxyMode.ENVIRONMENT
    http: str = ""
    https: str = ""
    no_proxy: str = ""
    username: str = ""
    password: Secret | None = None

    @property
    def named(self) -> bool:
        """Whether the proxies are configured here instead of in the environment."""
        return self.mode is ProxyMode.CONFIG or (
            self.mode is ProxyMode.BOTH and bool(self.http or self.https)
        )


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The listener: TLS if ``cert_file`` and ``key_file`` are set. If a password or a token is set,
    readers must present one of them; with ``open_metrics``, /metrics needs none."""

    host: str = "0.0.0.0"
    port: int = 9242
    cert_file: Path | None = None
    key_file: Path | None = None
    username: str = ""
    password: Secret | None = None
    token: Secret | None = None
    open_metrics: bool = False
    password_file: Path | None = None
    token_file: Path | None = None
    allowed_hosts: tuple[str, ...] = ()


class LogFormat(StrEnum):
    """``AUTO``: console on a terminal, JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class LogSettings:
    format: LogFormat = LogFormat.AUTO
    level: str = "info"


@dataclass(frozen=True, slots=True)
class MetadataSettings:
    """``endpoint``: base URL of the instance metadata service (from the AWS SDK variable
    AWS_EC2_METADATA_SERVICE_ENDPOINT if set)."""

    endpoint: str = "http://169.254.169.254"
    discover_identity: bool = True


@dataclass(frozen=True, slots=True)
class AmiSettings:
    """Parameters of the launch dry run. ``subnet_id`` "": the subnet of the instance if known, else
    one of the default VPC."""

    subnet_id: str = ""
    instance_type: str = "t3.micro"


@dataclass(frozen=True, slots=True)
class StateSettings:
    """``directory`` holds the state that survives a restart; None: state is not saved."""

    directory: Path | None = None


class MqttVersion(StrEnum):
    """Versions of the protocol (OASIS standards)."""

    V5 = "5"
    V311 = "3.1.1"


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """The broker for events and states. ``websocket_path`` is "" for MQTT over plain TCP or TLS.
    ``client_id`` "" means the runner's id, else the host name. ``ca_file`` None means the store of
    ``[tls]``. ``keepalive`` is seconds; ``max_pending`` is the number of events kept while the
    broker is unreachable."""

    host: str
    port: int
    tls: bool = False
    websocket_path: str = ""
    version: MqttVersion = MqttVersion.V5
    client_id: str = ""
    topic_prefix: str = "egress-monitor"
    username: str = ""
    password: Secret | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keepalive: float = 30.0
    max_pending: int = 2000


class WriteVersion(StrEnum):
    """A version of the Remote-Write protocol."""

    V1 = "1.0"
    V2 = "2.0"


class WriteOrder(StrEnum):
    """The order of samples after an outage. ``AUTO``: fresh samples next to old ones if the
    receiver accepts out-of-order samples of a series, which is tested; else the oldest first."""

    AUTO = "auto"
    OLDEST_FIRST = "oldest_first"
    FRESH_FIRST = "fresh_first"


@dataclass(frozen=True, slots=True)
class RemoteWriteSettings:
    """One remote-write destination. ``shown_url`` is ``url`` without its query, which may contain a
    secret. Secrets stay in their files, so that this value can be compared and printed. ``proxy``
    is a URL, "" for none, None for the choice of ``[proxy]``. Durations are seconds,
    ``backfill_rate`` is samples per second, ``queue_size`` bytes."""

    name: str
    url: str = field(repr=False)
    shown_url: str
    protocol: WriteVersion = WriteVersion.V2
    username: str = ""
    password_file: Path | None = None
    bearer_token_file: Path | None = None
    password: Secret | None = None
    bearer_token: Secret | None = None
    sigv4_region: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    header_files: tuple[tuple[str, Path], ...] = ()
    header_secrets: tuple[tuple[str, Secret], ...] = ()
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    proxy: str | None = None
    external_labels: tuple[tuple[str, str], ...] = ()
    order: WriteOrder = WriteOrder.AUTO
    send_interval: float = 5.0
    timeout: float = 30.0
    max_samples_per_send: int = 10_000
    backfill_rate: float = 50_000.0
    queue_size: int = 256 * 1024 * 1024
    queue_age: float = 86_400.0


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    """``lifetime`` (seconds) is the time for which a sample represents its wildcard before
    discovery runs again. ``max_hosts`` and ``forget_after`` (seconds without a redirect) limit the
    hosts that the redirect audit adds. ``allow_private`` permits private addresses for hosts that a
    server named."""

    enabled: bool = True
    lifetime: float = 21_600.0
    audit_redirects: bool = True
    max_hosts: int = 20
    forget_after: float = 86_400.0
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class EgressAddressSettings:
    """The service that reports the public address of a request. ``path`` includes the query, which
    may contain a secret; ``shown_url`` is the URL without it. ``interval`` is seconds."""

    scheme: str
    host: str
    port: int | None
    path: str = field(repr=False)
    shown_url: str
    interval: float = 600.0


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration. ``endpoints`` are the user's own (SCM, SSO, registries, metrics
    receiver, added ones), complete. ``registries`` are hosts: those in the catalog enable their
    row, others become endpoints."""

    source: Path
    profile: Profile = Profile.STANDARD
    region: str = ""
    account_id: str = ""
    runner_id: str = ""
    shard: Shard | None = None
    schedule: ScheduleSettings = ScheduleSettings()
    families: FamilyChoice = FamilyChoice.AUTO
    addresses: Addresses = Addresses.FIRST
    groups: Mapping[str, GroupSettings] = field(default_factory=dict)
    targets: Mapping[str, TargetSettings] = field(default_factory=dict)
    endpoints: tuple[Endpoint, ...] = ()
    registries: tuple[str, ...] = ()
    dns: DnsSettings = DnsSettings()
    tls: TlsSettings = TlsSettings()
    proxy: ProxySettings = ProxySettings()
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()
    metadata: MetadataSettings = MetadataSettings()
    ami: AmiSettings = AmiSettings()
    state: StateSettings = StateSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    egress_address: EgressAddressSettings | None = None
    mqtt: MqttSettings | None = None
    remote_write: tuple[RemoteWriteSettings, ...] = ()
    missing_files: tuple[MissingFile, ...] = ()
    secret_files: tuple[Path, ...] = ()
    ignored_variables: tuple[str, ...] = ()
