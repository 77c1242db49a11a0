"""The command line: arguments, the configuration's place, exit statuses, what is imported.

Covers: monitor/cli/parser.py, monitor/cli/selection.py, monitor/cli/validate.py
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from monitor import __version__
from monitor.cli import main as cli
from monitor.cli.options import Options
from monitor.config import source
from monitor.config.source import ConfigSource
from monitor.model.settings import ConfigError, Problem
from monitor.present.formats import Format

PROBLEM = Problem("config.toml", "profile", "it is 'basic'", 'write "standard" or "enterprise"')

Command = Callable[[Options], int]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Command], list[Options]]:
    """Put a function in the place of every command and return what it is called with."""

    def install(main: Command) -> list[Options]:
        calls: list[Options] = []

        def spy(options: Options) -> int:
            calls.append(options)
            return main(options)

        monkeypatch.setattr(cli, "import_module", lambda _: SimpleNamespace(main=spy))
        return calls

    return install


def raising(error: BaseException) -> Command:
    def main(_: Options) -> int:
        raise error

    return main


def test_arguments_become_options(command: Callable[[Command], list[Options]]) -> None:
    calls = command(lambda _: 1)
    arguments = ["check", "--config", "x.toml", "--format", "json"]
    assert cli.main([*arguments, "--only", "vscode", "--only", "aws-sts"]) == 1
    (options,) = calls
    assert options.config == ConfigSource("x.toml", Path("x.toml"))
    assert (options.format, options.only) == (Format.JSON, ("vscode", "aws-sts"))


@pytest.mark.parametrize("name", ["run", "check", "endpoints", "validate", "healthcheck"])
def test_every_command_is_there(name: str, command: Callable[[Command], list[Options]]) -> None:
    calls = command(lambda _: 0)
    assert cli.main([name]) == 0
    assert (calls[0].format, calls[0].only, calls[0].port) == (Format.TEXT, (), None)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["fly"],
        ["run", "--format", "json"],
        ["check", "--format", "xml"],
        ["healthcheck", "--port", "99999"],
        ["demo", "--every", "0"],
        ["demo", "--every", "nan"],
    ],
)
def test_arguments_that_make_no_sense_end_with_2(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    assert caught.value.code == 2
    assert capsys.readouterr().out == ""


def test_a_wrong_configuration_is_told_line_by_line(
    command: Callable[[Command], list[Options]], capsys: pytest.CaptureFixture[str]
) -> None:
    command(raising(ConfigError((PROBLEM, PROBLEM))))
    assert cli.main(["validate"]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"{PROBLEM}\n{PROBLEM}\n")


@pytest.mark.parametrize("name", ["check", "endpoints", "validate"])
def test_a_wrong_configuration_is_json_where_json_is_asked_for(
    name: str,
    command: Callable[[Command], list[Options]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    command(raising(ConfigError((PROBLEM,))))
    assert cli.main([name, "--format", "json"]) == 2
    captured = capsys.readouterr()
    (problem,) = json.loads(captured.out)["error"]["problems"]
    assert (problem["key"], problem["remediation"]) == (PROBLEM.key, PROBLEM.remediation)
    assert captured.err == ""


def test_an_interrupt_is_130(command: Callable[[Command], list[Options]]) -> None:
    command(raising(KeyboardInterrupt()))
    assert cli.main(["check"]) == 130


def test_a_foreign_configuration_is_named_and_the_defaults_are_used(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[[Command], list[Options]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(source, "PLACES", (Path("config.toml"),))
    Path("config.toml").write_text('[agent]\ninterval = "10s"\n[[inputs.cpu]]\n')
    calls = command(lambda _: 0)
    assert cli.main(["check"]) == 0
    assert calls[0].config == ConfigSource(source.DEFAULTS, passed_over=calls[0].config.passed_over)
    said = capsys.readouterr().err
    assert said == (
        "config.toml: it is a configuration of Telegraf (keys: agent, inputs); "
        "not used, configuration: (defaults)\n"
    )
    assert cli.main(["check", "--config", "config.toml"]) == 0
    assert calls[1].config.path == Path("config.toml")


def test_two_configurations_in_variables_are_one_problem_too_many(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EGRESS_MONITOR_CONFIG", "/a.toml")
    monkeypatch.setenv("EGRESS_MONITOR_CONFIG_TOML", "x = 1")
    assert cli.main(["validate"]) == 2
    assert capsys.readouterr().err.startswith("environment: EGRESS_MONITOR_CONFIG_TOML: both ")


def test_the_version_costs_no_heavy_import() -> None:
    code = (
        "import sys\n"
        "from monitor.cli.main import main\n"
        "try:\n    main(['--version'])\n"
        "finally:\n    print(sorted({'aiohttp', 'rich', 'asyncio', 'ssl'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"egress-monitor {__version__}", "[]"]


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "monitor", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"egress-monitor {__version__}\n"


def test_a_reader_that_went_away_is_no_traceback() -> None:
    code = (
        "import sys\nfrom types import SimpleNamespace\nfrom monitor.cli import main as cli\n"
        "def many(_):\n    print('x' * 1_000_000)\n    return 0\n"
        "cli.import_module = lambda _: SimpleNamespace(main=many)\n"
        "sys.exit(cli.main(['endpoints']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (141, b"")


def test_validate_warns_about_a_host_that_trusts_no_ca(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / "none"))
    assert cli.main(["validate"]) == 0
    assert "this host trusts no CA" in capsys.readouterr().out
