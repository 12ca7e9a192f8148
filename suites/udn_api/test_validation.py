"""What the API refuses, each beside its nearest neighbour that it accepts. Nothing is stored: all are dry runs."""

import pytest

from conformance import verifies

PERSISTENT = {"lifecycle": "Persistent"}


@verifies("udn-api/persistent-needs-subnets")
def test_persistent_addresses_need_subnets(draft):
    draft.layer2(role="Primary", subnets=["10.100.0.0/24"], ipam=PERSISTENT).is_accepted()
    draft.layer2(role="Primary", ipam=PERSISTENT).is_refused("Subnets is required")
    draft.layer2(role="Secondary", ipam=PERSISTENT).is_refused("Subnets is required")


@verifies("udn-api/persistent-needs-ipam-enabled")
def test_persistent_addresses_need_ipam(draft):
    subnets = ["10.100.0.0/24"]
    draft.layer2(role="Secondary", subnets=subnets, ipam={"mode": "Enabled", **PERSISTENT}).is_accepted()
    draft.layer2(role="Secondary", ipam={"mode": "Disabled"}).is_accepted()
    says = "lifecycle Persistent is only supported when ipam.mode is Enabled"
    draft.layer2(role="Secondary", ipam={"mode": "Disabled", **PERSISTENT}).is_refused(says)
    draft.layer2(role="Primary", subnets=subnets, ipam={"mode": "Disabled", **PERSISTENT}).is_refused(says)


@verifies("udn-api/ipam-disabled-is-secondary-only")
def test_ipam_is_disabled_on_secondary_networks_without_subnets_only(draft):
    subnets = ["10.100.0.0/24"]
    disabled = {"mode": "Disabled"}
    draft.layer2(role="Secondary", ipam=disabled).is_accepted()
    draft.layer2(role="Primary", subnets=subnets, ipam={"mode": "Enabled"}).is_accepted()
    draft.layer2(role="Primary", ipam=disabled).is_refused("only supported for Secondary network")
    draft.layer2(role="Secondary", subnets=subnets, ipam=disabled).is_refused("Subnets must be unset")


@verifies("udn-api/join-subnets-primary-only")
@pytest.mark.parametrize("topology", ["layer2", "layer3"])
def test_join_subnets_are_for_primary_networks(draft, topology):
    subnets = {"layer2": ["10.100.0.0/24"], "layer3": [{"cidr": "10.100.0.0/16", "hostSubnet": 24}]}[topology]
    attempt = getattr(draft, topology)
    join = {"subnets": subnets, "joinSubnets": ["100.70.0.0/16"]}
    attempt(role="Primary", **join).is_accepted()
    attempt(role="Secondary", subnets=subnets).is_accepted()
    attempt(role="Secondary", **join).is_refused("JoinSubnets is only supported for Primary network")


@verifies("udn-api/layer3-subnets-required")
@pytest.mark.parametrize(
    ("subnets", "says"),
    [
        (None, "subnets"),
        ([], "subnets"),
        ([{"hostSubnet": 24}], "cidr"),
        ([{"cidr": "10.100.0.0/33", "hostSubnet": 24}], "CIDR is invalid"),
        ([{"cidr": "10.100.0.0/16", "hostSubnet": 16}], "HostSubnet must be smaller than CIDR"),
        ([{"cidr": "10.100.0.0/16", "hostSubnet": 12}], "HostSubnet must be smaller than CIDR"),
        ([{"cidr": "10.100.0.0/16", "hostSubnet": 32}], "HostSubnet must < 32"),
    ],
    ids=["none", "empty", "no-cidr", "malformed", "as-large", "larger", "one-address"],
)
@pytest.mark.parametrize("role", ["Primary", "Secondary"])
def test_layer3_needs_a_cidr_larger_than_its_host_subnets(draft, role, subnets, says):
    draft.layer3(role=role, subnets=[{"cidr": "10.100.0.0/16", "hostSubnet": 17}]).is_accepted()
    draft.layer3(role=role, **({} if subnets is None else {"subnets": subnets})).is_refused(says)


@verifies("udn-api/subnets-one-per-family")
@pytest.mark.parametrize(
    "subnets",
    [["10.100.0.0/16"], ["2001:db8::/64"], ["10.100.0.0/16", "2001:db8::/64"], ["2001:db8::/60", "10.100.0.0/16"]],
    ids=" ".join,
)
def test_one_subnet_a_family_is_accepted(draft, subnets):
    draft.layer2(role="Primary", subnets=subnets).is_accepted()
    draft.layer2(role="Primary", subnets=[*subnets, subnets[0]]).is_refused("subnets", "different IP families")


