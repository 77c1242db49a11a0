"""An instance metadata service of our own, in a test or as a program of its own.

``python -m tests.internet.imds --port 8254 --mode hop-limit``
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "AQAEA-a-token-that-must-never-be-shown=="
MAC = "0e:49:61:0f:c3:11"
DOCUMENT = {
    "accountId": "123456789012",
    "availabilityZone": "eu-central-1a",
    "instanceId": "i-0123456789abcdef0",
    "region": "eu-central-1",
}
PAGES = {
    "/latest/dynamic/instance-identity/document": json.dumps(DOCUMENT),
    "/latest/meta-data/mac": MAC,
    f"/latest/meta-data/network/interfaces/macs/{MAC}/vpc-id": "vpc-0a1b2c3d4e5f60718",
    f"/latest/meta-data/network/interfaces/macs/{MAC}/subnet-id": "subnet-0a1b2c3d4e5f60718",
}


class Mode(StrEnum):
    """How the service behaves."""

    NORMAL = "normal"
    DISABLED = "disabled"
    V1_ONLY = "v1-only"
    HOP_LIMIT = "hop-limit"


class Server(ThreadingHTTPServer):
    """The service; ``requests`` holds method and path of each request."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], mode: Mode) -> None:
        super().__init__(address, Handler)
        self.mode = mode
        self.requests: list[str] = []
        self.ended = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """Answers as instance metadata does (AWS: use IMDSv2)."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        self.server.requests.append(f"PUT {self.path}")
        mode = self.server.mode
        if mode is Mode.HOP_LIMIT:
            self.server.ended.wait(30)  # what a reply that expires on its way looks like
            self.close_connection = True
        elif mode is Mode.DISABLED:
            self._say(403)
        elif mode is Mode.V1_ONLY:
            self._say(405)
        elif "X-aws-ec2-metadata-token-ttl-seconds" not in self.headers:
            self._say(400)
        else:
            self._say(200, TOKEN)

    def do_GET(self) -> None:
        self.server.requests.append(f"GET {self.path}")
        mode = self.server.mode
        known = self.headers.get("X-aws-ec2-metadata-token") == TOKEN
        if mode is Mode.DISABLED:
            self._say(403)
        elif not known and mode is not Mode.V1_ONLY:
            self._say(401)
        elif self.path in PAGES:
            self._say(200, PAGES[self.path])
        else:
            self._say(404)

    def _say(self, status: int, body: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def metadata(mode: Mode = Mode.NORMAL, port: int = 0) -> Iterator[Server]:
    """Serve on a loopback port, by default a free one, for the length of the block."""
    server = Server(("127.0.0.1", port), mode)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="tests.internet.imds")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.NORMAL)
    options = parser.parse_args()
    Server((options.host, options.port), options.mode).serve_forever()


if __name__ == "__main__":
    main()
