"""config.toml: what it may say, and that whatever is wrong is said all at once.

Covers: monitor/config/*.py
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.catalog import build_targets
from monitor.config import load_settings
from monitor.config.environment import overlay
from monitor.config.keys import TABLES
from monitor.config.reader import Reading, read_document
from monitor.model.endpoint import Profile, Protocol
from monitor.model.identity import Identity
from monitor.model.secret import Secret
from monitor.model.settings import ConfigError, FamilyChoice, LogFormat, ProxyMode, Settings
from monitor.model.target import ProxyChoice, ProxyUse
from tests.internet.ca import Authority

SHIPPED = Path(__file__).parents[2] / "config.toml"


def load(tmp_path: Path, text: str = "", **environ: str) -> Settings:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return load_settings(path, environ)


def problems(tmp_path: Path, text: str = "", **environ: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, **environ)
    assert all(p.what and p.remediation and p.file for p in caught.value.problems)
    return {p.key: f"{p.what}; {p.remediation}" for p in caught.value.problems}


def uncommented() -> str:
    """The shipped file with every commented key switched on."""
    lines = SHIPPED.read_text().splitlines()
    return "\n".join(re.sub(r"^# (?=\[|[a-z0-9_]+ = )", "", line) for line in lines)


def is_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def test_the_shipped_file_loads_and_says_what_the_defaults_are():
    settings = load_settings(SHIPPED, {})
    assert settings == Settings(SHIPPED)


def test_every_key_is_documented_in_the_shipped_file_and_no_other_is():
    document = tomllib.loads(uncommented())
    shipped = {
        "": {k for k, v in document.items() if not isinstance(v, dict) and not is_tables(v)},
        "groups.*": set(next(iter(document["groups"].values()))),
        "targets.*": set(next(iter(document["targets"].values()))),
        "endpoint[]": set(document["endpoint"][0]),
        "remote_write[]": set(document["remote_write"][0]),
    }
    for table in TABLES:
        keys = shipped.get(table) or set(document[table])
        assert keys == {key.name for key in TABLES[table]}, table


def declared(table: str) -> dict[str, str]:
    """A table's keys that have a default worth writing, each with it as it is written."""
    nothing = {"", '""', "[]", "{}"}
    return {key.name: key.default for key in TABLES[table] if key.default not in nothing}


def test_the_shipped_file_shows_the_defaults():
    document = tomllib.loads(uncommented())
    for table in TABLES:
        name = table.removesuffix("[]")
        shown = document[name][0] if table.endswith("[]") else document.get(name, document)
        defaults = tomllib.loads("\n".join(f"{k} = {v}" for k, v in declared(table).items()))
        assert {key: shown[key] for key in defaults} == defaults, table


@pytest.mark.parametrize("table", TABLES)
def test_a_default_that_is_declared_is_the_one_in_use(tmp_path: Path, table: str):
    headings = {"": "", "groups.*": "[groups.vscode]", "targets.*": "[targets.vscode-unpkg]"}
    needed = {
        "egress_address": 'url = "https://ip.example"',
        "endpoint[]": 'id = "own"\nhost = "own.example"\npath = "/"',
        "mqtt": 'url = "mqtt://broker.example"',
        "remote_write[]": 'url = "https://metrics.example.com/write"',
    }
    usual = f"[[{table[:-2]}]]" if table.endswith("[]") else f"[{table}]"
    text = f"{headings.get(table, usual)}\n{needed.get(table, '')}\n"
    defaults = declared(table).items()
    written = "\n".join(f"{key} = {value}" for key, value in defaults if f"{key} = " not in text)
    assert load(tmp_path, text + written) == load(tmp_path, text)


