"""The catalogue and docs/requirements.md say the same, in both directions.

Covers: monitor/catalog/groups.py
"""

from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import pytest

from monitor.catalog import build_targets, load_catalog
from monitor.model.endpoint import Endpoint, Profile
from monitor.model.identity import Identity
from monitor.model.settings import Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "requirements.md"
AMI_ACCESS = "ami_access"
MARKS = {"": frozenset(Profile), "S": {Profile.STANDARD}, "E": {Profile.ENTERPRISE}}


@dataclass(frozen=True)
class Row:
    id: str
    group: str
    as_required: str
    host: str
    port: str
    protocol: str
    path: str
    mark: str
    required: str


def table() -> list[Row]:
    return [Row(*cells) for cells in cells_below("| id | group | as required")]


def cells_below(header: str) -> list[list[str]]:
    """The rows of the table that begins with ``header``."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(header))
    rows = takewhile(lambda line: line.startswith("|"), lines[start + 2 :])
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]


def endpoints() -> list[Endpoint]:
    """The catalogue's rows but for the AMIs, which have a table of their own."""
    return [row for row in load_catalog() if row.group != AMI_ACCESS]


def need_of(endpoint: Endpoint) -> str:
    if not endpoint.enabled:
        return "when named"
    return "yes" if endpoint.required else "no"


def path_of(endpoint: Endpoint) -> str:
    return endpoint.path if endpoint.prober in {"http", "imds"} else ""


@pytest.mark.parametrize("profile", list(Profile))
def test_each_profile_lists_every_required_row_and_nothing_else(profile: Profile) -> None:
    documented = {
        (r.id, r.group, r.host, r.port, r.protocol, r.path, r.required)
        for r in table()
        if profile in MARKS[r.mark]
    }
    targets = build_targets(
        Settings(source=Path("config.toml"), profile=profile), Identity(), include_disabled=True
    )
    listed = {
        (t.id, t.group, t.host, str(t.port), str(t.endpoint.protocol), path_of(t.endpoint),
         need_of(t.endpoint))
        for t in targets
        if t.group != AMI_ACCESS
    }  # fmt: skip
    assert listed == documented
    assert len(targets) == len(listed) + len(cells_below("| id | owner"))


def test_the_amis_are_those_of_the_requirement_and_of_its_owners() -> None:
    documented = {(id_, owner, name) for id_, owner, name, _ in cells_below("| id | owner")}
    assert documented == {
        ("ami-bottlerocket-ecs", "149721548608", "bottlerocket-aws-ecs-1-x86_64*"),
        ("ami-ec2-runner", "995913728426", "gitpod/images/gitpod-next/ec2-runner-ami-*"),
    }
    rows = [row for row in load_catalog() if row.group == AMI_ACCESS]
    listed = {(row.id, *row.query.split("/", 1)) for row in rows}
    assert listed == documented
    for row in rows:
        assert (row.prober, row.host, row.enabled) == ("ami", "ec2.{region}.amazonaws.com", False)
        assert row.interval == 3600
        assert row.profiles == set(Profile)


def test_the_marks_are_those_of_the_table() -> None:
    marks = {row.id: MARKS[row.mark] for row in table()}
    assert {row.id: row.profiles for row in endpoints()} == marks


def test_a_wildcard_row_says_so_as_the_requirement_writes_it() -> None:
    required = {row.id: row.as_required for row in table() if "*" in row.as_required}
    assert {row.id: row.wildcard for row in load_catalog() if row.wildcard} == required


def test_a_row_without_wildcard_is_the_host_and_path_that_is_required() -> None:
    for row in table():
        host, _, path = row.as_required.partition("/")
        if "*" not in row.as_required:
            assert row.host == host, row.id
        if path and row.id != "registry-mcr":
            assert row.path == f"/{path}" or "*" in path, row.id


def test_a_stand_in_is_one_of_the_names_that_the_wildcard_covers() -> None:
    for row in load_catalog():
        if row.wildcard is None:
            continue
        whole = row.host if "/" not in row.wildcard else row.host + row.path
        before, _, after = row.wildcard.partition("*")
        assert whole.startswith(before), row.id
        assert whole.endswith(after), row.id
        assert row.note.startswith("Wildcard sample: "), row.id


def test_the_numbers_of_the_requirement() -> None:
    counts = {
        group: [r.group for r in table()].count(group) for group in {r.group for r in table()}
    }
    assert counts == {
        "management_plane": 2,
        "gateway": 4,
        "gateway_lighthouse": 4,
        "vscode": 7,
        "jetbrains": 4,
        "release_artifacts": 16,
        "container_registries": 3,
        "extra_registries": 4,
        "instance_metadata": 1,
        "aws_api": 11,
    }


def test_every_row_says_what_it_is_for() -> None:
    assert [row.id for row in load_catalog() if not row.note] == []


def test_a_403_never_counts_without_proof_that_the_service_said_it() -> None:
    unproven = [r.id for r in load_catalog() if 403 in r.expect.statuses and not r.expect.headers]
    assert unproven == []


def test_every_aws_api_has_to_show_its_request_id_or_challenge() -> None:
    proofs = {row.id: row.expect.headers for row in load_catalog() if row.group == "aws_api"}
    assert all("x-amzn-requestid" in headers for id_, headers in proofs.items() if id_ != "aws-ecr")
    assert "www-authenticate" in proofs["aws-ecr"]


def test_binaries_are_not_downloaded() -> None:
    large = [r for r in load_catalog() if r.path.endswith((".xz", ".vsix", "-amd64", "-arm64"))]
    assert len(large) == 8
    assert {row.method for row in large} == {"HEAD"}
