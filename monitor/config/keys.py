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
    Key("enabled", v.BOOLEAN, "Whether it is probed."),
    Key("required", v.BOOLEAN, "Whether `check` fails when it is not reached."),
    Key("interval", v.DURATION, "How often it is probed."),
    Key("timeout", v.DURATION, "How long one probe may take."),
    Key("addresses", one_of(Addresses), "Which of the name's addresses are probed."),
    Key("proxy", v.PROXY_CHOICE, "Its way: none, environment, both, or a proxy's URL."),
)
_REDUNDANCY_GROUP = Key(
    "redundancy_group",
    v.REDUNDANCY_GROUP,
    "Redundant group and alternative: one alternative that works suffices.",
)
_PLACE = (
    Key("path", v.PATH, "What is asked for over HTTP."),
    Key("method", one_of(Method), "The request's method."),
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
    Key("address", v.ADDRESS, "Connect to this address instead of resolving the host."),
    Key("connect_port", v.PORT, "Connect to this port instead of the one in name and URL."),
)
_DEFAULTS = {"path": '"/"', "method": '"GET"', "expect_status": '"200-399"', "expect_headers": "[]"}
"""Those of the user's own endpoints; what is of the catalogue has its row's."""

TABLES: Mapping[str, tuple[Key, ...]] = MappingProxyType(
    {
        "": (
            Key("profile", one_of(Profile), "The kind of runner.", '"standard"'),
            Key("region", v.REGION, "AWS region; else AWS_REGION, else instance metadata."),
            Key("account_id", v.ACCOUNT, "AWS account; else instance metadata."),
            Key("runner_id", v.RUNNER, "The runner's id, for labels; else RUNNER_ID."),
            Key("shard", v.SHARD, "Which share of the targets this monitor watches."),
            Key("address_family", one_of(FamilyChoice), "Families probed.", '"auto"'),
            Key("addresses", one_of(Addresses), "Addresses of a name probed.", '"first"'),
            Key("scm", list_of(v.URL), "Your source control hosts.", "[]"),
            Key("sso", list_of(v.URL), "Your identity provider's hosts.", "[]"),
            Key("metrics", list_of(v.URL), "Your metrics receivers.", "[]"),
            Key("registries", list_of(v.HOST), "Your other container registries.", "[]"),
        ),
        "schedule": (
            Key("interval", v.DURATION, "How often each target is probed.", '"30s"'),
            Key("timeout", v.DURATION, "How long one probe may take.", '"3s"'),
            Key("pulse", v.PULSE, "Interval of pulses between full probes; 0s: none.", '"5s"'),
            Key("max_in_flight", v.COUNT, "Probes going on at once.", "64"),
            Key("max_connections_per_second", v.NUMBER, "Probes started a second.", "50"),
        ),
        "dns": (
            Key("servers", list_of(v.SERVER), "Name servers; else /etc/resolv.conf's.", "[]"),
            Key("timeout", v.DURATION, "Per question and server; else resolv.conf's, else 2s."),
            Key("attempts", v.COUNT, "Passes over the servers; else resolv.conf's, else 2."),
            Key("use_hosts_file", v.BOOLEAN, "Whether /etc/hosts is honoured.", "true"),
            Key("probe_servers", v.BOOLEAN, "Whether each server is a target too.", "true"),
        ),
        "tls": (
            Key("ca_file", v.CA_FILE, "PEM file of CAs that are trusted too."),
            Key("system_store", v.BOOLEAN, "Whether the system's CAs are trusted.", "true"),
        ),
        "proxy": (
            Key(
                "mode",
                one_of(ProxyMode),
                "Where the proxy's URL comes from.",
                '"environment"',
            ),
            Key("http", v.PROXY_URL, "Proxy for http://, with mode config.", '""'),
            Key("https", v.PROXY_URL, "Proxy for https:// and TLS, with mode config.", '""'),
            Key("no_proxy", v.TEXT, "Hosts reached directly, as in NO_PROXY.", '""'),
            Key("username", v.TEXT, "The proxy's user, with mode config.", '""'),
            Key("password_file", v.FILE, "File that holds the proxy's password."),
        ),
        "web": (
            Key("listen", v.LISTEN, "Where the monitor serves.", '"0.0.0.0:9242"'),
            Key("cert_file", v.FILE, "PEM file of its certificate chain: it serves by TLS then."),
            Key("key_file", v.FILE, "PEM file of the certificate's key, without a passphrase."),
            Key("username", v.TEXT, "Who may read, with password_file.", '""'),
            Key("password_file", v.FILE, "File that holds that user's password."),
            Key("token_file", v.FILE, "File that holds a token: who sends it may read too."),
            Key("open_metrics", v.BOOLEAN, "Whether /metrics is open all the same.", "false"),
            Key(
                "allowed_hosts",
                list_of(v.ALLOWED_HOST),
                "Public DNS names of the page; addresses and private names are always allowed.",
                "[]",
            ),
        ),
        "state": (Key("directory", v.DIRECTORY, "Where what has to outlive a restart is kept."),),
        "discovery": (
            Key("enabled", v.BOOLEAN, "Whether names for wildcards are looked for.", "true"),
            Key("lifetime", v.DURATION, "How long a name found stands.", '"6h"'),
            Key("audit_redirects", v.BOOLEAN, "Whether redirects are audited.", "true"),
            Key("max_hosts", v.COUNT, "Unlisted hosts kept and probed.", "20"),
            Key("forget_after", v.DURATION, "An unlisted host not seen is dropped.", '"24h"'),
            Key("allow_private", v.BOOLEAN, "Whether they may have private addresses.", "false"),
        ),
        "mqtt": (
            Key("url", v.BROKER, "The broker: mqtt, mqtts, ws or wss. Without it, no MQTT."),
            Key("version", one_of(MqttVersion), "The protocol's version.", '"5"'),
            Key("client_id", v.CLIENT_ID, "This monitor's id; else the runner's, else the host's."),
            Key("topic_prefix", v.TOPIC, "What all topics begin with.", '"egress-monitor"'),
            Key("username", v.TEXT, "The broker's user.", '""'),
            Key("password_file", v.FILE, "File that holds the broker's password."),
            Key("ca_file", v.CA_FILE, "PEM file of the broker's CAs; else what [tls] trusts."),
            Key("cert_file", v.FILE, "PEM file of the client's certificate chain."),
            Key("key_file", v.FILE, "PEM file of the certificate's key, without a passphrase."),
            Key("keepalive", v.KEEPALIVE, "How soon a silent connection is given up.", '"30s"'),
            Key("max_pending", v.COUNT, "Events kept while the broker is away.", "2000"),
        ),
        "log": (
            Key("format", one_of(LogFormat), "How log lines look.", '"auto"'),
            Key("level", one_of(Level), "The least level that is logged.", '"info"'),
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
            Key("subnet_id", v.SUBNET, "Where the dry run would launch an instance."),
            Key("instance_type", v.INSTANCE_TYPE, "Of which type.", '"t3.micro"'),
        ),
        "groups.*": _PER_TARGET,
        "targets.*": (
            *_PER_TARGET,
            Key("url", v.ORIGIN, "Another scheme, host and port at once, of a VPC endpoint say."),
            Key("host", v.HOST, "Another host, for example the sample of a wildcard."),
            Key("port", v.PORT, "Another port."),
            _REDUNDANCY_GROUP,
            *_PLACE,
        ),
        "endpoint[]": (
            Key("id", v.ID, "Its name in metrics and on the page.", required=True),
            Key("host", v.HOST, "Host name, or an address.", required=True),
            Key("protocol", one_of(Protocol), "What is spoken with it.", '"https"'),
            Key("port", v.PORT, "Its port; each protocol but tcp has a usual one."),
            Key("group", v.GROUP, "The group it is shown in.", '"custom"'),
            *_PER_TARGET,
            _REDUNDANCY_GROUP,
            *(replace(key, default=_DEFAULTS.get(key.name, "")) for key in _PLACE),
            Key("query", v.HOST, 'With protocol = "dns": the name to ask for.'),
            Key("note", v.TEXT, "What it is for, shown with it.", '""'),
        ),
        "remote_write[]": (
            Key("url", v.WRITE_URL, "Where samples are written to.", required=True),
            Key("name", v.ID, "Its name in metrics, logs and on disk; else the URL's host."),
            Key(
                "protocol",
                one_of(WriteVersion),
                "The version that is tried first.",
                '"2.0"',
            ),
            Key("bearer_token_file", v.FILE, "File that holds a bearer token."),
            Key("username", v.TEXT, "User of basic authentication.", '""'),
            Key("password_file", v.FILE, "File that holds that user's password."),
            Key("sigv4_region", v.REGION, "Region of Amazon Managed Prometheus: sign requests."),
            Key("headers", table_of(v.WRITE_HEADER, v.HEADER_VALUE), "More headers.", "{}"),
            Key("header_files", table_of(v.WRITE_HEADER, v.FILE), "Headers' files.", "{}"),
            Key("ca_file", v.CA_FILE, "PEM file of the CAs that are trusted here instead."),
            Key("cert_file", v.FILE, "PEM file of a client certificate."),
            Key("key_file", v.FILE, "PEM file of its key, where that is apart."),
            Key("proxy", v.PROXY_URL, 'Its proxy, "" for none; else as [proxy] says.'),
            Key("external_labels", table_of(v.LABEL, v.TEXT), "More labels.", "{}"),
            Key("order", one_of(WriteOrder), "What goes first after an outage.", '"auto"'),
            Key("send_interval", v.DURATION, "How long samples are gathered.", '"5s"'),
            Key("timeout", v.DURATION, "How long one request may take.", '"30s"'),
            Key("max_samples_per_send", v.COUNT, "Samples in one request.", "10000"),
            Key("backfill_rate", v.NUMBER, "Samples a second, of a backlog.", "50000"),
            Key("queue_size", v.SIZE, "Bytes that the queue may take on disk.", '"256MiB"'),
            Key("queue_age", v.AGE, "How long samples are kept for sending.", '"24h"'),
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
