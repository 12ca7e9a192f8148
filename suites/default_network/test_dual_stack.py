"""IPv6 beside IPv4 on the cluster network."""

import pytest

from conformance import verifies
from conformance.kube.machine_manifests import Nic
from conformance.traffic import assert_reaches
from conformance.traffic.peers import At

pytestmark = pytest.mark.xdist_group("default-network")

INSIDE, LENGTH, GATEWAY = "fd10:0:2::2", 120, "fd10:0:2::1"
# As the documentation gives it: IPv4 by DHCP, IPv6 by hand.
NETWORK_DATA = f"""version: 2
ethernets:
  eth0:
    dhcp4: true
    addresses: ["{INSIDE}/{LENGTH}"]
    gateway6: "{GATEWAY}"
"""


@pytest.fixture(scope="module")
def dual(tenants):
    """A VM with addresses of both families."""
    tenant = tenants.without_label("dual")
    machine = tenant.machine("vm-dual", nic=Nic(binding="masquerade"), network_data=NETWORK_DATA)
    machine.wait_ready()
    return machine


@verifies("default-network/dual-stack")
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_the_guest_is_reached_by_its_pods_ipv6_address(plain, dual, protocol):
    addresses = dual.guest.nic().addresses
    assert INSIDE in addresses, f"{dual}: the guest has {addresses}, expected {INSIDE} among them"
    outer = [address for address in dual.pod.pod_ips if ":" in address]
    assert outer, f"{dual}: its pod has {dual.pod.pod_ips}, none of IPv6"
    assert outer[0] in dual.addresses, f"{dual}: the VMI reports {dual.addresses}, its pod has {outer[0]}"
    for pod in plain.pods:
        assert_reaches(pod, At(dual, outer[0]), protocol)
