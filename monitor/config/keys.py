"""Every key of config.toml, declared once: its kind, its default, and what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from monitor.config import values as v
from monitor.config.kinds import Kind, list_of, one_of, table_of
from monitor.model.endpoint import Profile, Protocol
from monitor.model.settings import (
    FamilyChoice,
    LogFormat,
    MqttVersion,
    ProxyMode,
    WriteOrder,
    WriteVersion,
)
from monitor.model.target import Addresses


class Level(StrEnum):
    """Log levels."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Method(StrEnum):
    """Request methods that change nothing."""

    GET = "GET"
    HEAD = "HEAD"


@dataclass(frozen=True, slots=True)
class Key:
    """One key. ``default`` is as it is written in the file; "" means there is none."""

    name: str
    kind: Kind
    doc: str
    default: str = ""
    required: bool = False


_PER_TARGET = (
    Key("enabled", v.BOOLEAN, "Enables the target."),
    Key("required", v.BOOLEAN, "`check` exits with 1 if the target fails."),
    Key("interval", v.DURATION, "Interval between two probes."),
    Key("timeout", v.DURATION, "Limit for one probe."),
    Key("addresses", one_of(Addresses), "Addresses of the name that are probed."),
    Key("proxy", v.PROXY_CHOICE, "Proxy of the target: none, environment, both, or a URL."),
)
_REDUNDANCY_GROUP = Key(
    "redundancy_group",
    v.REDUNDANCY_GROUP,
    "Redundant group and alternative: one alternative that works suffices.",
)
_PLACE = (
    Key("path", v.PATH, "Path of the HTTP request."),
    Key("method", one_of(Method), "Method of the HTTP request."),
    Key(
        "expect_status",
        v.STATUSES,
        "Statuses that count as its answer. Of an [[endpoint]] without a path: all but 403, 407 "
        "and 5xx.",
    ),
    Key(
        "expect_headers",
        list_of(v.HEADER),
        "One of these headers has to be in the answer: proof that the service itself replied.",
    ),
    Key("address", v.ADDRESS, "Address to connect to instead of resolving the host."),
    Key("connect_port", v.PORT, "Port to connect to instead of the one in name and URL."),
)
_DEFAULTS = {"path": '"/"', "method": '"GET"', "expect_status": '"200-399"', "expect_headers": "[]"}
"""Those of the user's own endpoints; what is of the catalogue has its row's."""

