"""The daemon as a process on the whole catalogue: all green, and each server's end named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.internet.process import accepts, program, running, stop, wait_until
from tests.internet.prometheus import prometheus
from tests.internet.whole import Internet, whole_internet

Shown = dict[str, dict[str, object]]


@pytest.fixture
def internet(tmp_path: Path) -> Iterator[Internet]:
    with whole_internet(tmp_path) as started:
        yield started


@contextmanager
def monitor(internet: Internet, config: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    path = config or internet.config()
    command = [sys.executable, "-m", "monitor", "run", "--config", str(path)]
    log = internet.folder / "monitor.log"
    port = int(internet.url("").rpartition(":")[2])
    with running(command, log, lambda: accepts(port), env=environment()) as process:
        yield process


def environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "EGRESS_"))}


def get(internet: Internet, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(internet.url(path), timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def targets(internet: Internet) -> Shown:
    document = json.loads(get(internet, "/api/v1/targets")[1])
    return {target["id"]: target for target in document["targets"]}


def wait_for(
    internet: Internet, holds: Callable[[Shown], bool], seconds: float, what: str
) -> tuple[Shown, float]:
    """Wait until the targets are as wanted; returns them and how long it took."""
    started = time.monotonic()
    while not holds(shown := targets(internet)):
        if time.monotonic() - started > seconds:
            stand = Counter((t["state"], t["cause"], t["detail"]) for t in shown.values())
            raise AssertionError(f"not within {seconds} s: {what}: {stand.most_common(5)}")
        time.sleep(0.05)
    return shown, time.monotonic() - started


def all_up(shown: Shown) -> bool:
    return all(target["state"] == "up" for target in shown.values())


def down(shown: Shown) -> set[str]:
    return {name for name, target in shown.items() if target["state"] == "down"}


def causes(shown: Shown) -> set[object]:
    return {target["cause"] for target in shown.values() if target["state"] == "down"}


def test_all_targets_go_green_and_a_real_prometheus_has_one_probe_success_a_target(
    internet: Internet,
):
    with monitor(internet):
        shown, _ = wait_for(internet, all_up, 40, "all up")
        assert len(shown) == len(internet.targets) + 1  # and the name server
        assert get(internet, "/healthz")[0] == get(internet, "/readyz")[0] == 200
        gateways = json.loads(get(internet, "/api/v1/gateways")[1])["gateways"]
        assert [g["name"] for g in gateways] == ["us01", "eu01"]
        assert [g["preferred"] for g in gateways].count(True) == 1
        metrics = get(internet, "/metrics")[1]
        check = [program("promtool"), "check", "metrics"]
        done = subprocess.run(check, input=metrics, capture_output=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, b"")
        assert {s["metric"]["target"]: s["value"][1] for s in scraped(internet)} == dict.fromkeys(
            shown, "1"
        )


def scraped(internet: Internet) -> list[dict[str, object]]:
    """What a real Prometheus has of probe_success after a scrape."""
    where = internet.url("").removeprefix("http://")
    found: list[dict[str, object]] = []

    def has_scraped() -> bool:
        found[:] = server.query("probe_success")
        return bool(found)

    with prometheus(internet.folder / "prometheus", {"egress": [where]}) as server:
        wait_until(has_scraped, "a scrape")
    return found


def scopes(internet: Internet) -> list[str]:
    incidents = json.loads(get(internet, "/api/v1/incidents")[1])["incidents"]
    return [incident["scope"] for incident in incidents]


def test_the_end_of_each_server_turns_exactly_its_targets_down(internet: Internet):
    with monitor(internet):
        everything, _ = wait_for(internet, all_up, 40, "all up")
        secure = {n for n, t in everything.items() if t["protocol"] in {"https", "tcp"}}
        lighthouses = {n for n, t in everything.items() if t["protocol"] == "udp"}

        stop(internet.nebula)
        shown, _ = wait_for(internet, lambda s: down(s) == lighthouses, 30, "nebula's down")
        assert causes(shown) == {"udp_port_unreachable"}

        stop(internet.nginx)
        shown, _ = wait_for(
            internet, lambda s: down(s) == secure | lighthouses, 40, "nginx's down too"
        )
        assert causes({n: shown[n] for n in secure}) == {"tcp_refused"}

        stop(internet.unbound.process)
        named = everything.keys() - {"instance-metadata"}
        shown, _ = wait_for(
            internet,
            lambda s: down(s) == named and causes(s) <= {"dns_unreachable", "udp_port_unreachable"},
            12,
            "all names' down",
        )
        wait_until(lambda: scopes(internet) == ["resolver"], "one incident, the resolver's")
        assert shown["instance-metadata"]["state"] == "up"


def test_sigterm_ends_it_within_5_s_and_leaves_nothing(internet: Internet):
    with monitor(internet) as process:
        wait_for(internet, lambda s: any(t["state"] == "up" for t in s.values()), 40, "some up")
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    assert time.monotonic() - started < 5
    port = int(internet.url("").rpartition(":")[2])
    assert not accepts(port)


def test_sighup_keeps_what_stayed_and_keeps_the_old_configuration_when_the_new_is_wrong(
    internet: Internet,
):
    path = internet.config()
    log = internet.folder / "monitor.log"
    with monitor(internet, path) as process:
        before, _ = wait_for(internet, all_up, 40, "all up")

        good = path.read_text()
        path.write_text(good + "\n[groups.jetbrains]\nenabled = false\n")
        process.send_signal(signal.SIGHUP)
        gone = {n for n, t in before.items() if t["group"] == "jetbrains"}
        after, _ = wait_for(internet, lambda s: s.keys() == before.keys() - gone, 40, "group gone")
        assert all(after[n]["since"] == before[n]["since"] for n in after)
        assert all(int(str(after[n]["probes"])) >= int(str(before[n]["probes"])) for n in after)

        path.write_text(good.replace("interval", "intervall") + "\nfoo = 1\n")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: b"the new one is wrong" in log.read_bytes(), "the error is logged")
        assert targets(internet).keys() == after.keys()
        assert b"egress_config_last_reload_successful 0.0" in get(internet, "/metrics")[1]

        path.write_text(good)
        process.send_signal(signal.SIGHUP)
        wait_for(internet, lambda s: s.keys() == before.keys() and all_up(s), 40, "all again")


def test_history_and_open_incidents_survive_a_restart(internet: Internet):
    path = internet.config()
    keep = internet.folder / "state"
    path.write_text(path.read_text() + f'\n[state]\ndirectory = "{keep}"\n')
    with monitor(internet, path) as process:
        wait_for(internet, all_up, 40, "all up")
        stop(internet.nebula)
        wait_for(internet, lambda s: len(down(s)) == 2, 40, "nebula's down")
        (before,) = json.loads(get(internet, "/api/v1/incidents")[1])["incidents"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    with monitor(internet, path):
        wait_for(internet, lambda s: len(down(s)) == 2 and len(s) - 2 == up(s), 40, "as before")
        (after,) = json.loads(get(internet, "/api/v1/incidents")[1])["incidents"]
    assert (after["id"], after["started_at"]) == (before["id"], before["started_at"])
    log = (internet.folder / "monitor.log").read_text()
    assert "incident opened" not in log
    assert "incident closed" not in log


def up(shown: Shown) -> int:
    return sum(target["state"] == "up" for target in shown.values())


def test_a_wrong_configuration_is_exit_status_2_and_nothing_is_started(internet: Internet):
    path = internet.config('profil = "x"')
    command = [sys.executable, "-m", "monitor", "run", "--config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert f"{path}: profil: there is no such key" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("form", ["text", "json"])
def test_check_says_yes_and_then_no(internet: Internet, form: str):
    command = [sys.executable, "-m", "monitor", "check", "--config", str(internet.config())]
    command += ["--format", form]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    stop(internet.nebula)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "udp_port_unreachable" in done.stdout
    if form == "json":
        document = json.loads(done.stdout)
        assert document["summary"]["down"] == 2
        assert [i["scope"] for i in document["incidents"]] == ["port"]
