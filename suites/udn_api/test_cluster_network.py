"""In which namespaces a ClusterUserDefinedNetwork is."""

import pytest

from conformance import verifies

pytestmark = pytest.mark.xdist_group("udn-api-cluster-network")

SCOPE = "udn-conformance/scope"
TIER = "udn-conformance/tier"

# What is added to a selector of the scope, and which of the scope's namespaces it selects.
SELECTORS = {
    "matchLabels": ({"matchLabels": {TIER: "front"}}, {"front"}),
    "In": ({"matchExpressions": [{"key": TIER, "operator": "In", "values": ["back"]}]}, {"back"}),
    "In-several": (
        {"matchExpressions": [{"key": TIER, "operator": "In", "values": ["front", "back"]}]},
        {"front", "back"},
    ),
    "NotIn": ({"matchExpressions": [{"key": TIER, "operator": "NotIn", "values": ["front"]}]}, {"back", "plain"}),
    "Exists": ({"matchExpressions": [{"key": TIER, "operator": "Exists"}]}, {"front", "back"}),
}


@pytest.fixture(scope="module")
def tiers(tenants):
    """Three namespaces of one scope: two with a tier, one without."""
    scope = {SCOPE: f"tiers-{tenants.run_id}"}
    names = {"front": {TIER: "front"}, "back": {TIER: "back"}, "plain": {}}
    return {name: tenants.empty(name, {**scope, **labels}).namespace for name, labels in names.items()}


@verifies("udn-api/cudn-nad-in-each-namespace")
def test_each_selected_namespace_has_the_attachment_and_no_other(tenants):
    beside = tenants.empty("beside")
    members = tenants.sharing("one", "two", "three")
    network = members[0].network

    network.wait_spans(member.namespace for member in members)

    attachments = [member.network.attachment() for member in members]
    for attachment in attachments:
        assert attachment.name == network.name
        assert attachment.owner_uid == network.uid, f"{attachment} is not owned by {network}"
        assert attachment.namespace in network.message(), (
            f"{network} does not tell of {attachment}: {network.message()}"
        )
    names = {attachment.config["name"] for attachment in attachments}
    assert len(names) == 1, f"{network} is not one network: its attachment definitions name {names}"
    assert beside.namespace not in network.message(), f"{network} tells of {beside}: {network.message()}"


@verifies("udn-api/cudn-selector-operators")
@pytest.mark.parametrize("operator", SELECTORS)
def test_a_selector_selects_as_documented(tenants, tiers, operator):
    terms, selected = SELECTORS[operator]
    # Within the scope: NotIn alone would select every namespace of the cluster.
    labels = {SCOPE: f"tiers-{tenants.run_id}", **terms.get("matchLabels", {})}
    with tenants.request_cluster_network("selecting", {**terms, "matchLabels": labels}).briefly() as network:
        # Ready first: on its way there it has some, which may be the right ones.
        network.wait_ready()
        network.wait_spans(tiers[name] for name in selected)
        told = {name for name, namespace in tiers.items() if namespace in network.message()}
        assert told == selected, f"{network} ({operator}) tells of {told}, selected are {selected}: {network.message()}"


@verifies("udn-api/cudn-follows-new-namespaces")
def test_a_namespace_that_comes_later_joins_the_network_until_it_goes(tenants):
    scope = {SCOPE: f"growing-{tenants.run_id}"}
    first = tenants.empty("first", scope)
    network = tenants.request_cluster_network("growing", {"matchLabels": scope})
    network.wait_spans([first.namespace])
    first.join(network)
    resident = first.pod("resident")
    resident.wait_running()

    later, stranger = tenants.empty("later", scope), tenants.empty("stranger")
    network.wait_spans([first.namespace, later.namespace])
    later.join(network)
    newcomer = later.pod("newcomer")
    newcomer.wait_running()

    assert newcomer.address in network.subnet, f"{newcomer} has {newcomer.address}, not of {network.subnet}"
    newcomer.must_reach(resident)
    resident.must_reach(newcomer)
    network.wait_spans([first.namespace, later.namespace])
    assert stranger.namespace not in network.message(), f"{network} tells of {stranger}: {network.message()}"

    later.remove()
    network.wait_spans([first.namespace])
    network.wait_ready()
    assert later.namespace not in network.message(), f"{network} still tells of {later}: {network.message()}"
