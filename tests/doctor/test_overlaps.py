"""Which subnets overlap."""

from __future__ import annotations

from ipaddress import ip_network
from itertools import combinations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conformance.doctor.overlaps import Claim, claims_of, overlaps


def udn(name: str, *subnets: Any, topology: str = "Layer2") -> dict[str, Any]:
    """A UserDefinedNetwork."""
    spec = {"topology": topology, topology.lower(): {"subnets": list(subnets)}}
    return {"kind": "UserDefinedNetwork", "metadata": {"name": name, "namespace": "a"}, "spec": spec}


def test_subnets_of_every_kind_of_network() -> None:
    cluster_wide = {
        "kind": "ClusterUserDefinedNetwork",
        "metadata": {"name": "wide"},
        "spec": {"network": {"topology": "Layer3", "layer3": {"subnets": [{"cidr": "10.8.0.0/16", "hostSubnet": 24}]}}},
    }
    assert [str(each.subnet) for each in claims_of(udn("x", "10.0.0.0/24", "fd00::/64"))] == [
        "10.0.0.0/24",
        "fd00::/64",
    ]
    assert list(claims_of(cluster_wide)) == [Claim(ip_network("10.8.0.0/16"), "ClusterUserDefinedNetwork wide")]
    assert list(claims_of(udn("odd", "no subnet", None))) == []
    assert list(claims_of({"metadata": {"name": "bare"}})) == []


def test_an_overlap_names_whose_they_are() -> None:
    networks = [udn("one", "10.0.0.0/16"), udn("two", "10.0.3.0/24"), udn("apart", "10.1.0.0/24")]
    (found,) = overlaps(claim for network in networks for claim in claims_of(network))
    assert str(found) == "10.0.0.0/16 of UserDefinedNetwork a/one and 10.0.3.0/24 of UserDefinedNetwork a/two"


def test_many_that_overlap_are_told_in_short() -> None:
    (found,) = overlaps(Claim(ip_network("10.0.0.0/24"), str(number)) for number in range(1000))
    assert str(found).endswith("and 10.0.0.0/24 of 2 and 997 more")


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(24, 32)), max_size=8))
def test_what_is_found_is_what_overlaps_pairwise(drawn: list[tuple[int, int]]) -> None:
    claims = [
        Claim(ip_network(f"10.0.0.{address}/{length}", strict=False), str(number))
        for number, (address, length) in enumerate(drawn)
    ]
    groups = overlaps(claims)
    pairs = {frozenset((a.owner, b.owner)) for a, b in combinations(claims, 2) if a.subnet.overlaps(b.subnet)}
    together = [{claim.owner for claim in group.claims} for group in groups]
    assert all(any(pair <= group for group in together) for pair in pairs)
    # Everyone in a group overlaps somebody of it.
    assert all(any(frozenset((one, other)) in pairs for other in group) for group in together for one in group)
