"""The addresses by which nodes tell networks apart."""

from conformance import verifies


@verifies("upgrade/masquerade-subnet-large-enough")
def test_masquerade_subnet_holds_two_addresses_for_every_network(cluster, tenants):
    tenants.primary_layer2("counted")

    masquerade, networks = cluster.masquerade, cluster.user_defined_networks

    assert masquerade.room >= len(networks), (
        f"{masquerade} holds the addresses of {masquerade.room} user-defined networks, there are {len(networks)}"
    )
