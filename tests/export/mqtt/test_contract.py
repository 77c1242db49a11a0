"""The private members of aiomqtt and paho that the client reaches into, as it expects them.

Covers: monitor/export/mqtt/client.py
"""

from __future__ import annotations

import ast
import inspect
import socket
from pathlib import Path

import aiomqtt
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from monitor.export.mqtt import client as module

OVERRIDDEN = {
    "_on_connect": ("client", "userdata", "flags", "reason_code", "properties"),
    "_on_disconnect": ("client", "userdata", "flags", "reason_code", "properties"),
    "_on_publish": ("client", "userdata", "mid", "reason_code", "properties"),
    "_on_message": ("client", "userdata", "message"),
    "_on_socket_open": ("client", "userdata", "sock"),
    "_on_socket_register_write": ("client", "userdata", "sock"),
    "_on_socket_unregister_write": ("client", "userdata", "sock"),
}
"""Callbacks of aiomqtt's client that are overridden, with their parameters."""

ATTRIBUTES = {"_client", "_connected", "_disconnected", "_loop", "_misc_task"}
METHODS = {"_client_connect", "_misc_loop"}
PAHO = {"_create_socket", "_in_messages"}


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_a_callback_that_is_overridden_has_the_parameters_that_are_expected(name: str):
    parameters = tuple(inspect.signature(getattr(aiomqtt.Client, name)).parameters)
    assert parameters == ("self", *OVERRIDDEN[name])


async def test_the_members_are_there():
    client = aiomqtt.Client("127.0.0.1")
    assert {name for name in ATTRIBUTES if not hasattr(client, name)} == set()
    assert {name for name in METHODS if not callable(getattr(client, name, None))} == set()
    assert {name for name in PAHO if not hasattr(client._client, name)} == set()
    assert len(client._client._in_messages) == 0


def test_paho_connects_by_the_method_that_is_replaced_and_by_no_thread():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    client = Client(CallbackAPIVersion.VERSION2, "m")
    client._create_socket = lambda: ours  # type: ignore[method-assign]
    client.connect("127.0.0.1", 1)
    client.loop_write()
    assert theirs.recv(1) == b"\x10"
    client._sock_close()
    theirs.close()


def test_no_other_private_member_of_aiomqtt_or_paho_is_used():
    """``own`` are members of ours, all of which ``__init__`` or a method defines."""
    tree = ast.parse(Path(module.__file__).read_text())
    own = {
        node.target.attr if isinstance(node, ast.AnnAssign) else node.attr
        for node in ast.walk(tree)
        if (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Attribute))
        or (isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store))
    }
    own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith("_")
    }
    dunder = {name for name in used if name.startswith("__")}
    assert used - own - dunder - ATTRIBUTES - METHODS - PAHO == set()


@pytest.mark.parametrize("code", range(256))
def test_each_reason_code_is_accepted_in_each_packet(code: int):
    for packet in range(PacketTypes.CONNECT, PacketTypes.AUTH + 1):
        assert ReasonCode(packet, identifier=code).getName()


def test_the_standards_names_are_kept():
    assert ReasonCode(PacketTypes.PUBACK, identifier=0x95).getName() == "Packet too large"
    assert ReasonCode(PacketTypes.DISCONNECT, identifier=0).getName() == "Normal disconnection"
    assert ReasonCode(PacketTypes.SUBACK, identifier=0).getName() == "Granted QoS 0"
    assert ReasonCode(PacketTypes.CONNACK, "Success").value == 0
