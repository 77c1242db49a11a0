"""A host that a server named is not dialled at an address of a private network.

Covers: monitor/probes/measure.py, monitor/net/sockets/address_policy.py
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.settings import FamilyChoice, ScheduleSettings
from monitor.model.target import AddressPolicy, Target
from monitor.probes.measure import ProbeConnection, measure
from monitor.scheduler.engine import Engine
from tests.internet.process import free_port
from tests.probes.support import make_probe_context, make_target

HOST = "cdn.example.com"


def named_by_a_server(address_policy: AddressPolicy = AddressPolicy.PUBLIC) -> Target:
    target = make_target(Protocol.TCP, HOST, free_port(), timeout=0.5)
    return replace(target, address_policy=address_policy)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "10.0.0.1", "127.0.0.1", "::1", "fd00:ec2::254", "64:ff9b::a00:1"],
)
async def test_a_name_that_leads_into_a_private_network_is_not_dialled(address: str) -> None:
    engine = Engine(make_probe_context(table={HOST: (address,)}), ScheduleSettings())
    probe_result, diagnosis = await engine.measure(named_by_a_server())
    assert probe_result.connections == ()
    assert diagnosis.cause is Cause.DNS_SINKHOLED
    assert address in diagnosis.detail
    assert "discovery.allow_private" in diagnosis.remediation


async def test_of_several_addresses_the_private_ones_are_left_out() -> None:
    dialled: list[str] = []

    async def exchange(conn: ProbeConnection) -> None:
        dialled.append(conn.address)

    table = {HOST: ("10.0.0.1", "169.254.169.254", "8.8.8.8", "fe80::1", "2606:4700::1111")}
    probe_context = make_probe_context(table=table, families=FamilyChoice.BOTH)
    await measure(named_by_a_server(), probe_context, exchange)
    assert dialled == ["8.8.8.8", "2606:4700::1111"]


async def test_allowed_private_addresses_are_dialled_and_link_local_ones_are_not() -> None:
    target = named_by_a_server(AddressPolicy.PRIVATE)
    engine = Engine(make_probe_context(table={HOST: ("127.0.0.1",)}), ScheduleSettings())
    assert (await engine.measure(target))[1].cause is Cause.TCP_REFUSED
    engine = Engine(make_probe_context(table={HOST: ("169.254.169.254",)}), ScheduleSettings())
    assert (await engine.measure(target))[0].connections == ()


async def test_what_the_configuration_names_is_dialled_wherever_it_leads() -> None:
    target = replace(named_by_a_server(), address_policy=AddressPolicy.ANY)
    engine = Engine(make_probe_context(table={HOST: ("127.0.0.1",)}), ScheduleSettings())
    assert (await engine.measure(target))[1].cause is Cause.TCP_REFUSED
