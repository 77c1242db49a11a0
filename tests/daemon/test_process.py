"""The daemon's process: what is temporary is retried while probing goes on, and nothing else
ends it.

Covers: monitor/daemon/page_server.py, monitor/daemon/app.py
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.processes import QUIET, Daemon, daemon, endpoints, environment
from tests.internet.ca import Authority
from tests.internet.imds import metadata
from tests.internet.process import free_port, wait_until


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Daemon]:
    with daemon(tmp_path) as found:
        yield found


def reloads(monitor: Daemon) -> int:
    return len(monitor.lines("configuration reloaded"))


def targets(monitor: Daemon) -> set[str]:
    status, body = monitor.get("/api/v1/targets")
    return {t["id"] for t in json.loads(body)["targets"]} if status == 200 else set()


def log_time(monitor: Daemon, event: str) -> str:
    return str(monitor.lines(event)[0]["timestamp"])


def test_a_port_that_is_taken_is_waited_for_while_probing_goes_on(monitor: Daemon) -> None:
    with socket.create_server(("127.0.0.1", 0)) as local:
        monitor.configure(
            endpoints(1, local.getsockname()[1]) + '[log]\nlevel = "debug"\nformat = "json"\n'
        )
        with socket.create_server(("127.0.0.1", monitor.port)) as holder:
            monitor.start()
            monitor.wait(lambda: bool(monitor.log.exists()), "it logs")
            monitor.wait(lambda: "not listening yet" in monitor.said(), "the port is in use")
            monitor.wait(lambda: len(monitor.lines("probed")) > 1, "it probes")
            holder.close()
        monitor.wait_healthy()
        assert len(monitor.lines("not listening yet, trying again")) == 1
        assert (
            "address already in use"
            in monitor.lines("not listening yet, trying again")[0]["reason"].lower()
        )
        assert monitor.health()["problems"] == {}


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace takes root")
def test_an_address_that_is_not_there_yet_is_waited_for(monitor: Daemon) -> None:
    monitor.configure(listen=f"192.0.2.5:{monitor.port}")
    inside = "ip link set lo up; sleep 4; ip address add 192.0.2.5/32 dev lo; wait"
    command = " ".join(monitor.command)
    with monitor.log.open("wb") as output:
        monitor.process = subprocess.Popen(
            ["unshare", "--net", "--kill-child", "sh", "-c", f"{command} & {inside}"],
            env=environment(), stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        monitor.wait(lambda: bool(monitor.lines("listening at last")), "it listens", 40)
        assert (
            "cannot assign" in monitor.lines("not listening yet, trying again")[0]["reason"].lower()
        )
    finally:
        os.killpg(monitor.process.pid, signal.SIGTERM)


def test_a_certificate_that_is_not_there_yet_is_waited_for(monitor: Daemon, tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("monitor.test")
    chain, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    monitor.configure(endpoints(1, free_port()), web=f'cert_file = "{chain}"\nkey_file = "{key}"\n')
    monitor.start()
    monitor.wait(lambda: monitor.log.exists() and "waiting for files" in monitor.said(), "it waits")
    assert monitor.get("/healthz")[0] == 0, "nothing may be served without TLS"
    key.write_bytes(pair.key.read_bytes())
    chain.write_bytes(pair.chain.read_bytes())
    command = [*monitor.command[:-3], "healthcheck", "--config", str(monitor.config)]
    monitor.wait(
        lambda: subprocess.run(command, env=environment(), check=False).returncode == 0,
        "it serves by TLS",
    )


def test_secrets_that_are_not_there_yet_open_nothing(monitor: Daemon, tmp_path: Path) -> None:
    token = tmp_path / "token"
    monitor.configure(endpoints(1, free_port()), web=f'token_file = "{token}"\n')
    monitor.start()
    monitor.wait_healthy()
    assert monitor.health()["problems"] == {"files": "web.token_file: no such file or directory"}
    assert str(tmp_path) not in str(monitor.get("/healthz"))
    assert monitor.get("/metrics")[0] == 401
    token.write_text("t0ken\n")
    monitor.wait(
        lambda: monitor.get("/metrics", Authorization="Bearer t0ken")[0] == 200, "it opens"
    )
    assert monitor.health()["problems"] == {}
    assert monitor.get("/metrics")[0] == 401


def test_probing_waits_for_the_files_of_cas(monitor: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "late.pem"
    monitor.configure(f'[tls]\nca_file = "{file}"\n' + endpoints(1, free_port()))
    monitor.start()
    monitor.wait_healthy()
    assert targets(monitor) == set()
    file.write_bytes(Authority(tmp_path).file.read_bytes())
    monitor.wait(lambda: targets(monitor) == {"e0"}, "it probes")


def test_the_file_is_watched(monitor: Daemon) -> None:
    port = free_port()
    monitor.configure(endpoints(1, port))
    monitor.start()
    monitor.wait_healthy()
    monitor.configure(endpoints(2, port))
    monitor.wait(lambda: targets(monitor) == {"e0", "e1"}, "the change is applied")
    monitor.config.write_text("profile = [")
    monitor.wait(lambda: "configuration" in monitor.health()["problems"], "the mistake is shown")
    assert monitor.get("/healthz")[0] == 200
    assert targets(monitor) == {"e0", "e1"}
    monitor.config.unlink()
    monitor.wait(
        lambda: any(
            "no such file" in line["problem"]
            for line in monitor.lines("configuration kept: the new one is wrong")
        ),
        "the loss is logged",
    )
    monitor.configure(endpoints(3, port))
    monitor.wait(lambda: targets(monitor) == {"e0", "e1", "e2"}, "it is back")
    assert monitor.health()["problems"] == {}


def test_the_swap_of_a_config_map_is_a_change(monitor: Daemon, tmp_path: Path) -> None:
    port, volume = free_port(), tmp_path / "volume"
    volume.mkdir()

    def publish(number: int, count: int) -> None:
        """Do what the kubelet does: a new folder, and ..data renamed to it."""
        monitor.configure(endpoints(count, port))
        folder = volume / f"..{number}"
        folder.mkdir()
        (folder / "config.toml").write_text(monitor.config.read_text())
        (volume / "..data_tmp").symlink_to(folder.name)
        (volume / "..data_tmp").rename(volume / "..data")

    publish(1, 1)
    (volume / "config.toml").symlink_to("..data/config.toml")
    command = [*monitor.command[:-1], str(volume / "config.toml")]
    with monitor.log.open("wb") as output:
        monitor.process = subprocess.Popen(
            command, env=environment(), stdout=output, stderr=subprocess.STDOUT
        )
    monitor.wait_healthy()
    publish(2, 2)
    monitor.wait(lambda: targets(monitor) == {"e0", "e1"}, "the new configuration is in force")


def test_a_reload_moves_the_page(monitor: Daemon) -> None:
    monitor.start()
    monitor.wait_healthy()
    monitor.port = free_port()
    monitor.configure()
    assert monitor.process is not None
    monitor.process.send_signal(signal.SIGHUP)
    monitor.wait_healthy()


def test_a_second_monitor_leaves_the_state_directory_alone(tmp_path: Path) -> None:
    state = f'[state]\ndirectory = "{tmp_path}/state"\n'
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with daemon(tmp_path / "a") as first, daemon(tmp_path / "b") as second:
        first.configure(state)
        second.configure(state)
        first.start()
        first.wait_healthy()
        second.start()
        second.wait_healthy()
        assert "in use by another process" in second.health()["problems"]["state"]
        assert first.health()["problems"] == {}
        assert first.stop()[0] == 0
        second.stop()
        second.start()
        second.wait_healthy()
        assert second.health()["problems"] == {}


def test_a_replaced_monitor_takes_the_state_directory_over(tmp_path: Path) -> None:
    state = f'[state]\ndirectory = "{tmp_path}/state"\n'
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with daemon(tmp_path / "a") as first, daemon(tmp_path / "b") as second:
        first.configure(state)
        second.configure(state)
        first.start()
        first.wait_healthy()
        second.start()
        first.stop()
        second.wait_healthy()
        assert second.health()["problems"] == {}


@pytest.mark.parametrize("place", ["/proc/no", "/dev/full/x"])
def test_a_state_directory_that_cannot_be_made_ends_nothing(monitor: Daemon, place: str) -> None:
    monitor.configure(f'[state]\ndirectory = "{place}"\n')
    monitor.start()
    monitor.wait_healthy()
    assert monitor.stop()[0] == 0


class Systemd:
    """The receiver of notifications."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self.got: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self) -> None:
        while data := self._socket.recv(4096):
            self.got.append(data.decode())

    def count(self, start: str) -> int:
        return sum(line.startswith(start) for line in list(self.got))


