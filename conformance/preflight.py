"""What must hold before any test: a kubeconfig that leads to a cluster which answers and lets this user in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.features.detect import detect
from conformance.features.model import FeatureSet
from conformance.features.sight import Given, Sight
from conformance.kube.api import Api
from conformance.kube.errors import Refused, Unreachable
from conformance.kube.resources import NAMESPACES
from conformance.kube.transport import KubeconfigError
from conformance.timeouts import Timeouts


class PreflightFailed(Exception):
    """The run cannot begin; one line that says why and what to do."""


@dataclass(frozen=True)
class Found:
    """What preflight learned of the cluster."""

    server: str
    features: FeatureSet
    versions: dict[str, str] = field(default_factory=dict)


def examine(kubeconfig: Path, context: str | None, timeouts: Timeouts, given: Given) -> Found:
    """Look at the cluster; raises PreflightFailed."""
    if not kubeconfig.exists():
        raise PreflightFailed(f"kubeconfig {kubeconfig} does not exist; name another with --kubeconfig")
    try:
        with kubeconfig.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        raise PreflightFailed(f"kubeconfig {kubeconfig} cannot be read: {error.strerror}") from error
    try:
        api = Api.connect(kubeconfig, context, timeouts)
    except KubeconfigError as error:
        raise PreflightFailed(str(error)) from error
    return _look(Sight(api, given))


def _look(sight: Sight) -> Found:
    api = sight.api
    try:
        version = str(api.raw("/version").get("gitVersion", "unknown"))
        # A user without the right to make namespaces would fail at the first one; to list them is the least.
        api.list(NAMESPACES, labels="udn-conformance/run=preflight")
        features = detect(sight)
    except Unreachable as error:
        raise PreflightFailed(str(error)) from error
    except Refused as error:
        raise PreflightFailed(with_hint(api, error)) from error
    return Found(api.server, features, _versions(sight, version, features))


def with_hint(api: Api, error: Refused) -> str:
    """A refusal with the cluster that gave it and what to do, in one line."""
    hints = {
        401: "the kubeconfig's credentials are not accepted; log in again",
        403: "this user is not allowed to; be a cluster administrator, or have the rights of deploy/rbac.yaml",
    }
    return f"{api.server}: {error}; {hints.get(error.code, 'is this a Kubernetes API server?')}"


def _versions(sight: Sight, kubernetes: str, features: FeatureSet) -> dict[str, str]:
    versions = {"kubernetes": kubernetes}
    status: dict[str, Any] = (sight.kubevirt or {}).get("status") or {}
    if status.get("observedKubeVirtVersion"):
        versions["kubevirt"] = str(status["observedKubeVirtVersion"])
    if features.has("virtctl"):
        versions["virtctl"] = features["virtctl"].evidence
    systems = {str((node.get("status") or {}).get("nodeInfo", {}).get("osImage", "")) for node in sight.nodes} - {""}
    if systems:
        versions["nodes"] = f"{len(sight.nodes)}, {', '.join(sorted(systems))}"
    return versions
