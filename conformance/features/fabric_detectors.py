"""Detectors of what lies under the networks: OVN-Kubernetes' settings, bridge mappings, the MTU of the wire."""

from __future__ import annotations

from conformance.features.detectors import Answer, detects
from conformance.features.ovn_kubernetes import DAEMONS, OvnKubernetes
from conformance.features.sight import Sight
from conformance.kube.errors import NotFound, Refused


@detects("static-address")
def static_address(sight: Sight) -> Answer:
    """OVN-Kubernetes is started with preconfigured UDN addresses."""
    found = OvnKubernetes.of(sight)
    if found is None:
        return None, f"no DaemonSet {DAEMONS} to read it from; say --feature static-address=yes or no"
    said = found.preconfigured_addresses()
    if said is None:
        return False, f"{DAEMONS} is not told to enable preconfigured UDN addresses"
    return said.value.lower() == "true", f"{said.origin} is {said.value}"


@detects("masquerade-subnet")
def masquerade_subnet(sight: Sight) -> Answer:
    """OVN-Kubernetes' settings can be read, and tell the subnet."""
    found = OvnKubernetes.of(sight)
    if found is None:
        return None, f"no DaemonSet {DAEMONS} to read it from"
    try:
        masquerade = found.masquerade()
    except ValueError as error:
        return None, f"the masquerade subnet that is set is none: {error}"
    return True, str(masquerade)


@detects("localnet")
def localnet(sight: Sight) -> Answer:
    """A bridge mapping, where NMState reports it."""
    try:
        states = sight.api.raw("/apis/nmstate.io/v1beta1/nodenetworkstates").get("items") or []
    except Refused:
        return None, "no NMState to read bridge mappings from; say --feature localnet=yes or no"
    mapped = [state["metadata"]["name"] for state in states if "bridge-mappings" in str(state.get("status"))]
    return bool(mapped), f"nodes with a bridge mapping: {', '.join(sorted(mapped)) or 'none'}"


@detects("jumbo-frames")
def jumbo_frames(sight: Sight) -> Answer:
    """OpenShift publishes the cluster network's MTU."""
    try:
        mtu = (sight.api.raw("/apis/config.openshift.io/v1/networks/cluster").get("status") or {}).get(
            "clusterNetworkMTU"
        )
    except NotFound:
        return None, "the API does not tell the cluster network's MTU; say --feature jumbo-frames=yes or no"
    return bool(mtu and mtu > 1500), f"clusterNetworkMTU is {mtu}"
