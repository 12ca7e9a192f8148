"""Subnets of a run never meet."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.tenancy.subnets import Subnet, SubnetPool


@given(st.integers(0, 15), st.integers(0, 15), st.lists(st.sampled_from([21, 24, 26, 29]), max_size=8))
def test_subnets_of_a_run_do_not_overlap(one, other, lengths):
    pools = [SubnetPool(worker=worker) for worker in {one, other}]
    made = [ipaddress.ip_network(pool.new(length).cidr) for pool in pools for length in lengths]
    assert not any(a.overlaps(b) for number, a in enumerate(made) for b in made[:number])
    assert [network.prefixlen for network in made] == lengths * len(pools)


def test_ipv6_subnets_of_a_run_do_not_meet():
    made = [pool.new_ipv6().cidr for pool in (SubnetPool(worker=0), SubnetPool(worker=12)) for _ in range(20)]
    assert len(set(map(ipaddress.ip_network, made))) == len(made)
    assert all(ipaddress.ip_network(cidr).is_private and Subnet(cidr).prefix_length == 64 for cidr in made)


def test_a_pool_that_is_used_up_says_so():
    pool = SubnetPool("10.0.0.0/23")
    pool.new()
    pool.new()
    with pytest.raises(ValueError, match="in use"):
        pool.new()


def test_too_many_workers_for_the_pool_are_told():
    with pytest.raises(ValueError, match="at most -n 1"):
        SubnetPool("10.0.0.0/17", worker=1)


def test_membership_and_addresses_of_a_subnet():
    subnet = Subnet("10.0.0.0/29")
    assert "10.0.0.6" in subnet
    assert "10.0.0.8" not in subnet
    assert (subnet.address(1), subnet.address(-2), subnet.prefix_length) == ("10.0.0.1", "10.0.0.6", 29)
