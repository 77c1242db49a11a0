"""A host that a server named is not dialled at an address of a private network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.model.diagnosis import Cause
from monitor.model.endpoint import Protocol
from monitor.model.settings import FamilyChoice, ScheduleSettings
from monitor.model.target import Reach, Target
from monitor.probes.measure import Wire, measure
from monitor.scheduler.engine import Engine
from tests.internet.process import free_port
from tests.probes.support import make_target, make_tools

HOST = "cdn.example.com"


def named_by_a_server(reach: Reach = Reach.PUBLIC) -> Target:
    target = make_target(Protocol.TCP, HOST, free_port(), timeout=0.5)
    return replace(target, reach=reach)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "10.0.0.1", "127.0.0.1", "::1", "fd00:ec2::254", "64:ff9b::a00:1"],
)
async def test_a_name_that_leads_into_a_private_network_is_not_dialled(address: str) -> None:
    engine = Engine(make_tools(table={HOST: (address,)}), ScheduleSettings())
    attempt, verdict = await engine.measure(named_by_a_server())
    assert attempt.connections == ()
    assert verdict.cause is Cause.DNS_SINKHOLED
    assert address in verdict.detail
    assert "discovery.allow_private" in verdict.cure


async def test_of_several_addresses_the_private_ones_are_left_out() -> None:
    dialled: list[str] = []

    async def exchange(wire: Wire) -> None:
        dialled.append(wire.address)

    table = {HOST: ("10.0.0.1", "169.254.169.254", "8.8.8.8", "fe80::1", "2606:4700::1111")}
    tools = make_tools(table=table, families=FamilyChoice.BOTH)
    await measure(named_by_a_server(), tools, exchange)
    assert dialled == ["8.8.8.8", "2606:4700::1111"]


async def test_allowed_private_addresses_are_dialled_and_link_local_ones_are_not() -> None:
    target = named_by_a_server(Reach.PRIVATE)
    engine = Engine(make_tools(table={HOST: ("127.0.0.1",)}), ScheduleSettings())
    assert (await engine.measure(target))[1].cause is Cause.TCP_REFUSED
    engine = Engine(make_tools(table={HOST: ("169.254.169.254",)}), ScheduleSettings())
    assert (await engine.measure(target))[0].connections == ()


async def test_what_the_configuration_names_is_dialled_wherever_it_leads() -> None:
    target = replace(named_by_a_server(), reach=Reach.ANY)
    engine = Engine(make_tools(table={HOST: ("127.0.0.1",)}), ScheduleSettings())
    assert (await engine.measure(target))[1].cause is Cause.TCP_REFUSED
