"""Where the configuration comes from, and what is no text of one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from monitor.config import load_settings, source
from monitor.config.source import ConfigSource, find_source
from monitor.model.endpoint import Profile
from monitor.model.settings import ConfigError, Settings

ENTERPRISE = 'profile = "enterprise"\n'
TELEGRAF = '[agent]\ninterval = "10s"\n[[inputs.cpu]]\npercpu = true\n'


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty folder, with a place for the system's configuration beside it."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    path = tmp_path / "etc.toml"
    monkeypatch.setattr(source, "PLACES", (Path("config.toml"), path))
    return path


def problem(found: Path | ConfigSource) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(found, {})
    (told,) = caught.value.problems
    return str(told)


def test_the_first_of_argument_variables_and_files_is_taken(etc: Path) -> None:
    assert find_source(None, {}).name == source.DEFAULTS
    etc.touch()
    assert find_source(None, {}).path == etc
    Path("config.toml").touch()
    assert find_source(None, {}).path == Path("config.toml")
    text = find_source(None, {source.TEXT_VARIABLE: ENTERPRISE})
    assert (text.name, text.path) == (source.TEXT_VARIABLE, None)
    assert find_source(None, {source.PATH_VARIABLE: "/a.toml"}).path == Path("/a.toml")
    both = {source.PATH_VARIABLE: "/a.toml", source.TEXT_VARIABLE: ENTERPRISE}
    assert find_source("/b.toml", both).path == Path("/b.toml")
    with pytest.raises(ConfigError, match="both"):
        find_source(None, both)
    assert find_source(None, {source.TEXT_VARIABLE: ""}).path == Path("config.toml")


def test_without_a_file_the_defaults_apply(etc: Path) -> None:
    settings = load_settings(find_source(None, {}), {})
    assert settings == Settings(Path(source.DEFAULTS))


def test_the_whole_text_comes_from_a_variable(etc: Path) -> None:
    environ = {source.TEXT_VARIABLE: ENTERPRISE, "EGRESS_MONITOR_REGION": "eu-west-1"}
    settings = load_settings(find_source(None, environ), environ)
    assert (settings.profile, settings.region) == (Profile.ENTERPRISE, "eu-west-1")


def test_a_problem_in_the_variable_is_named_and_its_text_not_repeated(etc: Path) -> None:
    environ = {source.TEXT_VARIABLE: 'profile = "hunter2'}
    told = problem(find_source(None, environ))
    assert told.startswith(f"{source.TEXT_VARIABLE}: (syntax): ")
    assert "hunter2" not in told
    assert "hunter2" not in repr(find_source(None, environ))


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b"\xef\xbb\xbf" + ENTERPRISE.encode())
    assert load_settings(path, {}).profile is Profile.ENTERPRISE


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_named(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(ENTERPRISE.encode(codec))
    assert "UTF-8" in problem(path) or "(syntax)" in problem(path)
    if codec == "utf-16":
        assert "it is UTF-16" in problem(path)


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5_000,
        "a = " + "[" * 5_000 + "]" * 5_000,
        "a = " + "{b = " * 5_000,
        "[" + ".".join("a" * 5_000) + "]\nb = 1",
        ".".join("a" * 20_000) + " = 1",
        "[[endpoint]]\nid = " + "[" * 900 + "]" * 900,
        "headers = " + "{a=" * 300 + "1" + "}" * 300,
    ],
    ids=range(7),
)
def test_deep_nesting_is_a_problem_and_no_traceback(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path, {})
    assert all(len(str(told)) < 500 for told in caught.value.problems)


def test_a_file_without_end_is_a_problem() -> None:
    assert "larger than 4 MiB" in problem(Path("/dev/zero"))


def test_a_directory_and_a_file_without_permission_are_problems(tmp_path: Path) -> None:
    assert "is a directory" in problem(tmp_path)
    if os.geteuid() != 0:
        path = tmp_path / "c.toml"
        path.touch(mode=0)
        assert "permission denied" in problem(path)


OTHERS = {
    TELEGRAF: "Telegraf",
    'baseURL = "https://example.org/"\nlanguageCode = "en"\ntitle = "x"\n': "Hugo",
    'concurrent = 4\n[[runners]]\nname = "x"\n': "GitLab Runner",
    'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n': "containerd",
    '[build]\nrustflags = ["-C"]\n[target.x86_64]\nlinker = "clang"\n': "Cargo",
    'proxy_app = "tcp://127.0.0.1:26658"\nmoniker = "node"\n[p2p]\n': "CometBFT",
    '[sources.in]\ntype = "file"\n[sinks.out]\ntype = "console"\n': "Vector",
    "colour = 7\nsmell = 1\n": "not a configuration of Egress Monitor",
}


@pytest.mark.parametrize("text", OTHERS)
def test_a_file_of_another_program_is_passed_over_and_named(etc: Path, text: str) -> None:
    Path("config.toml").write_text(text)
    found = find_source(None, {})
    assert found.name == source.DEFAULTS
    assert found.passed_over.startswith("config.toml: ")
    assert OTHERS[text] in found.passed_over
    etc.write_text(ENTERPRISE)
    assert find_source(None, {}).path == etc
    assert OTHERS[text] in problem(Path("config.toml")), "it was asked for"


@pytest.mark.parametrize(
    "text",
    ["", "# nothing\n", ENTERPRISE, 'profil = "standard"\n', '[shedule]\ninterval = "1s"\n',
     'interval = "30s"\n', '[web]\nlisten = "x"\n[agent]\ny = 1\n', "profile = [", "\0"],
)  # fmt: skip
def test_a_file_of_ours_is_never_passed_over_whatever_is_wrong_with_it(
    etc: Path, text: str
) -> None:
    Path("config.toml").write_text(text)
    assert find_source(None, {}).path == Path("config.toml")
