"""What a runner behind a proxy would trip over is named, and nothing else."""

from __future__ import annotations

import pytest

from monitor.model.settings import ProxyMode, ProxySettings
from monitor.net.proxy.audit import REQUIRED_NO_PROXY, ProxyAudit, audit_proxies, missing_no_proxy
from monitor.net.proxy.rules import ProxyChooser

BOTH = {"HTTP_PROXY": "http://plain.corp:3128", "HTTPS_PROXY": "http://u:hunter2@secure.corp:3129"}
COMPLETE = ",".join(REQUIRED_NO_PROXY)


def chooser(environ: dict[str, str]) -> ProxyChooser:
    return ProxyChooser.from_settings(ProxySettings(), environ)


@pytest.mark.parametrize(
    ("no_proxy", "missing"),
    [
        ("", REQUIRED_NO_PROXY),
        ("*", ()),
        (",".join(REQUIRED_NO_PROXY), ()),
        ("internal,169.254.0.0/16,gitpod.io,amazonaws.com", ()),
        ("*.internal,*.amazonaws.com,app.gitpod.io,169.254.0.0/15", ()),
        (".internal,.gitpod.io,com,0.0.0.0/0", ()),
        # Networks count together; a part of one is not the whole.
        (".internal,app.gitpod.io,.amazonaws.com,169.254.0.0/17,169.254.128.0/17", ()),
        (
            ".internal,app.gitpod.io,.amazonaws.com,169.254.0.0/24,169.254.255.0/24",
            ("169.254.0.0/16",),
        ),
        (".internal,app.gitpod.io,.amazonaws.com,169.254.169.254", ("169.254.0.0/16",)),
        (".internal,app.gitpod.io,.amazonaws.com,::/0", ("169.254.0.0/16",)),
        # What covers less than the entry.
        ("compute.internal,app.gitpod.io,.amazonaws.com,169.254.0.0/16", (".internal",)),
        (".internal,.app.gitpod.io,.amazonaws.com,169.254.0.0/16", ("app.gitpod.io",)),
        (".internal,app.gitpod.io:443,.amazonaws.com,169.254.0.0/16", ("app.gitpod.io",)),
        (".internal,app.gitpod.io,s3.amazonaws.com,169.254.0.0/16", (".amazonaws.com",)),
        (".internal,app.gitpod.io,*amazonaws.com,169.254.0.0/16", (".amazonaws.com",)),
    ],
)
def test_the_audit_names_the_entries_that_nothing_covers(no_proxy: str, missing: tuple[str, ...]):
    assert missing_no_proxy(chooser({**BOTH, "NO_PROXY": no_proxy})) == missing


def test_without_a_proxy_nothing_is_missing():
    assert missing_no_proxy(chooser({})) == ()


def test_each_missing_entry_is_a_warning_of_its_own() -> None:
    found = audit_proxies(ProxySettings(), {**BOTH, "NO_PROXY": ".internal,169.254.0.0/16"})
    assert found == ProxyAudit(
        "plain.corp:3128", "secure.corp:3129", missing=("app.gitpod.io", ".amazonaws.com")
    )
    gitpod, aws = found.warnings
    assert gitpod.startswith("NO_PROXY lacks app.gitpod.io, ")
    assert aws.endswith("; add it to NO_PROXY")


def test_the_configurations_own_list_is_called_by_its_key() -> None:
    settings = ProxySettings(ProxyMode.CONFIG, https="http://p.corp:1", no_proxy="internal")
    found = audit_proxies(settings, BOTH)
    assert (found.http, found.https) == ("", "p.corp:1")
    assert [w.split(",")[0] for w in found.warnings] == [
        f"proxy.no_proxy lacks {entry}" for entry in REQUIRED_NO_PROXY[1:]
    ]


@pytest.mark.parametrize("settings", [ProxySettings(ProxyMode.NONE), ProxySettings()])
def test_where_no_proxy_is_in_use_there_is_nothing_to_say(settings: ProxySettings) -> None:
    environ = BOTH if settings.mode is ProxyMode.NONE else {}
    assert audit_proxies(settings, environ).warnings == ()


@pytest.mark.parametrize(
    ("environ", "name", "said"),
    [
        ({"ALL_PROXY": "http://a.corp:1"}, "ALL_PROXY", "requests by http and https go directly"),
        ({"all_proxy": "socks5://a.corp:1"}, "all_proxy", "set HTTP_PROXY and HTTPS_PROXY"),
        ({"ALL_PROXY": "x", "HTTPS_PROXY": "p:1"}, "ALL_PROXY", "requests by http go directly"),
        ({"ALL_PROXY": "x", "HTTP_PROXY": "p:1"}, "ALL_PROXY", "set HTTPS_PROXY"),
        # The runner's own deployment sets all four: nothing is lost then.
        ({**BOTH, "all_proxy": "http://a.corp:1"}, "", ""),
        ({"ALL_PROXY": ""}, "", ""),
    ],
)
def test_all_proxy_is_worth_a_word_where_go_would_miss_it(
    environ: dict[str, str], name: str, said: str
) -> None:
    found = audit_proxies(ProxySettings(), {**environ, "NO_PROXY": COMPLETE})
    assert found.ignored == name
    assert said in " ".join(found.warnings)
    assert len(found.warnings) == bool(name)


def test_a_configured_proxy_makes_no_fuss_about_all_proxy() -> None:
    settings = ProxySettings(ProxyMode.CONFIG, https="http://p.corp:1", no_proxy="*")
    assert audit_proxies(settings, {"ALL_PROXY": "http://a.corp:1"}).warnings == ()


def test_no_credential_is_in_anything_that_is_said() -> None:
    assert "hunter2" not in repr(audit_proxies(ProxySettings(), BOTH))
