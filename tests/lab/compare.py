"""Puts blackbox_exporter's answers beside ours: ``python -m tests.lab compare [NAME…]``."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from monitor.model.endpoint import Protocol
from monitor.model.target import Target
from tests.internet.process import accepts, program, wait_until
from tests.lab import report
from tests.lab.fault import Fault
from tests.lab.network import RESOLVERS
from tests.lab.report import Pace, Runner
from tests.lab.world import PROXY, World

PORT = 9115
HEADER = """| fault | blackbox_exporter: metrics | its log, by `debug=true` | Egress Monitor |
| --- | --- | --- | --- |"""


def compare(lab: World, faults: Sequence[Fault], pace: Pace) -> int:
    """Print a row a fault: what either says while it is there; then our report's table."""
    print(HEADER, flush=True)
    rows: list[str] = []
    with blackbox(lab):
        said: dict[str, str] = {}
        watched = [fault.observed(lambda w, f=fault: ask(w, f, said)) for fault in faults]  # type: ignore[misc]
        runner = Runner(lab, pace)
        for result in map(runner.run, watched):
            ours = "; ".join(
                f"`{i['cause']}`, {i['scope']}: {i['detail']}" for i in result.incidents
            )
            rows.append(result.row())
            told = said.get(result.fault.name, "not asked | -")
            print(f"| {result.fault.name} | {told} | {ours or 'no incident'} |", flush=True)
    print("\n".join(["", report.HEADER, *rows]))
    return 0


@contextmanager
def blackbox(lab: World) -> Iterator[None]:
    """Run blackbox_exporter beside the monitor, with the lab's name servers and CA."""
    folder = Path("/etc/netns") / lab.network.monitor.name  # `ip netns exec` puts it over /etc
    folder.mkdir(parents=True)
    try:
        servers = "".join(f"nameserver {server}\n" for server in RESOLVERS)
        (folder / "resolv.conf").write_text(f"{servers}options timeout:1 attempts:1\n")
        config = lab.folder / "blackbox.yml"
        config.write_text(_CONFIG.format(ca=lab.folder / "trusted.pem", proxy=PROXY))
        lab.config(interval=10.0, timeout=2.0, listen="127.0.0.1")  # writes the CA bundle
        command = [
            program("prometheus-blackbox-exporter"),
            f"--config.file={config}",
            f"--web.listen-address=127.0.0.1:{PORT}",
        ]
        lab.start("blackbox", lab.network.monitor, command)
        wait_until(lambda: lab.network.monitor.call(lambda: accepts(PORT)), "it listens")
        yield
    finally:
        lab.end("blackbox")
        (folder / "resolv.conf").unlink(missing_ok=True)
        folder.rmdir()


_CONFIG = """modules:
  https: &https
    prober: http
    timeout: 4s
    http: &options
      preferred_ip_protocol: ip4
      follow_redirects: false
      valid_status_codes: [200, 301, 302, 307, 400, 401, 403, 404, 405]
      tls_config: {{ca_file: {ca}}}
  proxied:
    prober: http
    timeout: 4s
    http:
      preferred_ip_protocol: ip4
      proxy_url: http://{proxy}
      follow_redirects: false
      tls_config: {{ca_file: {ca}}}
  tcp:
    prober: tcp
    timeout: 4s
    tcp: {{preferred_ip_protocol: ip4}}
  dns:
    prober: dns
    timeout: 4s
    dns: {{query_name: app.gitpod.io, query_type: A, preferred_ip_protocol: ip4}}
"""


def ask(lab: World, fault: Fault, said: dict[str, str]) -> None:
    """Have the peer probe one of the affected targets, and note what it says."""
    chosen = _representative(lab, fault)
    if chosen is None:
        said[fault.name] = "no UDP prober but DNS | -"
        return
    module, where = chosen
    path = f"/probe?module={module}&target={quote(where, safe='')}"
    metrics = lab.network.monitor.call(lambda: _fetch(path))
    log = lab.network.monitor.call(lambda: _fetch(f"{path}&debug=true"))
    said[fault.name] = f"{_figures(metrics)} | {_error(log)}"


def _representative(lab: World, fault: Fault) -> tuple[str, str] | None:
    """Return module and target of one affected target; None where there is no prober."""
    if fault.servers and not any(fault.affected(t) for t in lab.targets):
        return "dns", f"{fault.servers[0]}:53"
    affected = [t for t in lab.targets if fault.affected(t)] or list(lab.targets)
    reachable = [t for t in affected if t.endpoint.protocol is not Protocol.UDP]
    if not reachable:
        return None
    target = min(reachable, key=lambda t: t.endpoint.protocol is not Protocol.HTTPS)
    return _module(target, proxied=bool(fault.setting.tables))


def _module(target: Target, *, proxied: bool) -> tuple[str, str]:
    endpoint = target.endpoint
    if endpoint.protocol is Protocol.TCP:
        return "tcp", f"{target.host}:{target.port}"
    scheme = "http" if endpoint.protocol is Protocol.HTTP else "https"
    path = "/latest/meta-data/" if endpoint.prober == "imds" else endpoint.path
    module = "proxied" if proxied else "https"
    return module, f"{scheme}://{target.host}:{target.port}{path}"


def _fetch(path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=15)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode(errors="replace")
    except OSError as error:
        return f"no answer: {error}"
    finally:
        connection.close()


def _figures(metrics: str) -> str:
    shown = []
    for name in ("probe_success", "probe_http_status_code"):
        found = re.search(rf"^{name} (\S+)$", metrics, re.MULTILINE)
        if found:
            shown.append(f"`{name} {found[1]}`")
    return ", ".join(shown) or "no answer"


def _error(log: str) -> str:
    """The last line of its log that tells an error, without what differs every time."""
    errors = re.findall(r'err="((?:[^"\\]|\\.)*)"', log)
    if not errors:
        return "-"
    text = re.sub(r"\d+\.\d+\.\d+\.\d+:\d{5}->", "", errors[-1].replace("\\", ""))
    return text.replace("|", "/")[:240]
