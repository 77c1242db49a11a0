"""The configuration from variables: keys, lists, tables, secrets; and what only looks like one."""

from __future__ import annotations

import json
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from monitor.config import load_settings
from monitor.config.environment import variable
from monitor.config.keys import TABLES
from monitor.config.source import ConfigSource
from monitor.model.secret import Secret
from monitor.model.settings import ConfigError, Problem, Settings

PREFIX = "EGRESS_MONITOR_"


def load(text: str = "", **variables: str) -> Settings:
    environ = {PREFIX + name: value for name, value in variables.items()}
    return load_settings(ConfigSource("text", text=text), environ)


def problems(text: str = "", **variables: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load(text, **variables)
    return {p.key.removeprefix(PREFIX): f"{p.what}; {p.remediation}" for p in caught.value.problems}


INJECTED = {
    "SERVICE_HOST": "10.0.0.1",
    "SERVICE_PORT": "9242",
    "SERVICE_PORT_HTTP": "9242",
    "PORT": "tcp://10.0.0.1:9242",
    "PORT_9242_TCP": "tcp://10.0.0.1:9242",
    "PORT_9242_TCP_PROTO": "tcp",
    "PORT_9242_TCP_PORT": "9242",
    "PORT_9242_TCP_ADDR": "10.0.0.1",
    "WEB_SERVICE_HOST": "10.0.0.2",
    "WEB_PORT": "tcp://10.0.0.2:80",
    "LOG_PORT_514_UDP_ADDR": "10.0.0.3",
    "MQTT_SERVICE_PORT_WEB_SOCKET": "443",
    "NAME": "/web/egress-monitor",
    "ENV_PATH": "/usr/bin",
}


def test_variables_that_an_orchestrator_injects_change_nothing() -> None:
    assert load(**INJECTED) == load()


def test_unknown_variables_are_ignored_and_listed() -> None:
    settings = load(IMAGE_TAG="0.2.0", PORT="9242", HELM_CHART__VALUES="x")
    assert set(settings.ignored_variables) == {
        f"{PREFIX}IMAGE_TAG",
        f"{PREFIX}PORT",
        f"{PREFIX}HELM_CHART__VALUES",
    }


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SCHEDULE__INTERVALL", "SCHEDULE__INTERVAL"),
        ("PROFIL", "PROFILE"),
        ("WEB__TOKN", "WEB__TOKEN"),
        ("WEB_LISTEN", "WEB__LISTEN"),
    ],
)
def test_a_misspelled_variable_is_a_problem(name: str, meant: str) -> None:
    assert problems(**{name: "x"})[name].endswith(f"did you mean {PREFIX}{meant}?")


def test_every_secret_comes_from_a_variable_and_is_never_shown() -> None:
    text = '[proxy]\nmode = "config"\nhttps = "http://proxy.test:3128"\nusername = "u"\n'
    settings = load(
        text,
        PROXY__PASSWORD="hunter2-proxy",
        WEB__USERNAME="me",
        WEB__PASSWORD="hunter2-page\n",
        WEB__TOKEN="hunter2-token",
        MQTT__URL="mqtts://broker.test",
        MQTT__USERNAME="m",
        MQTT__PASSWORD="hunter2-mqtt",
        REMOTE_WRITE__1__URL="https://a.test/write",
        REMOTE_WRITE__1__USERNAME="w",
        REMOTE_WRITE__1__PASSWORD="hunter2-write",
        REMOTE_WRITE__2__URL="https://b.test/write",
        REMOTE_WRITE__2__BEARER_TOKEN="hunter2-bearer",
        REMOTE_WRITE__2__HEADER_SECRETS='{"X-Api-Key" = "hunter2-header"}',
    )
    assert settings.proxy.password == Secret("hunter2-proxy")
    assert (settings.web.password, settings.web.token) == (
        Secret("hunter2-page"),
        Secret("hunter2-token"),
    )
    assert settings.mqtt is not None
    assert settings.mqtt.password == Secret("hunter2-mqtt")
    first, second = settings.remote_write
    assert first.password == Secret("hunter2-write")
    assert second.bearer_token == Secret("hunter2-bearer")
    assert second.header_secrets == (("X-Api-Key", Secret("hunter2-header")),)
    assert "hunter2" not in repr(settings)