def test_the_shipped_file_with_every_key_switched_on_is_read_without_a_problem(tmp_path: Path):
    password = tmp_path / "password"
    password.write_text("hunter2\n")
    authority = Authority(tmp_path)
    text = uncommented().replace('mode = "environment"', 'mode = "config"')
    text = text.replace("/run/secrets/proxy-password", str(password))
    client = authority.issue("monitor")
    text = text.replace("/run/secrets/mqtt-password", str(password))
    text = text.replace("/etc/ssl/certs/mqtt-ca.pem", str(authority.file))
    text = text.replace("/run/secrets/mqtt-client.pem", str(client.chain))
    text = text.replace("/run/secrets/mqtt-client.key", str(client.key))
    text = re.sub(r"/etc/ssl/certs/(corporate|metrics)-ca.pem", str(authority.file), text)
    text = re.sub(r"/run/secrets/(metrics-\w+|api-key)", str(password), text)
    text = text.replace("/run/secrets/client.pem", str(client.chain))
    text = text.replace("/run/secrets/client-key.pem", str(client.key))
    text = re.sub(r"(?m)^(bearer_token_file|sigv4_region) = .*$", "", text)  # one of three ways
    text = text.replace("/etc/egress-monitor/tls.crt", str(client.chain))
    text = text.replace("/etc/egress-monitor/tls.key", str(client.key))
    text = text.replace("/run/secrets/page-password", str(password))
    text = text.replace("/run/secrets/page-token", str(password))
    settings = load(tmp_path, text)
    assert settings.proxy.password == Secret("hunter2")
    assert "hunter2" not in repr(settings)
    assert [e.group for e in settings.endpoints] == ["scm", "scm", "sso", "metrics", "custom"]
    assert settings.targets["artifacts"].address == "192.0.2.10"


def test_values_become_settings(tmp_path: Path):
    settings = load(
        tmp_path,
        """
        profile = "enterprise"
        address_family = "both"
        scm = ["git.example.com", "https://gl.example.com:8443/users/sign_in"]
        [schedule]
        interval = "1m30s"
        timeout = 2.5
        [dns]
        servers = ["127.0.0.1:5300", "[::1]:53"]
        [web]
        listen = "127.0.0.1:9300"
        [groups.jetbrains]
        enabled = false
        [[endpoint]]
        id = "ssh"
        host = "192.0.2.7"
        port = 22
        protocol = "tcp"
        interval = "5s"
        timeout = "1s"
        """,
    )
    assert settings.profile is Profile.ENTERPRISE
    assert settings.families is FamilyChoice.BOTH
    assert (settings.schedule.interval, settings.schedule.timeout) == (90.0, 2.5)
    assert settings.dns.servers == ("127.0.0.1:5300", "[::1]:53")
    assert (settings.web.host, settings.web.port) == ("127.0.0.1", 9300)
    assert settings.groups["jetbrains"].enabled is False
    first, second, ssh = settings.endpoints
    assert (first.id, first.port, first.path) == ("scm-git.example.com", 443, "/")
    assert (second.port, second.path) == (8443, "/users/sign_in")
    assert (ssh.protocol, ssh.prober, ssh.port) == (Protocol.TCP, "tcp", 22)
    assert settings.targets["ssh"].interval == 5.0


def test_the_environment_comes_before_the_file(tmp_path: Path):
    settings = load(
        tmp_path,
        'region = "eu-west-1"\n[log]\nformat = "console"',
        EGRESS_MONITOR_REGION="us-east-2",
        EGRESS_MONITOR_LOG__FORMAT="json",
        EGRESS_MONITOR_SCHEDULE__INTERVAL="20s",
        EGRESS_MONITOR_SCHEDULE__MAX_IN_FLIGHT="7",
        EGRESS_MONITOR_DNS__SERVERS="127.0.0.1, ::1",
        EGRESS_MONITOR_DNS__PROBE_SERVERS="false",
        EGRESS_MONITOR_CONFIG="/not/a/key",
        AWS_REGION="eu-north-1",
        AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:1338/",
    )
    assert settings.region == "us-east-2"
    assert settings.log.format is LogFormat.JSON
    assert (settings.schedule.interval, settings.schedule.max_in_flight) == (20.0, 7)
    assert settings.dns.servers == ("127.0.0.1", "::1")
    assert settings.dns.probe_servers is False
    assert settings.metadata.endpoint == "http://127.0.0.1:1338"


def test_aws_and_the_runner_tell_what_the_file_leaves_open(tmp_path: Path):
    settings = load(tmp_path, AWS_REGION="eu-north-1", RUNNER_ID="r-7")
    assert (settings.region, settings.runner_id) == ("eu-north-1", "r-7")


