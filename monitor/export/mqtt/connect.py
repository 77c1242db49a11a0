"""The connection to a broker: TCP, with TLS and WebSocket as configured."""

from __future__ import annotations

import ssl

from monitor.export.mqtt.transport import TlsTransport, Transport, connect_tcp
from monitor.export.mqtt.websocket import WebSocketTransport
from monitor.model.settings import MqttSettings
from monitor.net.sockets.trust_store import TrustStore


async def connect_transport(
    broker: MqttSettings, address: str, context: ssl.SSLContext | None
) -> Transport:
    """Connect to ``address``, with TLS and WebSocket as configured.

    Raises:
        OSError: if that failed, or took too long.
    """
    transport: Transport = await connect_tcp(address, broker.port)
    try:
        if context is not None:
            secure = TlsTransport(transport, context, broker.host)
            transport = secure
            await secure.handshake()
        if broker.websocket_path:
            web = WebSocketTransport(transport)
            transport = web
            host = f"[{broker.host}]" if ":" in broker.host else broker.host
            await web.handshake(f"{host}:{broker.port}", broker.websocket_path)
    except BaseException:
        transport.close()
        raise
    return transport


def tls_context(broker: MqttSettings, trust_store: TrustStore) -> ssl.SSLContext:
    """Return the context for a broker; without a CA file of its own ``trust_store`` decides.

    Raises:
        OSError: if a file can't be read, or is not PEM (any more).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if broker.ca_file is None:
        trust_store.add_roots(context)
    else:
        context.load_verify_locations(cafile=broker.ca_file)
    if broker.cert_file is not None:
        context.load_cert_chain(broker.cert_file, broker.key_file, password=lambda: b"")
    return context
