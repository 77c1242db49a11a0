"""Names that do not exist are told, with the nearest one that does."""

from dataclasses import replace
from pathlib import Path

import pytest

from monitor.catalog import check_names, check_schedules, load_catalog
from monitor.model.endpoint import Endpoint, Protocol
from monitor.model.settings import GroupSettings, ScheduleSettings, Settings, TargetSettings

SETTINGS = Settings(source=Path("config.toml"))


def test_what_exists_is_fine() -> None:
    ids = [row.id for row in load_catalog()]
    groups = {row.group for row in load_catalog()} | {"scm", "sso", "metrics", "resolver"}
    settings = replace(
        SETTINGS,
        groups={name: GroupSettings(required=False) for name in groups},
        targets={name: TargetSettings(enabled=False) for name in [*ids, "dns-10.0.0.2"]},
    )
    assert check_names(settings) == ()


def test_misspelt_names_get_the_nearest_one() -> None:
    settings = replace(
        SETTINGS,
        groups={"vs_code": GroupSettings()},
        targets={"aws-sst": TargetSettings(), "dns-corp": TargetSettings()},
    )
    problems = {p.key: p for p in check_names(settings)}
    assert problems["groups.vs_code"].remediation == 'did you mean "vscode"?'
    assert problems["targets.aws-sst"].remediation == 'did you mean "aws-sts"?'
    assert problems["targets.aws-sst"].file == "config.toml"
    assert "egress-monitor endpoints" in problems["targets.dns-corp"].remediation
    assert len(problems) == 3


@pytest.mark.parametrize(
    ("groups", "targets", "keys"),
    [
        ({"vscode": GroupSettings(timeout=30.0)}, {}, ["groups.vscode.timeout"]),
        ({"vscode": GroupSettings(timeout=29.9)}, {}, []),
        ({}, {"aws-sts": TargetSettings(interval=3.0)}, ["targets.aws-sts.timeout"]),
        (
            {"vscode": GroupSettings(timeout=40.0, interval=60.0)},
            {"vscode-unpkg": TargetSettings(interval=20.0)},
            ["targets.vscode-unpkg.timeout"],
        ),
    ],
)
def test_a_timeout_stays_below_the_interval(
    groups: dict[str, GroupSettings], targets: dict[str, TargetSettings], keys: list[str]
) -> None:
    settings = replace(SETTINGS, groups=groups, targets=targets)
    assert [p.key for p in check_schedules(settings)] == keys


def test_the_schedule_of_all_is_for_its_own_reader_to_tell() -> None:
    assert check_schedules(replace(SETTINGS, schedule=ScheduleSettings(5.0, 10.0))) == ()


def test_an_endpoint_cannot_take_an_id_of_the_catalogue() -> None:
    mine = Endpoint("aws-sts", "scm", "git.example", 443, Protocol.HTTPS, "http")
    (problem,) = check_names(replace(SETTINGS, endpoints=(mine,)))
    assert problem.key == "endpoints"
    assert "aws-sts" in problem.what
