"""OVN-Kubernetes' settings, as the lab publishes them."""

from __future__ import annotations

from lab import config
from lab.controllers import manifests


def test_what_is_published_is_what_the_lab_does() -> None:
    (daemons,) = (obj for obj in manifests.load() if obj["kind"] == "DaemonSet")
    (container,) = daemons["spec"]["template"]["spec"]["containers"]
    told = {variable["name"]: variable["value"] for variable in container["env"]}
    facts = {
        "OVN_MTU": str(config.CLUSTER_MTU),
        "OVN_V4_JOIN_SUBNET": config.JOIN_SUBNETS[0],
        "OVN_V4_MASQUERADE_SUBNET": config.MASQUERADE_SUBNETS[0],
        "OVN_V6_JOIN_SUBNET": config.JOIN_SUBNETS[1],
        "OVN_V6_MASQUERADE_SUBNET": config.MASQUERADE_SUBNETS[1],
    }
    assert {name: told[name] for name in facts} == facts