def test_a_variable_s_secret_comes_before_a_file_that_is_not_there() -> None:
    settings = load('[web]\ntoken_file = "/nowhere/token"\n', WEB__TOKEN="t0ken")
    assert settings.web.token == Secret("t0ken")
    assert settings.web.token_file is None


def test_lists_and_tables_come_from_variables() -> None:
    settings = load(
        SCM="git.example.com, https://gl.example.com",
        REGISTRIES='["ghcr.io", "quay.io"]',
        DNS__SERVERS="10.0.0.2,[fd00::53]:5353",
        ENDPOINT='[{ id = "a", host = "a.test" }, { id = "b", host = "b.test", port = 8443 }]',
        ENDPOINT__3__ID="c",
        ENDPOINT__3__HOST="c.test",
        ENDPOINT__2__PORT="9443",
        GROUPS="{ jetbrains = { enabled = false } }",
        GROUPS__VSCODE__REQUIRED="false",
        TARGETS__AWS_STS__TIMEOUT="2s",
        REMOTE_WRITE__1__URL="https://a.test/write",
        REMOTE_WRITE__1__HEADERS='{ X-Scope-OrgID = "7" }',
        REMOTE_WRITE__1__EXTERNAL_LABELS='{ site = "a", "team" = "b" }',
    )
    own = {e.id: e for e in settings.endpoints}
    assert {"a", "b", "c"} <= own.keys()
    assert own["b"].port == 9443
    assert settings.groups["jetbrains"].enabled is False
    assert settings.groups["vscode"].required is False
    assert settings.targets["aws-sts"].timeout == 2.0
    assert settings.remote_write[0].headers == (("X-Scope-OrgID", "7"),)
    assert settings.remote_write[0].external_labels == (("site", "a"), ("team", "b"))
    assert settings.dns.servers == ("10.0.0.2", "[fd00::53]:5353")


def test_a_variable_adds_to_what_the_text_says() -> None:
    text = '[[remote_write]]\nurl = "https://a.test/w"\nname = "a"\n[web]\nopen_metrics = true\n'
    settings = load(text, REMOTE_WRITE__1__BEARER_TOKEN="t0ken", WEB__TOKEN="x", LOG__LEVEL="DEBUG")
    assert settings.remote_write[0].name == "a"
    assert settings.remote_write[0].bearer_token == Secret("t0ken")
    assert settings.web.open_metrics
    assert settings.log.level == "debug"


WRONG = {
    ("REMOTE_WRITE__2__URL", "https://a.test/write"): ("REMOTE_WRITE__2__URL", "leaves a gap"),
    ("REMOTE_WRITE", "https://hunter2.test"): ("REMOTE_WRITE", "not a TOML value"),
    ("REMOTE_WRITE", '"hunter2"'): ("REMOTE_WRITE", "not a list of tables"),
    ("GROUPS", '["hunter2"]'): ("GROUPS", "not a table of tables"),
    ("ENDPOINT", '[{id="hunter2"}]\nfoo = 1'): ("ENDPOINT", "not a TOML value"),
    ("ENDPOINT", "[" * 5_000): ("ENDPOINT", "not a TOML value"),
    ("ENDPOINT", '[{ id = "x", host = "bad_host!" }]'): ("ENDPOINT", "not a valid host name"),
    ("SCHEDULE__INTERVAL", "hunter2@"): ("SCHEDULE__INTERVAL", "not a valid duration"),
    ("REMOTE_WRITE__1__PASSWORD", "hunter2"): ("remote_write[1].url", "it is missing"),
    ("WEB__PASSWORD", "hunter2"): ("web.username", "it is missing"),
    ("TARGETS__NOPE__ENABLED", "true"): ("targets.nope", "there is no such target"),
}


