"""The catalogue and the configuration become targets as the overrides say."""

from dataclasses import replace
from pathlib import Path

import pytest

from monitor.catalog import build_targets
from monitor.model.endpoint import Endpoint, Expectation, Profile, Protocol, Source, StatusSet
from monitor.model.identity import FARGATE, Identity
from monitor.model.settings import (
    AmiSettings,
    DnsSettings,
    GroupSettings,
    ScheduleSettings,
    Settings,
    TargetSettings,
)
from monitor.model.target import Launch, Target

SETTINGS = Settings(source=Path("config.toml"), region="eu-central-1", account_id="123456789012")
HERE = Identity()


def targets(settings: Settings = SETTINGS, identity: Identity = HERE) -> dict[str, Target]:
    return {t.id: t for t in build_targets(settings, identity)}


def test_templates_are_filled() -> None:
    found = targets()
    assert found["aws-sts"].host == "sts.eu-central-1.amazonaws.com"
    assert found["aws-ecr"].host == "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
    assert [t.id for t in found.values() if t.missing_values] == []


def test_what_nobody_knows_is_named_and_left_as_written() -> None:
    found = targets(replace(SETTINGS, account_id=""))
    assert found["aws-ecr"].missing_values == ("account_id",)
    assert found["aws-ecr"].host == "{account_id}.dkr.ecr.eu-central-1.amazonaws.com"
    assert found["aws-ec2"].missing_values == ()


def test_identity_fills_what_the_configuration_leaves_open() -> None:
    settings = replace(SETTINGS, account_id="", region="")
    found = targets(settings, Identity(region="us-west-2", account_id="999999999999"))
    assert found["aws-ecr"].host == "999999999999.dkr.ecr.us-west-2.amazonaws.com"


@pytest.mark.parametrize(
    ("profile", "present", "absent"),
    [
        (Profile.STANDARD, "gateway-us01", "aws-acm"),
        (Profile.ENTERPRISE, "aws-acm", "gateway-us01"),
    ],
)
def test_the_profile_chooses_the_rows(profile: Profile, present: str, absent: str) -> None:
    found = targets(replace(SETTINGS, profile=profile))
    assert present in found
    assert absent not in found


def test_target_beats_group_beats_schedule() -> None:
    settings = replace(
        SETTINGS,
        schedule=ScheduleSettings(interval=60.0, timeout=7.0),
        groups={"vscode": GroupSettings(interval=120.0, timeout=20.0, required=False)},
        targets={"vscode-unpkg": TargetSettings(interval=300.0, required=True)},
    )
    found = targets(settings)
    assert (found["app-ona-com"].interval, found["app-ona-com"].timeout) == (60.0, 7.0)
    gallery, unpkg = found["vscode-gallerycdn"], found["vscode-unpkg"]
    assert (gallery.interval, gallery.timeout, gallery.endpoint.required) == (120.0, 20.0, False)
    assert (unpkg.interval, unpkg.timeout, unpkg.endpoint.required) == (300.0, 20.0, True)


def test_a_target_of_a_group_that_is_off_can_be_on() -> None:
    settings = replace(
        SETTINGS,
        groups={"jetbrains": GroupSettings(enabled=False)},
        targets={"jetbrains-download": TargetSettings(enabled=True)},
    )
    assert [t.id for t in targets(settings).values() if t.group == "jetbrains"] == [
        "jetbrains-download"
    ]
    everything = build_targets(settings, HERE, include_disabled=True)
    assert sum(t.group == "jetbrains" and not t.endpoint.enabled for t in everything) == 3


def test_every_part_of_a_target_can_be_overridden() -> None:
    expect = Expectation(StatusSet(((204, 204),)))
    override = TargetSettings(
        host="x.{region}.example", port=8443, path="/p/{account_id}", method="HEAD",
        expect=expect, address="127.0.0.1", connect_port=10443,
    )  # fmt: skip
    target = targets(replace(SETTINGS, targets={"vscode-unpkg": override}))["vscode-unpkg"]
    assert (target.host, target.port, target.dial_port) == ("x.eu-central-1.example", 8443, 10443)
    assert (target.endpoint.path, target.endpoint.method) == ("/p/123456789012", "HEAD")
    assert (target.endpoint.expect, target.address) == (expect, "127.0.0.1")
    assert target.endpoint.wildcard == "*.vscode-unpkg.net"


ON = {"ami_access": GroupSettings(enabled=True)}


def test_amis_are_off_until_asked_for_and_seldom_then() -> None:
    assert "ami-ec2-runner" not in targets()
    found = targets(replace(SETTINGS, groups=ON))["ami-ec2-runner"]
    assert (found.interval, found.timeout) == (3600.0, 20.0)
    sooner = {"ami_access": GroupSettings(enabled=True, interval=600.0)}
    assert targets(replace(SETTINGS, groups=sooner))["ami-ec2-runner"].interval == 600.0