TABLES: Mapping[str, tuple[Key, ...]] = MappingProxyType(
    {
        "": (
            Key("profile", one_of(Profile), "Kind of runner.", '"standard"'),
            Key("region", v.REGION, "AWS region; else AWS_REGION, else instance metadata."),
            Key("account_id", v.ACCOUNT, "AWS account; else instance metadata."),
            Key("runner_id", v.RUNNER, "Id of the runner, for labels; else RUNNER_ID."),
            Key("shard", v.SHARD, "Share of the targets that this monitor probes."),
            Key(
                "address_family",
                one_of(FamilyChoice),
                "Probed address families.",
                '"auto"',
            ),
            Key("addresses", one_of(Addresses), "Probed addresses of a name.", '"first"'),
            Key("scm", list_of(v.URL), "Source control hosts.", "[]"),
            Key("sso", list_of(v.URL), "Hosts of the identity provider.", "[]"),
            Key("metrics", list_of(v.URL), "Receivers of metrics.", "[]"),
            Key("registries", list_of(v.HOST), "Further container registries.", "[]"),
        ),
        "schedule": (
            Key("interval", v.DURATION, "Interval between two probes of a target.", '"30s"'),
            Key("timeout", v.DURATION, "Limit for one probe.", '"3s"'),
            Key("pulse", v.PULSE, "Interval of pulses between full probes; 0s: none.", '"5s"'),
            Key("max_in_flight", v.COUNT, "Maximum number of concurrent probes.", "64"),
            Key(
                "max_connections_per_second",
                v.NUMBER,
                "Maximum number of probes started per second.",
                "50",
            ),
        ),
        "dns": (
            Key(
                "servers", list_of(v.SERVER), "Name servers; else those of /etc/resolv.conf.", "[]"
            ),
            Key("timeout", v.DURATION, "Per question and server; else resolv.conf's, else 2s."),
            Key("attempts", v.COUNT, "Passes over the servers; else resolv.conf's, else 2."),
            Key("use_hosts_file", v.BOOLEAN, "Uses /etc/hosts.", "true"),
            Key("probe_servers", v.BOOLEAN, "Probes each name server as a target.", "true"),
        ),
        "tls": (
            Key("ca_file", v.CA_FILE, "PEM file of additional trusted CAs."),
            Key("system_store", v.BOOLEAN, "Trusts the CAs of the system.", "true"),
        ),
        "proxy": (
            Key(
                "mode",
                one_of(ProxyMode),
                "Where the proxy's URL comes from.",
                '"environment"',
            ),
            Key("http", v.PROXY_URL, "Proxy for http://, with mode config or both.", '""'),
            Key(
                "https", v.PROXY_URL, "Proxy for https:// and TLS, with mode config or both.", '""'
            ),
            Key("no_proxy", v.TEXT, "Hosts that bypass the proxy, as in NO_PROXY.", '""'),
            Key("username", v.TEXT, "User name for the proxy.", '""'),
            Key("password_file", v.FILE, "File with the password for the proxy."),
        ),
        "web": (
            Key("listen", v.LISTEN, "Address and port of page, metrics and API.", '"0.0.0.0:9242"'),
            Key("cert_file", v.FILE, "PEM file of the certificate chain; enables TLS."),
            Key("key_file", v.FILE, "PEM file of the private key, without a passphrase."),
            Key("username", v.TEXT, "User name for HTTP Basic, with password_file.", '""'),
            Key("password_file", v.FILE, "File with the password of that user."),
            Key("token_file", v.FILE, "File with a bearer token that admits readers."),
            Key("open_metrics", v.BOOLEAN, "Serves /metrics without authentication.", "false"),
            Key(
                "allowed_hosts",
                list_of(v.ALLOWED_HOST),
                "Public DNS names of the page; addresses and private names are always allowed.",
                "[]",
            ),
        ),
        "state": (Key("directory", v.DIRECTORY, "Directory of state that survives a restart."),),
        "discovery": (
            Key("enabled", v.BOOLEAN, "Discovers names for wildcards.", "true"),
            Key(
                "lifetime",
                v.DURATION,
                "Time until a name for a wildcard is discovered again.",
                '"6h"',
            ),
            Key("audit_redirects", v.BOOLEAN, "Audits redirects.", "true"),
            Key("max_hosts", v.COUNT, "Maximum number of unlisted hosts that are probed.", "20"),
            Key(
                "forget_after",
                v.DURATION,
                "Time until an unlisted host without a redirect is dropped.",
                '"24h"',
            ),
            Key(
                "allow_private", v.BOOLEAN, "Allows private addresses for unlisted hosts.", "false"
            ),
        ),
        "egress_address": (
            Key("url", v.ADDRESS_URL, "Service that reports the public address. Unset: no checks."),
            Key("interval", v.ADDRESS_INTERVAL, "Interval between two checks.", '"10m"'),
        ),
        "mqtt": (
            Key("url", v.BROKER, "Broker: mqtt, mqtts, ws or wss. Unset: no MQTT."),
            Key("version", one_of(MqttVersion), "Version of the protocol.", '"5"'),
            Key(
                "client_id",
                v.CLIENT_ID,
                "Client id; else the id of the runner, else the host name.",
            ),
            Key("topic_prefix", v.TOPIC, "Prefix of all topics.", '"egress-monitor"'),
            Key("username", v.TEXT, "User name for the broker.", '""'),
            Key("password_file", v.FILE, "File with the password for the broker."),
            Key("ca_file", v.CA_FILE, "PEM file of the CAs for the broker; else those of [tls]."),
            Key("cert_file", v.FILE, "PEM file of the client certificate chain."),
            Key("key_file", v.FILE, "PEM file of the private key, without a passphrase."),
            Key("keepalive", v.KEEPALIVE, "Keep-alive interval of the connection.", '"30s"'),
            Key(
                "max_pending",
                v.COUNT,
                "Maximum number of events kept while the broker is unreachable.",
                "2000",
            ),
        ),
        "log": (
            Key("format", one_of(LogFormat), "Format of log lines.", '"auto"'),
            Key("level", one_of(Level), "Minimum level that is logged.", '"info"'),
        ),
        "metadata": (
            Key(
                "endpoint",
                v.BASE_URL,
                "Instance metadata; else AWS_EC2_METADATA_SERVICE_ENDPOINT.",
                '"http://169.254.169.254"',
            ),
            Key(
                "discover_identity", v.BOOLEAN, "Whether region and account are asked for.", "true"
            ),
        ),
        "ami": (
            Key("subnet_id", v.SUBNET, "Subnet of the dry run of a launch."),
            Key("instance_type", v.INSTANCE_TYPE, "Instance type of the dry run.", '"t3.micro"'),
        ),
        "groups.*": _PER_TARGET,
        "targets.*": (
            *_PER_TARGET,
            Key("url", v.ORIGIN, "Other scheme, host and port, of a VPC endpoint for example."),
            Key("host", v.HOST, "Other host, for example the sample of a wildcard."),
            Key("port", v.PORT, "Other port."),
            _REDUNDANCY_GROUP,
            *_PLACE,
        ),
        "endpoint[]": (
            Key("id", v.ID, "Name in metrics and on the page.", required=True),
            Key("host", v.HOST, "Host name or address.", required=True),
            Key("protocol", one_of(Protocol), "Protocol of the probe.", '"https"'),
            Key("port", v.PORT, "Port; optional except for tcp."),
            Key("group", v.GROUP, "Group on the page and in metrics.", '"custom"'),
            *_PER_TARGET,
            _REDUNDANCY_GROUP,
            *(replace(key, default=_DEFAULTS.get(key.name, "")) for key in _PLACE),
            Key("query", v.HOST, 'Name to query, with protocol = "dns".'),
            Key("note", v.TEXT, "Purpose, shown with the target.", '""'),
        ),
        "remote_write[]": (
            Key("url", v.WRITE_URL, "URL of the receiver.", required=True),
            Key("name", v.ID, "Name in metrics, logs and on disk; else the host of the URL."),
            Key(
                "protocol",
                one_of(WriteVersion),
                "The version that is tried first.",
                '"2.0"',
            ),
            Key("bearer_token_file", v.FILE, "File with a bearer token."),
            Key("username", v.TEXT, "User name for HTTP Basic.", '""'),
            Key("password_file", v.FILE, "File with the password of that user."),
            Key("sigv4_region", v.REGION, "Region of Amazon Managed Prometheus; signs requests."),
            Key("headers", table_of(v.WRITE_HEADER, v.HEADER_VALUE), "Additional headers.", "{}"),
            Key(
                "header_files",
                table_of(v.WRITE_HEADER, v.FILE),
                "Additional headers whose values are in files.",
                "{}",
            ),
            Key("ca_file", v.CA_FILE, "PEM file of the CAs for this receiver, instead of [tls]."),
            Key("cert_file", v.FILE, "PEM file of a client certificate."),
            Key("key_file", v.FILE, "PEM file of its private key, if it is separate."),
            Key("proxy", v.PROXY_URL, 'Proxy, "" for none; else that of [proxy].'),
            Key("external_labels", table_of(v.LABEL, v.TEXT), "Additional labels.", "{}"),
            Key(
                "order",
                one_of(WriteOrder),
                "Samples that are sent first after an outage.",
                '"auto"',
            ),
            Key("send_interval", v.DURATION, "Interval between two requests.", '"5s"'),
            Key("timeout", v.DURATION, "Limit for one request.", '"30s"'),
            Key("max_samples_per_send", v.COUNT, "Maximum number of samples per request.", "10000"),
            Key("backfill_rate", v.NUMBER, "Maximum samples per second of a backlog.", "50000"),
            Key("queue_size", v.SIZE, "Maximum size of the queue on disk.", '"256MiB"'),
            Key("queue_age", v.AGE, "Maximum age of samples in the queue.", '"24h"'),
        ),
    }
)
"""Tables by their path: ``groups.*`` is any table below ``groups``, ``endpoint[]`` each of
the list of tables."""


def top_level_keys() -> frozenset[str]:
    """Return the names that can be at the top of the document: keys and tables."""
    tables = {path.partition(".")[0].removesuffix("[]") for path in TABLES if path}
    return frozenset(tables | {key.name for key in TABLES[""]})


def nested_keys() -> frozenset[str]:
    """Return the names of all keys in tables."""
    return frozenset(key.name for path, keys in TABLES.items() if path for key in keys)