@pytest.mark.parametrize("given", WRONG)
def test_a_wrong_variable_is_named_and_its_value_not_repeated(given: tuple[str, str]) -> None:
    key, words = WRONG[given]
    found = problems(**dict([given]))
    assert words in found[key], found
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("header", ["Authorization", "Content-Type", "a b", "x\r\ny"])
def test_a_secret_header_that_may_not_be_set_is_refused(header: str) -> None:
    found = problems(
        REMOTE_WRITE__1__URL="https://a.test/write",
        REMOTE_WRITE__1__HEADER_SECRETS=f"{{ {json.dumps(header)} = 'hunter2' }}",
    )
    assert list(found) == ["REMOTE_WRITE__1__HEADER_SECRETS"]
    assert "hunter2" not in str(found)


def test_files_that_are_not_there_yet_can_be_waited_for(tmp_path: Path) -> None:
    text = f"""
    [tls]
    ca_file = "{tmp_path}/ca.pem"
    [web]
    username = "me"
    password_file = "{tmp_path}/password"
    [mqtt]
    url = "mqtts://broker.test"
    ca_file = "{tmp_path}/mqtt.pem"
    [[remote_write]]
    url = "https://a.test/write"
    bearer_token_file = "{tmp_path}/token"
    [[remote_write]]
    url = "https://b.test/write"
    """
    source = ConfigSource("text", text=text)
    with pytest.raises(ConfigError) as caught:
        load_settings(source, {})
    assert {p.key for p in caught.value.problems} == {
        "tls.ca_file", "web.password_file", "mqtt.ca_file", "remote_write[1].bearer_token_file",
    }  # fmt: skip
    settings = load_settings(source, {}, wait_for_files=True)
    waiting = {missing.key: missing for missing in settings.missing_files}
    assert waiting.keys() == {p.key for p in caught.value.problems}
    assert waiting["tls.ca_file"].path == tmp_path / "ca.pem"
    assert waiting["tls.ca_file"].reason == "no such file or directory"
    assert settings.mqtt is None, "it must not connect without its CA"
    assert [write.name for write in settings.remote_write] == ["b.test"]
    assert settings.web.token is not None, "the page must not be open meanwhile"
    for name in ("ca.pem", "mqtt.pem"):
        (tmp_path / name).write_text("no certificate")
    with pytest.raises(ConfigError):
        load_settings(source, {}, wait_for_files=True)


def test_a_secret_in_the_place_of_a_path_is_not_waited_for() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(
            ConfigSource("text", text='[web]\ntoken_file = "hunter2"\n'), {}, wait_for_files=True
        )
    assert "hunter2" not in str(caught.value)


ODD = ["1", "true", "0s", "[]", "{}", "[{}]", '[{ id = "a" }]', "{ a = {} }", "\0", "/"]
NAMES = [
    variable(table.replace("[]", "__1").replace(".*", "__X"), key.name).removeprefix(PREFIX)
    for table, keys in TABLES.items()
    for key in keys
]
NAMES += ["ENDPOINT", "REMOTE_WRITE", "GROUPS", "TARGETS", "WEB__TOKEN", "ENDPOINT__1__ID"]
NAMES += ["REMOTE_WRITE__1__HEADER_SECRETS", "REMOTE_WRITE__2__URL", "TARGETS____ENABLED", "__"]


@hypothesis.settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(NAMES), st.one_of(st.text(max_size=40), st.sampled_from(ODD)), max_size=8
    )
)
def test_whatever_variables_hold_settings_or_problems_come_of_it(variables: dict[str, str]) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        load(**variables)
    except ConfigError as error:
        problems = error.problems
    assert all(p.file and p.key and p.what and p.remediation for p in problems)