def test_a_dry_run_is_made_where_the_configuration_says_else_where_we_are() -> None:
    here = Identity(subnet_id="subnet-00000001")
    settings = replace(SETTINGS, groups=ON)
    launch = targets(settings, here)["ami-ec2-runner"].launch
    assert launch == Launch("eu-central-1", "subnet-00000001", "t3.micro")
    settings = replace(settings, ami=AmiSettings("subnet-00000002", "m6i.large"))
    launch = targets(settings, here)["ami-ec2-runner"].launch
    assert launch == Launch("eu-central-1", "subnet-00000002", "m6i.large")
    assert targets(settings, here)["aws-ec2"].launch is None


def test_without_a_region_no_ami_is_asked_for_wherever_ec2_is() -> None:
    moved = {"ami-ec2-runner": TargetSettings(host="vpce-1.ec2.example")}
    settings = replace(SETTINGS, region="", groups=ON, targets=moved)
    for name in ("ami-ec2-runner", "ami-bottlerocket-ecs"):
        assert targets(settings)[name].missing_values == ("region",)


def test_extra_registries_are_off_until_they_are_named() -> None:
    assert "registry-ghcr" not in targets()
    found = targets(replace(SETTINGS, registries=("GHCR.io", "registry.corp.example:5000")))
    assert found["registry-ghcr"].endpoint.enabled
    added = found["registry-registry-corp-example-5000"]
    assert (added.group, added.host, added.port) == (
        "extra_registries",
        "registry.corp.example",
        5000,
    )
    assert added.endpoint.path == "/v2/"
    assert 401 in added.endpoint.expect.statuses
    assert 403 not in added.endpoint.expect.statuses
    assert added.endpoint.source is Source.CONFIG
    assert "registry-docker-hub" not in found


def test_the_users_endpoints_are_added() -> None:
    mine = Endpoint(
        "scm-git", "scm", "git.corp.example", 22, Protocol.TCP, "tcp", source=Source.CONFIG
    )
    settings = replace(
        SETTINGS, endpoints=(mine,), groups={"scm": GroupSettings(interval=15.0, timeout=3.0)}
    )
    assert targets(settings)["scm-git"] == Target(mine, 15.0, 3.0)


def test_each_name_server_in_use_is_asked_for_a_host_of_the_management_plane() -> None:
    found = build_targets(SETTINGS, HERE, ("10.0.0.2:53", "[fd00:ec2::253]:5353"))
    first, second = found[-2:]
    assert (first.id, first.group, first.host, first.port) == (
        "dns-10.0.0.2",
        "resolver",
        "10.0.0.2",
        53,
    )
    assert (first.endpoint.protocol, first.endpoint.query) == (Protocol.DNS, "app.gitpod.io")
    assert first.endpoint.source is Source.DERIVED
    assert not first.endpoint.required
    assert (second.id, second.host, second.port) == ("dns-fd00:ec2::253", "fd00:ec2::253", 5353)


def test_name_servers_on_one_address_keep_apart() -> None:
    servers = ("127.0.0.1:5301", "127.0.0.1:5302", "127.0.0.1:5301")
    found = build_targets(SETTINGS, HERE, servers)
    assert [t.id for t in found if t.group == "resolver"] == [
        "dns-127.0.0.1-5301",
        "dns-127.0.0.1-5302",
    ]


def test_name_servers_are_asked_for_a_name_that_is_in_use() -> None:
    settings = replace(SETTINGS, targets={"app-gitpod-io": TargetSettings(enabled=False)})
    assert build_targets(settings, HERE, ("10.0.0.2:53",))[-1].endpoint.query == "app.ona.com"


def test_name_servers_can_be_left_out() -> None:
    settings = replace(SETTINGS, dns=DnsSettings(probe_servers=False))
    found = build_targets(settings, HERE, ("10.0.0.2:53",), include_disabled=True)
    assert [t for t in found if t.group == "resolver"] == []


def test_the_group_of_name_servers_can_be_overridden() -> None:
    settings = replace(SETTINGS, groups={"resolver": GroupSettings(required=True, interval=11.0)})
    last = build_targets(settings, HERE, ("10.0.0.2:53",))[-1]
    assert (last.endpoint.required, last.interval) == (True, 11.0)


def test_ids_are_unique_with_everything_on() -> None:
    settings = replace(SETTINGS, registries=("ghcr.io", "r.example", "r.example"))
    ids = [t.id for t in build_targets(settings, HERE, ("10.0.0.2:53",), include_disabled=True)]
    assert len(ids) == len(set(ids))


def test_a_task_on_fargate_has_no_instance_metadata_to_probe() -> None:
    there = replace(HERE, launch_type=FARGATE)
    probed = {t.id for t in build_targets(SETTINGS, there)}
    assert {t.id for t in build_targets(SETTINGS, HERE)} - probed == {"instance-metadata"}
    everything = build_targets(SETTINGS, there, include_disabled=True)
    shown = next(t.endpoint for t in everything if t.id == "instance-metadata")
    assert not shown.enabled
    assert shown.note.startswith("Not applicable: a task on Fargate")


def test_who_wants_it_probed_on_fargate_all_the_same_can_say_so() -> None:
    settings = replace(SETTINGS, targets={"instance-metadata": TargetSettings(enabled=True)})
    there = replace(HERE, launch_type=FARGATE)
    assert "instance-metadata" in {t.id for t in build_targets(settings, there)}
