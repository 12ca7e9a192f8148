"""Which releases a cluster runs, each with what shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from conformance.features.model import FeatureSet
from conformance.features.ovn_kubernetes import DAEMONS
from conformance.features.sight import Sight
from conformance.kube.errors import ApiError, NotFound

Object = dict[str, Any]
# On OpenShift the network operator's release stands on what it makes.
_RELEASE = "release.openshift.io/version"
_MULTUS = ("multus", "kube-multus-ds", "kube-multus-ds-amd64")
#: What is asked for, in this order.
COMPONENTS = ("kubernetes", "openshift", "kubevirt", "ovn-kubernetes", "multus", "virtctl", "guest image", "nodes")


def versions(sight: Sight, features: FeatureSet) -> dict[str, str]:
    """Version by component; what is not there, or does not tell, is left out."""
    readers: dict[str, Callable[[], str | None]] = {
        "kubernetes": lambda: str(sight.api.raw("/version").get("gitVersion") or "") or None,
        "openshift": lambda: _openshift(sight),
        "kubevirt": lambda: ((sight.kubevirt or {}).get("status") or {}).get("observedKubeVirtVersion"),
        "ovn-kubernetes": lambda: _of_daemons(sight.daemon_set(DAEMONS)),
        "multus": lambda: _of_daemons(sight.daemon_set(*_MULTUS)),
        "virtctl": lambda: features["virtctl"].evidence if features.has("virtctl") else None,
        "guest image": lambda: sight.given.image,
        "nodes": lambda: _nodes(sight),
    }
    return dict(_readable(readers))


def _readable(readers: dict[str, Callable[[], str | None]]) -> Iterator[tuple[str, str]]:
    for name, read in readers.items():
        try:
            version = read()
        except ApiError:
            continue  # what the API does not tell is told to be missing, by the features
        if version:
            yield name, version


def _openshift(sight: Sight) -> str | None:
    try:
        found = sight.api.raw("/apis/config.openshift.io/v1/clusterversions/version")
    except NotFound:
        return None
    return ((found.get("status") or {}).get("desired") or {}).get("version")


def _of_daemons(daemons: Object | None) -> str | None:
    """The release that stands on a DaemonSet, else its first container's image."""
    if daemons is None:
        return None
    release = (daemons["metadata"].get("annotations") or {}).get(_RELEASE)
    if release:
        return f"of OpenShift {release}"
    containers = (((daemons.get("spec") or {}).get("template") or {}).get("spec") or {}).get("containers") or []
    return str(containers[0]["image"]) if containers and containers[0].get("image") else None


def _nodes(sight: Sight) -> str | None:
    systems = {str((node.get("status") or {}).get("nodeInfo", {}).get("osImage", "")) for node in sight.nodes} - {""}
    return f"{len(sight.nodes)}, {', '.join(sorted(systems))}" if systems else None
