"""A TLS server with one thread per connection: unlike asyncio's, it sends the alert of a handshake
that fails."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

Handler = Callable[[ssl.SSLSocket], None]


@contextlib.contextmanager
def blocking(context: ssl.SSLContext, handler: Handler) -> Iterator[int]:
    """Serve ``handler`` on a loopback port for the length of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, context, handler), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, context: ssl.SSLContext, handler: Handler) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_one, args=(connection, context, handler), daemon=True).start()


def _one(connection: socket.socket, context: ssl.SSLContext, handler: Handler) -> None:
    with contextlib.suppress(OSError), connection:
        connection.settimeout(60)
        with context.wrap_socket(connection, server_side=True) as secured:
            handler(secured)


def answering(connection: ssl.SSLSocket) -> None:
    """Answer one request with 200."""
    request = b""
    while b"\r\n\r\n" not in request:
        data = connection.recv(4096)
        if not data:
            return
        request += data
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


def waiting(connection: ssl.SSLSocket) -> None:
    """Say nothing until the client closes."""
    connection.recv(4096)
