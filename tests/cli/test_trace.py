"""``egress-monitor trace`` as an unprivileged user, across four hops.

Covers: monitor/present/trace_view.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.model.path import Hop, HopReply, PathTrace, ReplyKind, Transport
from monitor.net.path.ranges import AddressLabels
from monitor.present.trace_view import TraceReport, conclusion, live_lines, trace_lines
from tests.net.path.chain import OTHER_V4, OTHER_V6, SERVER_V4, SERVER_V6, Chain, chain
from tests.net.path.test_chain import listen

ROOT = Path(__file__).parents[2]
CONFIG = f"""
region = "eu-central-1"
[metadata]
discover_identity = false
[dns]
servers = ["192.0.2.2"]
[[endpoint]]
id = "other"
group = "scm"
host = "{OTHER_V4}"
[[endpoint]]
id = "other-v6"
group = "scm"
host = "{OTHER_V6}"
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Chain]:
    with chain() as made:
        sockets = made["server"].call(listen)
        yield made
        for sock in sockets:
            sock.close()


@pytest.fixture(autouse=True)
def without_rules(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "lab" in request.fixturenames:
        request.getfixturevalue("lab").reset()


@pytest.fixture(scope="module")
def config() -> Iterator[Path]:
    """A configuration that every user may read: pytest's own folders are private."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "config.toml"
        path.write_text(CONFIG)
        path.parent.chmod(0o755)
        path.chmod(0o644)
        yield path


def run(lab: Chain, config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as user 65532 without capabilities."""
    unprivileged = (
        "setpriv", "--reuid=65532", "--regid=65532", "--clear-groups", "--bounding-set=-all"
    )  # fmt: skip
    command = (sys.executable, "-m", "monitor", "trace", "--config", str(config), *arguments)
    return subprocess.run(
        lab["client"].command(*unprivileged, *command),
        capture_output=True, text=True, cwd=ROOT, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.root
def test_a_drop_is_shown_next_to_a_path_that_works(lab: Chain, config: Path) -> None:
    lab.filter("r2", f"ip daddr {SERVER_V4} tcp dport 443 drop")
    done = run(lab, config, SERVER_V4)
    assert done.returncode == 1, done.stderr
    assert "Control: 198.51.100.7, TCP port 443" in done.stdout
    assert " ".join(done.stdout.split()).endswith(
        f"the last reply is from 192.0.2.6 at hop 2. The path to {OTHER_V4} on the same port "
        "passes it too and arrives: check hop 2 and the devices after it."
    )
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "  1  192.0.2.2               own subnet" in done.stdout


@pytest.mark.root
def test_the_control_of_an_ipv6_path_is_an_ipv6_path(lab: Chain, config: Path) -> None:
    lab.filter("r2", f"ip6 daddr {SERVER_V6} tcp dport 443 drop")
    done = run(lab, config, f"[{SERVER_V6}]")
    assert done.returncode == 1, done.stderr
    assert f"Control: {OTHER_V6}, TCP port 443" in done.stdout


@pytest.mark.root
@pytest.mark.parametrize("udp", [False, True])
@pytest.mark.parametrize("address", [SERVER_V4, SERVER_V6])
def test_a_rejection_is_at_the_hop_of_the_firewall(
    lab: Chain, config: Path, address: str, *, udp: bool
) -> None:
    lab.filter("r2", "meta l4proto {tcp, udp} reject with icmpx admin-prohibited")
    port = 4242 if udp else 443
    done = run(lab, config, f"[{address}]:{port}", *["--udp"] * udp)
    firewall = "192.0.2.6" if address == SERVER_V4 else "2001:db8:1::2"
    where = f"{address} {'UDP ' if udp else ''}port {port}"
    assert f"{where} is prohibited by {firewall} at hop 2." in " ".join(done.stdout.split())
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.root
def test_a_forged_rst_is_not_said_to_be_of_the_destination(lab: Chain, config: Path) -> None:
    """A device that rejects with RST uses the destination's address: both are possible."""
    lab.filter("r2", f"ip daddr {SERVER_V4} tcp dport 443 reject with tcp reset")
    done = run(lab, config, SERVER_V4)
    assert (
        f"is refused by {SERVER_V4}, or in its name by a device at hop 3 or before; {OTHER_V4} on "
        "the same port replies at hop 4."
    ) in " ".join(done.stdout.split())


@pytest.mark.root
@pytest.mark.parametrize("address", [SERVER_V4, f"[{SERVER_V6}]"])
def test_a_reset_by_a_middlebox_is_located(lab: Chain, config: Path, address: str) -> None:
    lab.filter("r2", "tcp dport 8443 tcp flags & psh == psh reject with tcp reset")
    done = run(lab, config, f"{address}:8443", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["reset"] == {"ttl": 3, "server_ttl": 4, "middlebox": True}
    assert [hop["ttl"] for hop in document["hops"]] == [1, 2, 3, 4]


@pytest.mark.root
def test_flows_find_the_bad_path_of_several(lab: Chain, config: Path) -> None:
    lab.filter("r2", "tcp dport 443 tcp sport & 1 == 0 drop")
    done = run(lab, config, SERVER_V4, "--flows", "16", "--timeout", "0.5", "--json")
    assert json.loads(done.stdout)["flows"]["pattern"] == "one_path"


@pytest.mark.root
def test_a_silent_hop_and_udp(lab: Chain, config: Path) -> None:
    lab.mute("r2")
    done = run(lab, config, SERVER_V4, "--udp")
    assert done.returncode == 1, done.stderr
    assert f"{SERVER_V4} UDP port 4242 is refused by {SERVER_V4}" in done.stdout
    assert "  2  (no reply)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["https://x/"], "is not HOST or HOST:PORT"),
        (["x:0"], "0 is not a port"),
        (["x", "--flows", "1"], "is not a number of flows"),
        (["x", "--max-hops", "0"], "is not a number of hops"),
        (["x", "--live"], "standard output is not a terminal"),
        ([], "the following arguments are required: HOST"),
    ],
)
def test_wrong_arguments_end_with_2(arguments: list[str], told: str) -> None:
    command = [sys.executable, "-m", "monitor", "trace", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert told in done.stderr


def hop(ttl: int, kind: ReplyKind, address: str = "") -> Hop:
    return Hop(ttl, (HopReply(ttl, kind, address, 0.001 if address else None),))


def test_silence_alone_shows_nothing() -> None:
    silent = PathTrace("192.0.2.9", 443, Transport.TCP, (hop(1, ReplyKind.SILENT),))
    report = TraceReport("app.test", silent)
    assert conclusion(report).endswith("That alone does not show where packets stop.")
    some = PathTrace(
        "192.0.2.9", 443, Transport.TCP,
        (hop(1, ReplyKind.TIME_EXCEEDED, "10.0.0.1"), hop(2, ReplyKind.SILENT)),
    )  # fmt: skip
    assert "later hops may be silent" in conclusion(TraceReport("app.test", some))
    assert any("private" in line for line in trace_lines(TraceReport("app.test", some)))


@pytest.mark.parametrize(("rows", "columns"), [(24, 80), (10, 40), (6, 20)])
def test_the_live_screen_fits_a_terminal_of_any_size(rows: int, columns: int) -> None:
    hops = tuple(
        hop(ttl, ReplyKind.TIME_EXCEEDED, f"2001:db8:1234:5678:9abc:def0:1234:{ttl}")
        for ttl in range(1, 31)
    )
    path = PathTrace("2001:db8::1", 443, Transport.TCP, hops)
    lines = live_lines("a-host.example", path, AddressLabels(), columns, rows)
    assert len(lines) < rows
    assert max(map(len, lines)) <= columns
    assert lines[-2].startswith(" 30  2001:")
    assert lines[-1] == "Ctrl-C ends"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.000034, "0.03 ms"), (0.0123, "12.3 ms"), (0.5, "500 ms")]
)
def test_times_are_shown_with_the_digits_that_matter(seconds: float, shown: str) -> None:
    reply = HopReply(1, ReplyKind.REACHED, "192.0.2.9", seconds)
    path = PathTrace("192.0.2.9", 443, Transport.TCP, (Hop(1, (reply,)),))
    assert shown in "\n".join(trace_lines(TraceReport("app.test", path)))