WRONG = {
    'profil = "standard"': ("profil", 'did you mean "profile"'),
    'interval = "30s"': ("interval", "belongs in [schedule]"),
    'profile = "enterprize"': ("profile", 'did you mean "enterprise"'),
    "region = 7": ("region", "is not an AWS region"),
    'region = "Frankfurt"': ("region", "eu-central-1"),
    'account_id = "12"': ("account_id", "12 digits"),
    '[discovery]\nlifetime = "10s"': ("discovery.lifetime", "write 1m or more"),
    '[discovery]\nforget_after = "1h"': ("discovery.forget_after", "discovery.lifetime or more"),
    '[discovery]\nlifetime = "30h"': ("discovery.lifetime", "at most 24h"),
    "[discovery]\nmax_hosts = 0": ("discovery.max_hosts", "write 1 or more"),
    "[schedule]\ntimeout = true": ("schedule.timeout", "is not a duration"),
    '[schedule]\ninterval = "0s"': ("schedule.interval", "more than 0"),
    '[schedule]\ninterval = "soon"': ("schedule.interval", "not a valid duration"),
    "[schedule]\nmax_in_flight = 0": ("schedule.max_in_flight", "too small"),
    "schedule = 7": ("schedule", "not a table"),
    "endpoint = 7": ("endpoint", "[[endpoint]]"),
    "groups = 7": ("groups", "[groups.NAME]"),
    '[dns]\nservers = ["dns.example.com"]': ("dns.servers[1]", "not a valid IP address"),
    '[dns]\nservers = "127.0.0.1"': ("dns.servers", "is not a list"),
    '[tls]\nca_file = "/does/not/exist"': ("tls.ca_file", "no such file"),
    "[tls]\nsystem_store = false": ("tls.ca_file", "nothing is trusted"),
    '[web]\nlisten = "localhost"': ("web.listen", "port is missing"),
    '[web]\nlisten = "0.0.0.0:70000"': ("web.listen", "70000 is not a valid port"),
    '[state]\ndirectory = "var"': ("state.directory", "not an absolute path"),
    '[state]\ndirectory = "/dev/null"': ("state.directory", "not a directory"),
    '[proxy]\nmode = "config"': ("proxy.https", "missing"),
    '[proxy]\nhttps = "http://p:1"': ("proxy.mode", 'mode = "config"'),
    '[proxy]\nmode = "config"\nhttps = "socks5://p:1"': ("proxy.https", "neither http"),
    '[groups.vscode]\nproxy = "never"': ("groups.vscode.proxy", '"none", "both"'),
    '[targets.vscode-unpkg]\nproxy = "socks5://p:1"': (
        "targets.vscode-unpkg.proxy",
        "neither http",
    ),
    '[targets.instance-metadata]\nproxy = "both"': (
        "targets.instance-metadata.proxy",
        "instance metadata never goes through an HTTP proxy",
    ),
    '[[endpoint]]\nid = "x"\nhost = "a.b"\nport = 1\nprotocol = "tcp"\nproxy = "http://p:1"': (
        "targets.x.proxy",
        "TCP never goes",
    ),
    'scm = ["*.example.com"]': ("scm[1]", "wildcard"),
    'scm = ["abc.gitpod.remote"]': ("scm[1]", "alias of SSH"),
    'scm = ["bad_host!"]': ("scm[1]", "not a valid host name"),
    '[[endpoint]]\nid = "x"': ("endpoint[1].host", "missing"),
    '[[endpoint]]\nid = "x"\nhost = "a.b"\nport = 70000': ("endpoint[1].port", "not a valid port"),
    '[[endpoint]]\nid = "x"\nhost = "a.b"\nprotocol = "tcp"': ("endpoint[1].port", "usual port"),
    '[[endpoint]]\nid = "X y"\nhost = "a.b"': ("endpoint[1].id", "not a valid id"),
    '[[endpoint]]\nid = "x"\nhost = "e.gitpod.environment"': ("endpoint[1].host", "SSH"),
    '[[endpoint]]\nid = "x"\nhost = "::1"\nprotocol = "dns"': ("endpoint[1].query", "missing"),
    '[[endpoint]]\nid = "x"\nhost = "a"\npath = "a b"': ("endpoint[1].path", "begins with /"),
    '[[endpoint]]\nid = "x"\nhost = "a"\nexpect_status = "2xx"': (
        "endpoint[1].expect_status",
        "200-399",
    ),
    "[groups.jetbrain]\nenabled = false": ("groups.jetbrain", "did you mean"),
    "[targets.aws-s4]\nenabled = false": ("targets.aws-s4", "did you mean"),
    '[targets.aws-s3]\ntimeout = "40s"': ("targets.aws-s3.timeout", "30"),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said_with_its_key_and_cure(tmp_path: Path, text: str):
    key, words = WRONG[text]
    found = problems(tmp_path, text)
    assert list(found) == [key]
    assert words in found[key]


def test_a_timeout_longer_than_the_interval_is_impossible(tmp_path: Path):
    found = problems(tmp_path, '[schedule]\ninterval = "5s"\ntimeout = "5s"')
    assert list(found) == ["schedule.timeout"]


def test_each_wrong_item_of_a_list_is_said_and_names_that_do_not_exist_too(tmp_path: Path):
    text = 'registries = ["a b", "ghcr.io", "c d"]\n[targets.nope]\nenabled = true'
    assert set(problems(tmp_path, text)) == {"registries[1]", "registries[3]"}
    text = 'region = "mars"\n[targets.nope]\nenabled = true\n[groups.vs_code]\nrequired = true'
    assert set(problems(tmp_path, text)) == {"region", "targets.nope", "groups.vs_code"}


def test_everything_wrong_is_said_at_once(tmp_path: Path):
    text = 'profile = "x"\nfoo = 1\n[web]\nlisten = "7"\n[[endpoint]]\nid = "a"\nport = 0'
    found = problems(tmp_path, text, EGRESS_MONITOR_LOG__LEVL="info")
    assert set(found) == {
        "profile",
        "foo",
        "web.listen",
        "endpoint[1].port",
        "endpoint[1].host",
        "EGRESS_MONITOR_LOG__LEVL",
    }
    assert "EGRESS_MONITOR_LOG__LEVEL" in found["EGRESS_MONITOR_LOG__LEVL"]


@pytest.mark.parametrize(
    "text",
    [
        'scm = ["https://user:hunter2@git.example.com"]',
        'scm = ["https://git.example.com/?token=hunter2"]',
        '[proxy]\nmode = "config"\nhttps = "http://user:hunter2@proxy:3128"',
        '[targets.vscode-unpkg]\nproxy = "http://user:hunter2@proxy:3128"',
        '[[endpoint]]\nid = "x"\nhost = "user:hunter2@git.example.com"',
        '[metadata]\nendpoint = "http://u:hunter2@169.254.169.254"',
        'registries = ["https://registry.example.com/v2/?token=hunter2"]',
        '[[endpoint]]\nid = "x"\nhost = "https://git.example.com/?token=hunter2"',
        '[[endpoint]]\nid = "x"\nhost = "h"\naddress = "https://192.0.2.1/?token=hunter2"',
        '[dns]\nservers = ["user:hunter2@192.0.2.1"]',
        '[proxy]\npassword_file = "hunter2"',
        '[web]\ntoken_file = "hunter2"',
        '[web]\ntoken_file = "hunter2\\u0000"',
        '[tls]\nca_file = "hunter2\\u0000"',
        '[state]\ndirectory = "/hunter2\\u0000"',
        '[[remote_write]]\nurl = "https://h/write"\nheader_files = { X-Key = "hunter2" }',
        '[[remote_write]]\nurl = "https://h/write"\nheaders = { X-Key = "hunter2\\n" }',
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_and_not_repeated(tmp_path: Path, text: str):
    assert "hunter2" not in str(problems(tmp_path, text))


def test_the_environment_s_metadata_service_is_looked_over_as_the_file_s_is(tmp_path: Path):
    name = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
    found = problems(tmp_path, **{name: "http://user:hunter2@169.254.169.254/?hunter2"})
    assert name in found
    assert "hunter2" not in str(found)
    given = load(tmp_path, **{name: "http://[fd00:ec2::254]/"})
    assert given.metadata.endpoint == "http://[fd00:ec2::254]"


def test_a_broken_proxy_in_the_environment_is_named_without_its_password(tmp_path: Path):
    found = problems(tmp_path, HTTPS_PROXY="socks5://user:hunter2@proxy:1080")
    assert "hunter2" not in str(found)
    assert list(found) == ["HTTPS_PROXY, HTTP_PROXY"]


@pytest.mark.parametrize("proxy_path", ["environment", "both"])
def test_a_broken_proxy_that_only_one_target_uses_is_named_too(tmp_path: Path, proxy_path: str):
    text = f'[proxy]\nmode = "none"\n[targets.vscode-unpkg]\nproxy = "{proxy_path}"'
    broken = {"HTTPS_PROXY": "socks5://proxy:1080"}
    assert list(problems(tmp_path, text, **broken)) == ["HTTPS_PROXY, HTTP_PROXY"]
    assert load(tmp_path, '[proxy]\nmode = "none"', **broken).proxy.mode is ProxyMode.NONE


def test_ways_become_settings(tmp_path: Path):
    settings = load(
        tmp_path,
        """
        [groups.jetbrains]
        proxy = "none"
        [targets.vscode-unpkg]
        proxy = "https://proxy.example.com:3129"
        [[endpoint]]
        id = "own"
        host = "a.example"
        proxy = "both"
        """,
    )
    assert settings.groups["jetbrains"].proxy == ProxyChoice(ProxyUse.NONE)
    fixed = ProxyChoice(ProxyUse.FIXED, "https://proxy.example.com:3129")
    assert settings.targets["vscode-unpkg"].proxy == fixed
    targets = {t.id: t for t in build_targets(settings, Identity())}
    assert targets["own"].proxy == ProxyChoice(ProxyUse.BOTH)
    assert targets["jetbrains-download"].proxy == ProxyChoice(ProxyUse.NONE)
    assert targets["app-ona-com"].proxy is None


def test_a_proxy_in_the_environment_is_used(tmp_path: Path):
    settings = load(tmp_path, HTTPS_PROXY="http://user:hunter2@proxy:3128")
    assert settings.proxy.mode is ProxyMode.ENVIRONMENT


@pytest.mark.parametrize(
    ("content", "key"),
    [(b"a = [1", "(syntax)"), (b"\xff\xfe", "(file)"), (None, "(file)")],
)
def test_a_file_that_can_not_be_read_is_one_problem(
    tmp_path: Path, content: bytes | None, key: str
):
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_settings(path, {})
    assert [p.key for p in caught.value.problems] == [key]


def test_a_ca_file_without_a_certificate_is_refused(tmp_path: Path):
    path = tmp_path / "ca.pem"
    path.write_text("nothing")
    assert "PEM" in problems(tmp_path, f'[tls]\nca_file = "{path}"')["tls.ca_file"]


names = [*sorted({key.name for keys in TABLES.values() for key in keys}), *TABLES, "x"]
scalars = st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(names), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(names), values), st.dictionaries(st.text(), st.text()))
def test_rubbish_is_problems_and_never_a_crash(
    document: dict[str, object], variables: dict[str, str]
):
    reading = Reading("x")
    environ = {f"EGRESS_MONITOR_{k}": v for k, v in variables.items()}
    read_document(overlay(document, environ, reading), reading)
    assert all(str(problem) for problem in reading.problems)


def test_the_page_s_password_and_token_come_from_files(tmp_path: Path):
    (tmp_path / "password").write_text("hunter2\n")
    (tmp_path / "token").write_text("t0ken\n")
    text = (
        f'[web]\nusername = "me"\npassword_file = "{tmp_path}/password"\n'
        f'token_file = "{tmp_path}/token"\nopen_metrics = true\n'
    )
    web = load(tmp_path, text).web
    assert (web.username, web.password, web.token) == ("me", Secret("hunter2"), Secret("t0ken"))
    assert web.open_metrics
    assert (web.password_file, web.token_file) == (tmp_path / "password", tmp_path / "token")


def test_names_of_the_page_are_dns_names(tmp_path: Path):
    names = '["Monitor.Example.com", "*.corp.example", "*"]'
    web = load(tmp_path, f"[web]\nallowed_hosts = {names}\n").web
    assert web.allowed_hosts == ("monitor.example.com", "*.corp.example", "*")
    wrong = problems(tmp_path, '[web]\nallowed_hosts = ["http://x/", "a.*.example"]\n')
    assert set(wrong) == {"web.allowed_hosts[1]", "web.allowed_hosts[2]"}


def test_half_an_authentication_and_half_a_certificate_are_mistakes(tmp_path: Path):
    (tmp_path / "empty").write_text("\n")
    empty = tmp_path / "empty"
    assert problems(tmp_path, f'[web]\npassword_file = "{empty}"\n').keys() == {
        "web.username",
        "web.password_file",
    }
    assert problems(tmp_path, f'[web]\ntoken_file = "{empty}"\n').keys() == {"web.token_file"}
    assert problems(tmp_path, '[web]\nusername = "me"\n').keys() == {"web.password_file"}
    assert problems(tmp_path, f'[web]\ncert_file = "{empty}"\n').keys() == {"web.key_file"}
    both = f'[web]\ncert_file = "{empty}"\nkey_file = "{empty}"\n'
    assert "not a certificate and its key" in problems(tmp_path, both)["web.cert_file"]