def test_systemd_is_told_what_happens(monitor: Daemon, tmp_path: Path) -> None:
    systemd = Systemd(tmp_path)
    process = monitor.start(env=environment(NOTIFY_SOCKET=systemd.address, WATCHDOG_USEC="400000"))
    monitor.wait(lambda: systemd.count("READY=1\nSTATUS=probing") == 1, "it is ready")
    monitor.wait(lambda: systemd.count("WATCHDOG=1") > 3, "the watchdog is fed")
    process.send_signal(signal.SIGHUP)
    monitor.wait(lambda: systemd.count("READY=1") == 2, "it is ready again")
    order = [line.split("\n")[0] for line in systemd.got if not line.startswith("WATCHDOG")]
    assert order[:3] == ["READY=1", "RELOADING=1", "READY=1"]
    process.send_signal(signal.SIGSTOP)
    fed = systemd.count("WATCHDOG=1")
    threading.Event().wait(1)
    assert systemd.count("WATCHDOG=1") <= fed + 1, "a process that hangs does not feed it"
    process.send_signal(signal.SIGCONT)
    assert monitor.stop()[0] == 0
    wait_until(lambda: systemd.count("STOPPING=1") == 1, "the end is told")


def test_metadata_that_answers_late_starts_the_targets_that_wait_for_it(monitor: Daemon) -> None:
    port = free_port()
    text = QUIET.replace("discover_identity = false", f'endpoint = "http://127.0.0.1:{port}"')
    text = text.replace('region = "eu-central-1"\naccount_id = "123456789012"\n', "")
    text = text.replace("[groups.aws_api]\nenabled = false\n", "")
    monitor.config.write_text(f'{text}[web]\nlisten = "127.0.0.1:{monitor.port}"\n')
    monitor.start()
    monitor.wait_healthy()
    monitor.wait(lambda: "identity" in monitor.health()["problems"], "it is not known yet")
    assert "region" in monitor.health()["problems"]["identity"]
    with metadata(port=port):
        monitor.wait(lambda: "identity" not in monitor.health()["problems"], "it is known", 40)
        _, body = monitor.get("/api/v1/targets")
        hosts = [t["host"] for t in json.loads(body)["targets"]]
        assert hosts
        assert all("{" not in host for host in hosts)
        assert any("eu-central-1" in host for host in hosts)


