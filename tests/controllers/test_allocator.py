"""Addresses: which is next, who holds what, and what is refused."""

from __future__ import annotations

from ipaddress import ip_interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.controllers.networks.allocator import EXHAUSTED, TAKEN, WRONG_FAMILIES, AllocationError, Pool, mac_of


def test_gateway_and_management_are_never_given_away() -> None:
    assert Pool(["10.20.0.0/24"]).take("a") == ("10.20.0.3/24",)


def test_the_first_free_address_is_next() -> None:
    pool = Pool(["10.20.0.0/24"])
    for owner in "abc":
        pool.take(owner)
    pool.release("b")
    assert pool.take("d") == ("10.20.0.4/24",)
    assert pool.take("e") == ("10.20.0.6/24",)


def test_an_owner_keeps_what_it_has() -> None:
    pool = Pool(["10.20.0.0/24"])
    assert pool.take("a") == pool.take("a") == pool.held("a")


def test_each_family_gives_one_address() -> None:
    pool = Pool(["10.20.0.0/24", "fd00:20::/64"])
    assert pool.take("a") == ("10.20.0.3/24", "fd00:20::3/64")


def test_a_used_up_subnet_says_so_and_recovers() -> None:
    pool = Pool(["10.20.0.0/29"])
    held = [pool.take(owner) for owner in "abcd"]
    assert held[-1] == ("10.20.0.6/29",)  # .7 is the broadcast address
    with pytest.raises(AllocationError, match=EXHAUSTED) as refused:
        pool.take("e")
    assert refused.value.reason == "SubnetExhausted"
    pool.release("c")
    assert pool.take("e") == held[2]


def test_a_subnet_of_four_addresses_has_room_for_nobody() -> None:
    with pytest.raises(AllocationError, match=EXHAUSTED):
        Pool(["10.20.0.0/30"]).take("a")


def test_reserved_ranges_are_passed_over() -> None:
    pool = Pool(["10.20.0.0/24"], ["10.20.0.0/29", "10.20.0.9", "10.20.0.10/32"])
    assert [pool.take(owner)[0] for owner in "ab"] == ["10.20.0.8/24", "10.20.0.11/24"]


def test_an_address_asked_for_is_given_once() -> None:
    pool = Pool(["10.20.0.0/24"])
    assert pool.hold("a", ["10.20.0.3/24"]) == ("10.20.0.3/24",)
    assert pool.hold("a", ["10.20.0.3/24"]) == ("10.20.0.3/24",)
    with pytest.raises(AllocationError, match=TAKEN):
        pool.hold("b", ["10.20.0.3/24"])
    assert pool.take("b") == ("10.20.0.4/24",)


def test_an_address_of_another_family_or_subnet_is_refused() -> None:
    pool = Pool(["10.20.0.0/24"])
    with pytest.raises(AllocationError, match=WRONG_FAMILIES):
        pool.hold("a", ["fd00::5/64"])
    with pytest.raises(AllocationError, match="not in subnet"):
        pool.hold("a", ["10.21.0.5/24"])
    assert pool.held("a") == ()


def test_without_subnets_there_are_no_addresses() -> None:
    assert Pool([]).take("a") == ()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=60))
def test_no_two_owners_ever_hold_one_address(steps: list[tuple[bool, int]]) -> None:
    pool = Pool(["10.20.0.0/28"])
    holders: set[int] = set()
    for takes, owner in steps:
        if not takes:
            pool.release(str(owner))
            holders.discard(owner)
            continue
        try:
            pool.take(str(owner))
            holders.add(owner)
        except AllocationError:
            assert len(holders) == 12
    held = [ip_interface(pool.held(str(owner))[0]).ip for owner in holders]
    assert len(set(held)) == len(held)


def test_mac_of_an_address() -> None:
    assert mac_of(["10.20.0.3/24", "fd00::3/64"]) == "0a:58:0a:14:00:03"
    # sha256("fd00::3") begins so
    assert mac_of(["fd00::3/64"]).startswith("0a:58:")
    assert mac_of(["fd00::3/64"]) != mac_of(["fd00::4/64"])