@verifies("udn-api/subnets-one-per-family")
@pytest.mark.parametrize(
    ("subnets", "says"),
    [
        (["10.100.0.0/16", "10.200.0.0/16"], "different IP families"),
        (["2001:db8::/64", "2001:db8:1::/64"], "different IP families"),
        (["10.100.0.0/33"], "CIDR is invalid"),
        (["10.100.0/16"], "CIDR is invalid"),
        (["10.100.0.0"], "CIDR is invalid"),
        (["subnet"], "CIDR is invalid"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_other_subnets_are_refused(draft, subnets, says):
    draft.layer2(role="Primary", subnets=["10.100.0.0/16"]).is_accepted()
    draft.layer2(role="Primary", subnets=subnets).is_refused(says)


@verifies("udn-api/mtu-bounds")
@pytest.mark.parametrize(
    ("subnets", "least", "says"),
    [
        (["10.100.0.0/16"], 576, "576"),
        (["2001:db8::/64"], 1280, "1280"),
        (["10.100.0.0/16", "2001:db8::/64"], 1280, "1280"),
    ],
    ids=["ipv4", "ipv6", "dual-stack"],
)
def test_the_mtu_has_a_least_value(draft, subnets, least, says):
    draft.layer2(role="Primary", subnets=subnets, mtu=least).is_accepted()
    draft.layer2(role="Primary", subnets=subnets, mtu=least - 1).is_refused(says)


@verifies("udn-api/mtu-bounds")
def test_the_mtu_has_a_greatest_value(draft):
    draft.layer2(role="Primary", subnets=["10.100.0.0/16"], mtu=65536).is_accepted()
    draft.layer2(role="Primary", subnets=["10.100.0.0/16"], mtu=65537).is_refused("65536")


LAYER2 = {"role": "Primary", "subnets": ["10.100.0.0/16"]}
LAYER3 = {"role": "Primary", "subnets": [{"cidr": "10.100.0.0/16", "hostSubnet": 24}]}


@verifies("udn-api/topology-and-role-values")
@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"topology": "Layer4", "layer2": LAYER2}, "Layer4"),
        ({"topology": "layer2", "layer2": LAYER2}, "layer2"),
        ({"topology": "Localnet", "localnet": {"role": "Secondary"}}, "Localnet"),
        ({"topology": "Layer2", "layer2": {**LAYER2, "role": "primary"}}, "role"),
        ({"topology": "Layer2", "layer2": {**LAYER2, "role": "Tertiary"}}, "role"),
        ({"topology": "Layer2"}, "layer2 is required"),
        ({"topology": "Layer3", "layer2": LAYER2}, "layer3 is required"),
        ({"topology": "Layer2", "layer3": LAYER3}, "layer2 is required"),
        ({"topology": "Layer2", "layer2": LAYER2, "layer3": LAYER3}, "layer3 is required"),
        ({"layer2": LAYER2}, "topology"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join([value.get("topology", "none"), *list(value)[1:]]),
)
def test_undocumented_topologies_and_roles_are_refused(draft, spec, says):
    draft.of({"topology": "Layer2", "layer2": LAYER2}).is_accepted()
    draft.of(spec).is_refused(says)


@verifies("udn-api/topology-and-role-values")
def test_documented_topologies_and_roles_are_accepted(draft):
    draft.of({"topology": "Layer2", "layer2": LAYER2}).is_accepted()
    draft.of({"topology": "Layer2", "layer2": {**LAYER2, "role": "Secondary"}}).is_accepted()
    draft.of({"topology": "Layer3", "layer3": LAYER3}).is_accepted()
    draft.of({"topology": "Layer3", "layer3": {**LAYER3, "role": "Secondary"}}).is_accepted()


@verifies("udn-api/topology-and-role-values")
def test_localnet_is_for_cluster_networks_only(draft):
    localnet = {
        "topology": "Localnet",
        "localnet": {"role": "Secondary", "physicalNetworkName": "physnet", "subnets": ["10.100.0.0/16"]},
    }
    draft.cluster(localnet).is_accepted()
    draft.of(localnet).is_refused("Localnet")
    primary = {**localnet, "localnet": {**localnet["localnet"], "role": "Primary"}}
    draft.cluster(primary).is_refused("role")
