"""Requests to the firewall team: what is asked for, once each, and in forms that AWS takes."""

from __future__ import annotations

import csv
import io
import json
import shlex
from dataclasses import replace
from pathlib import Path

import botocore.session
import pytest
from botocore.validate import ParamValidator

from monitor.catalog import build_targets
from monitor.health.status import TargetStatus
from monitor.model.causes import Ask, Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.identity import Identity
from monitor.model.settings import Settings
from monitor.model.state import State
from monitor.model.target import Target
from monitor.present.firewall_request import Request, blocked, everything, write
from monitor.present.formats import FirewallFormat
from tests.probe_results import altered, probe_result, target

SETTINGS = Settings(source=Path("config.toml"), region="eu-central-1", account_id="123456789012")
TARGETS = {t.id: t for t in build_targets(SETTINGS, Identity(), ("10.0.0.2:53",))}


def down(name: str, cause: Cause, detail: str = "It is dropped.") -> TargetStatus:
    diagnosis = Diagnosis(cause, detail, "Open it.")
    return TargetStatus.of(TARGETS[name], State.DOWN, probe_result(name, ok=False), diagnosis)


def places(requests: tuple[Request, ...]) -> set[tuple[str, int, str]]:
    return {(r.destination, r.port, r.transport) for r in requests}


def test_everything_names_wildcards_as_required_and_both_transports_of_the_lighthouses():
    asked = places(everything(TARGETS.values()))
    assert ("*.cloudfront.net", 443, "tcp") in asked
    assert ("*.us01.gitpod.dev", 443, "tcp") in asked
    assert ("us01.gitpod.dev", 8443, "tcp") in asked
    for transport in ("udp", "tcp"):
        assert ("lighthouse.eu01.gitpod.dev", 4242, transport) in asked


def test_a_path_wildcard_is_its_host_and_a_host_is_asked_for_once():
    requests = everything(TARGETS.values())
    (vscode,) = [r for r in requests if r.destination == "update.code.visualstudio.com"]
    assert "vscode-server-x64" in vscode.targets
    assert len(places(requests)) == len(requests)


def test_no_firewall_is_asked_about_what_stays_in_the_subnet():
    asked = {r.destination for r in everything(TARGETS.values())}
    assert not asked & {"169.254.169.254", "10.0.0.2"}


HOST = "ec2.{region}.amazonaws.com"


def test_a_host_with_a_missing_value_is_requested_with_a_placeholder():
    unknown = target("aws", "aws_api", missing_values=("region",))
    unknown = replace(
        unknown, endpoint=replace(unknown.endpoint, host="ec2.{region}.amazonaws.com")
    )
    (request,) = everything([unknown])
    assert request.destination == "ec2.REGION.amazonaws.com"


def test_only_what_is_down_for_a_rule_of_somebodys_is_blocked():
    statuses = [
        down("app-gitpod-io", Cause.TLS_RESET_ON_HELLO),
        down("lighthouse-us01-udp", Cause.UDP_NO_REPLY),
        down("vscode-marketplace", Cause.HTTP_STATUS),
        altered(down("app-ona-com", Cause.TCP_TIMEOUT), state=State.DEGRADED),
        TargetStatus.of(
            TARGETS["registry-mcr"], State.UP, probe_result("registry-mcr"), Diagnosis(None)
        ),
        TargetStatus.of(TARGETS["aws-s3"], State.UNKNOWN),
    ]
    assert [(r.destination, r.ask) for r in blocked(statuses)] == [
        ("app.gitpod.io", Ask.ALLOW_NAME),
        ("lighthouse.us01.gitpod.dev", Ask.OPEN),
    ]


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause.record.ask])
def test_each_cause_that_a_rule_has_is_told_with_its_sentence(cause: Cause):
    text = write(blocked([down("app-ona-com", cause)]), FirewallFormat.TEXT, Identity())
    assert "app.ona.com TCP 443" in text
    assert f"{cause.value}: It is dropped." in text


def test_the_text_says_which_subnet_it_is_for():
    where = Identity(subnet_id="subnet-0a", vpc_id="vpc-0b", region="eu-central-1")
    text = write(everything(TARGETS.values()), FirewallFormat.TEXT, where)
    assert "(subnet-0a, vpc-0b, eu-central-1)" in text


