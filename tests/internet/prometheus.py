"""A real Prometheus on loopback that scrapes, evaluates rules and takes remote writes."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from tests.internet.process import free_port, program, running

Json = dict[str, object]


@dataclass(frozen=True)
class Prometheus:
    """One that runs. ``url`` is its base URL."""

    url: str
    process: Popen[bytes]

    def get(self, path: str, **parameters: str) -> object:
        """Return the data of one of its API's answers; fails with what it says is wrong."""
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def query(self, query: str) -> list[Json]:
        """Return the series that an instant query has now."""
        data = self.get("query", query=query)
        assert isinstance(data, dict)
        result: list[Json] = data["result"]
        return result


@contextmanager
def prometheus(
    folder: Path,
    jobs: Mapping[str, Sequence[str]],
    *,
    interval: str = "500ms",
    rules: Sequence[Path] = (),
    receiver: bool = False,
) -> Iterator[Prometheus]:
    """Run it for the length of the block; ``jobs`` are the addresses it scrapes by job."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": list(addresses)}]}
            for job, addresses in jobs.items()
        ],
    }
    path = folder / "prometheus.yml"
    path.write_text(json.dumps(config))  # JSON is YAML too
    port = free_port()
    command = [
        program("prometheus"),
        f"--config.file={path}",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        *(["--web.enable-remote-write-receiver"] if receiver else []),
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, folder / "log", lambda: _is_ready(url)) as process:
        yield Prometheus(url, process)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=2):
            return True
    except OSError:
        return False
