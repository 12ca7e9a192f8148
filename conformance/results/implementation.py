"""What a run tested: the platform with its release, and the parts of it that the documentation is about."""

from __future__ import annotations

from typing import Any

from conformance.results.run import Environment

LAB = "udn-lab"
_PLATFORMS = {"openshift": "OpenShift", "kubernetes": "Kubernetes"}
_COMPONENTS = {
    "kubernetes": "Kubernetes",
    "openshift": "OpenShift",
    "kubevirt": "KubeVirt",
    "ovn-kubernetes": "OVN-Kubernetes",
    "multus": "Multus",
}


def implementation(environment: Environment) -> dict[str, Any]:
    """Name and version of what was tested, and its components; a version is None when the cluster did not tell it.

    The lab bears its own name: its components only play the part of those that they are named after.
    """
    versions = environment.versions
    if environment.kind == "lab":
        name, version = LAB, versions.get("udn-conformance")
    else:
        key = next((key for key in _PLATFORMS if key in versions), "kubernetes")
        name, version = _PLATFORMS[key], versions.get(key)
    components = {key: component for key, component in _COMPONENTS.items() if component != name}
    return {
        "name": name,
        "version": version,
        "components": [
            {"name": component, "version": versions.get(key)}
            for key, component in components.items()
            if key in versions or key in ("kubevirt", "ovn-kubernetes")
        ],
    }
