"""Public addresses by way out: what is a change, and what is one address of several."""

from __future__ import annotations

from monitor.diagnosis.proxy_path import ProxyPath
from monitor.state.egress_address import LIMIT, RECENT_CHECKS, Answer, EgressPath, egress_lines

INTERVAL = 600.0


def after(*addresses: str, path: ProxyPath = ProxyPath.DIRECT) -> tuple[EgressPath, list[str]]:
    """Return the way out after one check per address, "" for a failed one, and the changes."""
    found, changes = EgressPath(path), list[str]()
    for number, address in enumerate(addresses, 1):
        answer = Answer(address, "" if address else "no answer")
        found, change = found.taken_in(answer, number * INTERVAL, INTERVAL)
        changes += [change.sentence] if change else []
    return found, changes


def test_the_first_address_is_no_change_and_another_one_is() -> None:
    found, changes = after("192.0.2.1", "192.0.2.1", "198.51.100.2")
    assert changes == ["the public address is 198.51.100.2 directly instead of 192.0.2.1"]
    assert found.changes == 1
    assert [a.address for a in found.current] == ["198.51.100.2"]
    assert (found.addresses[1].since, found.addresses[1].seen_at) == (INTERVAL, 2 * INTERVAL)


def test_several_addresses_by_turns_are_reported_once_each() -> None:
    found, changes = after(*["192.0.2.1", "192.0.2.2", "192.0.2.3"] * 20)
    assert len(changes) == found.changes == 2


def test_an_address_that_returns_after_long_is_a_change_again() -> None:
    _, changes = after("192.0.2.1", *["192.0.2.2"] * (RECENT_CHECKS + 2), "192.0.2.1")
    assert len(changes) == 2


def test_families_are_kept_apart() -> None:
    found, changes = after("192.0.2.1", "2001:db8::1", "192.0.2.1", "2001:db8::2")
    assert changes == ["the public address is 2001:db8::2 directly instead of 2001:db8::1"]
    assert [a.address for a in found.current] == ["2001:db8::2", "192.0.2.1"]


def test_a_failed_check_keeps_the_address_and_a_later_one_is_compared_with_it() -> None:
    found, changes = after("192.0.2.1", "")
    assert (found.failure, found.checked_at, changes) == ("no answer", 2 * INTERVAL, [])
    assert [a.address for a in found.current] == ["192.0.2.1"]
    found, changes = after("192.0.2.1", "", "192.0.2.2")
    assert (found.failure, len(changes)) == ("", 1)


def test_an_outage_longer_than_the_memory_still_shows_the_change() -> None:
    _, changes = after("192.0.2.1", *[""] * (RECENT_CHECKS + 5), "192.0.2.2")
    assert changes == ["the public address is 192.0.2.2 directly instead of 192.0.2.1"]


def test_a_pool_without_end_is_bounded() -> None:
    found, _ = after(*(f"192.0.2.{number}" for number in range(200)))
    assert len(found.addresses) == LIMIT


def test_the_lines_name_each_way_out_and_each_failure() -> None:
    direct, _ = after("192.0.2.1", "2001:db8::1")
    proxy, _ = after("", path=ProxyPath.PROXY)
    assert egress_lines((direct, proxy)) == (
        "Public address: 2001:db8::1 and 192.0.2.1 directly.",
        "The public address through the proxy could not be checked: no answer",
    )
    assert egress_lines(()) == ()
