"""Shards: each target has one owner, in even shares, and few move when a monitor is added."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from monitor.catalog import build_targets
from monitor.catalog.wildcard_samples import DiscoveryState
from monitor.config import load_settings
from monitor.model.discovery import UnlistedHost
from monitor.model.endpoint import Protocol
from monitor.model.identity import Identity
from monitor.model.settings import ConfigError, Settings, Shard
from monitor.scheduler.shard import owns, share_of

IDS = [f"target-{number}" for number in range(3000)]


def owner(target_id: str, count: int) -> int:
    (number,) = [n for n in range(1, count + 1) if owns(Shard(n, count), target_id)]
    return number


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_each_target_has_one_owner_and_the_shares_are_even(count: int):
    shares = Counter(owner(name, count) for name in IDS)
    assert set(shares) == set(range(1, count + 1))
    assert max(shares.values()) < 1.2 * len(IDS) / count


def test_one_monitor_more_takes_its_share_and_moves_nothing_else():
    moved = [name for name in IDS if owner(name, 4) != owner(name, 3)]
    assert {owner(name, 4) for name in moved} == {4}
    assert len(moved) < 0.3 * len(IDS)


def test_what_a_monitor_derives_itself_is_watched_by_every_monitor():
    host = UnlistedHost("a.example.com", 443, Protocol.HTTPS, ("app-ona-com",), 1.0, 2.0)
    found = DiscoveryState(hosts=(host,))
    targets = build_targets(Settings(Path("c")), Identity(), ("10.0.0.2:53",), found=found)
    shares = [share_of(targets, Shard(n, 3)) for n in (1, 2, 3)]
    derived = {"dns-10.0.0.2", "redirect-a.example.com"}
    assert sum(map(len, shares)) == len(targets) + 2 * len(derived)
    assert all(derived <= {t.id for t in share} for share in shares)
    assert share_of(targets, None) == targets


@pytest.mark.parametrize("text", ["3", "0/3", "4/3", "a/b", "1/1001", "-1/3"])
def test_what_is_no_shard_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "c.toml"
    path.write_text(f'shard = "{text}"')
    with pytest.raises(ConfigError) as caught:
        load_settings(path, {})
    assert [problem.key for problem in caught.value.problems] == ["shard"]


def test_a_shard_is_read(tmp_path: Path):
    path = tmp_path / "c.toml"
    path.write_text('shard = "2/3"')
    assert load_settings(path, {}).shard == Shard(2, 3)


def test_every_version_gives_a_target_the_same_owner():
    # Monitors of one fleet may have different versions during an upgrade.
    owners = [owner(name, 5) for name in ("app-gitpod-io", "aws-sts", "aws-ec2", "ec2", "s3")]
    assert owners == [1, 4, 4, 3, 3]