@pytest.mark.parametrize("form", FirewallFormat)
def test_nothing_to_open_is_said(form: FirewallFormat):
    text = write((), form, Identity())
    assert text.endswith("\n")
    assert "Nothing has to be opened" in text or text.startswith("direction,")


def test_commands_of_aws_leave_out_what_no_rule_of_aws_mends():
    statuses = [
        down("app-ona-com", Cause.DNS_NXDOMAIN),
        down("app-gitpod-io", Cause.TLS_RESET_ON_HELLO),
    ]
    names = write(blocked(statuses), FirewallFormat.NETWORK_FIREWALL, Identity())
    assert "app.gitpod.io" in names
    assert "app.ona.com" not in names
    assert "# To be asked for elsewhere, see --firewall-request text: allow in DNS (1)." in names
    ports = write(blocked(statuses), FirewallFormat.SECURITY_GROUP, Identity())
    assert "allow in DNS (1), allow by name (1)." in ports


def test_the_csv_has_a_line_a_request_and_no_formula():
    hostile = down("app-ona-com", Cause.HTTP_BLOCKED_PAGE, '=HYPERLINK("http://x")')
    text = write(blocked([hostile]), FirewallFormat.CSV, Identity())
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["destination"], row["port"], row["direction"]) == ("app.ona.com", "443", "outbound")
    assert row["detail"].startswith("'=")


def arguments(text: str, option: str) -> list[object]:
    """The JSON behind each ``option`` of the commands, as a shell would hand it over."""
    words = shlex.split(text.replace("\\\n", " "), comments=True)
    return [json.loads(words[n + 1]) for n, word in enumerate(words) if word == option]


def assert_valid(service: str, operation: str, parameters: dict[str, object]) -> None:
    """Hold parameters against AWS's own description of the operation."""
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).input_shape
    report = ParamValidator().validate(parameters, shape)
    assert not report.has_errors(), report.generate_report()


def test_the_security_group_command_is_one_that_aws_takes():
    text = write(everything(TARGETS.values()), FirewallFormat.SECURITY_GROUP, Identity())
    (permissions,) = arguments(text, "--ip-permissions")
    assert isinstance(permissions, list)
    assert_valid(
        "ec2", "AuthorizeSecurityGroupEgress", {"GroupId": "sg-1", "IpPermissions": permissions}
    )
    opened = {(p["IpProtocol"], p["FromPort"], p["ToPort"]) for p in permissions}
    assert opened == {("tcp", 443, 443), ("tcp", 8443, 8443), ("tcp", 4242, 4242),
                      ("udp", 4242, 4242)}  # fmt: skip
    assert all(len(p["IpRanges"][0]["Description"]) <= 255 for p in permissions)


def test_the_network_firewall_commands_are_ones_that_aws_takes():
    text = write(everything(TARGETS.values()), FirewallFormat.NETWORK_FIREWALL, Identity())
    names, ports = arguments(text, "--rule-group")
    for group in (names, ports):
        assert_valid(
            "network-firewall",
            "CreateRuleGroup",
            {"RuleGroupName": "x", "Type": "STATEFUL", "Capacity": 100, "RuleGroup": group},
        )
    listed = names["RulesSource"]["RulesSourceList"]["Targets"]
    assert ".cloudfront.net" in listed
    assert "app.gitpod.io" in listed
    assert not any("*" in name for name in listed)
    rules = ports["RulesSource"]["StatefulRules"]
    assert {(r["Header"]["Protocol"], r["Header"]["DestinationPort"]) for r in rules} == {
        ("UDP", "4242"),
        ("TCP", "4242"),
    }


def test_an_address_that_the_user_named_is_no_domain():
    mine = replace(TARGETS["app-ona-com"].endpoint, host="198.51.100.7", id="mine", group="custom")
    text = write(everything([Target(mine, 30, 3)]), FirewallFormat.NETWORK_FIREWALL, Identity())
    assert "RulesSourceList" not in text
    assert '"DestinationPort": "443"' in text
