"""The services that discovery asks, on one loopback port with TLS: what each answers, by its
host, in the shapes of docs/discovery.md. A test replaces what it wants to break."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.internet.ca import Authority

COMMIT = "0123456789abcdef0123456789abcdef01234567"
VERSION = "20260407.10944"
TOKEN = "eyJ-a-token-that-must-never-be-shown"
SIGNATURE = "Signature=a-signature-that-must-never-be-shown"
IMAGE, LAYER = f"sha256:{'a1' * 32}", f"sha256:{'b2' * 32}"
LAYERS = "d111111abcdef8.cloudfront.net"
VSCODE_DOWNLOADS = "vscode.download.prss.microsoft.com"
MCR_DATA = "westeurope.data.mcr.microsoft.com"
HUB_DATA = "production.cloudflare.docker.com"
GHCR_DATA = "pkg-containers.githubusercontent.com"
ASSETS = "https://editorconfig.gallerycdn.vsassets.io/extensions/editorconfig/editorconfig/0.17.4/1"
DATA_HOSTS = (LAYERS, VSCODE_DOWNLOADS, MCR_DATA, HUB_DATA, GHCR_DATA)


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Origin = Callable[[str, Mapping[str, str]], Said]
"""From a request's path with its query and its headers (lower case) to the answer."""


def document(value: object) -> Said:
    """An answer in JSON."""
    return Said(200, json.dumps(value).encode(), {"Content-Type": "application/json"})


def redirect(to: str) -> Said:
    """An answer that points elsewhere."""
    return Said(307, b"", {"Location": to})


def visual_studio_code(path: str, headers: Mapping[str, str]) -> Said:
    """update.code.visualstudio.com: commits as a list, downloads as redirects."""
    if path.startswith("/api/commits/stable/"):
        return document([COMMIT, "f" * 40])
    if path.startswith("/commit:"):
        commit, build = path.removeprefix("/commit:").split("/")[:2]
        where = f"https://{VSCODE_DOWNLOADS}/dbazure/download/stable/{commit}/vscode-{build}.tar.gz"
        return redirect(where) if commit == COMMIT else Said(404)
    return Said(404)


def marketplace(path: str, headers: Mapping[str, str]) -> Said:
    """marketplace.visualstudio.com: an extension's latest version."""
    if not path.startswith("/_apis/public/gallery/vscode/"):
        return redirect("/vscode")
    version = {"version": "0.17.4", "assetUri": ASSETS, "fallbackAssetUri": ASSETS}
    return document({"publisher": {"publisherName": "EditorConfig"}, "versions": [version]})


def releases(path: str, headers: Mapping[str, str]) -> Said:
    """releases.gitpod.io: the manifest, and the store's own refusal of what it does not have."""
    if path == "/ec2/stable/manifest.json":
        return document({"version": VERSION, "image": f"public.ecr.aws/x/runner:{VERSION}"})
    known = f"/releases/{VERSION}/" in path or "/stable/" in path
    return Said(200 if known else 404, b"", {"x-amz-request-id": "ABC"})


def registry(realm: str, data_host: str, *, index: bool = True, token: bool = True) -> Origin:
    """A registry of the Distribution specification whose blobs are elsewhere; ``realm`` is the
    path at which it gives out tokens itself."""

    def answer(path: str, headers: Mapping[str, str]) -> Said:
        url = urlsplit(path)
        if realm and url.path == realm:
            scope = parse_qs(url.query).get("scope", [""])[0]
            return document({"token": TOKEN}) if scope.endswith(":pull") else Said(400)
        if token and headers.get("authorization") != f"Bearer {TOKEN}":
            challenge = f'Bearer realm="https://registry.test{realm}",service="registry.test"'
            return Said(401, b"{}", {"WWW-Authenticate": challenge})
        kind, _, name = url.path.rpartition("/")
        if kind.endswith("/blobs"):
            return redirect(f"https://{data_host}/blobs/{name}?Expires=1&{SIGNATURE}")
        if not kind.endswith("/manifests"):
            return Said(200, b"{}")
        if index and not name.startswith("sha256:"):
            wanted = "index" in headers.get("accept", "")
            return document({"manifests": [{"digest": IMAGE}]}) if wanted else Said(404)
        return document({"config": {"digest": IMAGE}, "layers": [{"digest": LAYER}]})

    return answer


def docker_auth(path: str, headers: Mapping[str, str]) -> Said:
    """auth.docker.io."""
    return document({"token": TOKEN, "expires_in": 300}) if path.startswith("/token") else Said(404)


def anything(path: str, headers: Mapping[str, str]) -> Said:
    """A host that answers whatever it is asked, with a CDN's header."""
    return Said(200, b"ok", {"x-amz-cf-id": "abc"})


def origins() -> dict[str, Origin]:
    """Every host that chains ask, as it really answers."""
    return {
        "update.code.visualstudio.com": visual_studio_code,
        "marketplace.visualstudio.com": marketplace,
        "releases.gitpod.io": releases,
        "public.ecr.aws": registry("/token/", LAYERS),
        "mcr.microsoft.com": registry("", MCR_DATA, token=False),
        "auth.docker.io": docker_auth,
        "registry-1.docker.io": registry("", HUB_DATA),
        "ghcr.io": registry("/token", GHCR_DATA, index=False),
    }


class Origins(ThreadingHTTPServer):
    """The server. ``answers`` may be changed while it runs; ``asked`` holds host and path of
    each request."""

    daemon_threads = True

    def __init__(self, answers: dict[str, Origin], context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.asked: list[str] = []
        self._context = context

    def finish_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Shake hands in the handler's thread: a client that does not shake hands must not hold
        up the others. Nothing is wrapped before a ClientHello arrives: pulses reset connections,
        and ``wrap_socket`` leaks the socket of a connection that is reset already."""
        request.settimeout(Handler.timeout)
        if not request.recv(1, socket.MSG_PEEK):
            return
        with self._context.wrap_socket(request, server_side=True) as connection:
            super().finish_request(connection, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class Handler(BaseHTTPRequestHandler):
    """Hands each request to its host's origin."""

    server: Origins
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_GET(self) -> None:
        host = self.headers.get("Host", "").partition(":")[0]
        self.server.asked.append(f"{host}{self.path}")
        origin = self.server.answers.get(host, anything)
        said = origin(self.path, {name.lower(): value for name, value in self.headers.items()})
        self.send_response(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(said.body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(said.body)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def serving(authority: Authority, *names: str) -> Iterator[Origins]:
    """Serve every origin, and ``names``, on a free port for the length of the block."""
    answers = origins()
    issued = authority.issue(*dict.fromkeys([*answers, *DATA_HOSTS, *names]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.chain, issued.key)
    server = Origins(answers, context)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