def test_what_an_orchestrator_injects_does_not_stop_it(monitor: Daemon) -> None:
    monitor.start(
        env=environment(
            EGRESS_MONITOR_SERVICE_HOST="10.0.0.1",
            EGRESS_MONITOR_PORT="tcp://10.0.0.1:9242",
            EGRESS_MONITOR_PORT_9242_TCP_ADDR="10.0.0.1",
            EGRESS_MONITOR_CHART_REVISION="7",
        )
    )
    monitor.wait_healthy()
    (line,) = monitor.lines("variables ignored: no keys of the configuration")
    assert line["names"] == ["EGRESS_MONITOR_CHART_REVISION"]


def test_the_whole_configuration_comes_from_a_variable(monitor: Daemon) -> None:
    text = monitor.config.read_text() + endpoints(1, free_port())
    with monitor.log.open("wb") as output:
        monitor.process = subprocess.Popen(
            monitor.command[:-2], stdout=output, stderr=subprocess.STDOUT,
            env=environment(EGRESS_MONITOR_CONFIG_TOML=text, EGRESS_MONITOR_WEB__TOKEN="hunter2"),
        )  # fmt: skip
    monitor.wait_healthy()
    assert monitor.get("/metrics")[0] == 401
    assert monitor.get("/metrics", Authorization="Bearer hunter2")[0] == 200
    monitor.process.send_signal(signal.SIGHUP)
    monitor.wait(lambda: reloads(monitor) == 1, "it reloads")
    assert "hunter2" not in monitor.said()


@pytest.mark.parametrize("text", ["profile = [", 'profile = "x"', "a = " + "[" * 5_000])
def test_only_an_invalid_configuration_is_final(monitor: Daemon, text: str) -> None:
    monitor.config.write_text(text)
    process = monitor.start()
    assert process.wait(30) == 2
    assert "Traceback" not in monitor.said()
    assert str(monitor.config) in monitor.said()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system takes root")
def test_a_state_directory_on_a_full_disk_ends_nothing_and_is_used_when_there_is_room(
    monitor: Daemon, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    try:
        (disk / "ballast").write_bytes(bytes(64 * 1024))
        monitor.configure(f'[state]\ndirectory = "{disk}/state"\n' + endpoints(3, free_port()))
        monitor.start()
        monitor.wait_healthy()
        assert targets(monitor) == {"e0", "e1", "e2"}
        (disk / "ballast").unlink()
        assert monitor.stop()[0] == 0
        saved = [path for path in (disk / "state").iterdir() if path.stat().st_size > 100]
        assert saved, "history is saved as soon as there is room"
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_pipe_as_configuration_is_read_once(monitor: Daemon, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with monitor.log.open("wb") as output:
        monitor.process = subprocess.Popen(
            [*monitor.command[:-1], str(pipe)],
            env=environment(), stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    pipe.write_text(monitor.config.read_text())
    monitor.wait_healthy()
    monitor.process.send_signal(signal.SIGHUP)
    kept = f"{pipe}: a pipe cannot be read again; name a regular file"
    monitor.wait(lambda: kept in monitor.said(), "it is kept")
    assert monitor.get("/healthz")[0] == 200
    assert monitor.stop()[0] == 0
