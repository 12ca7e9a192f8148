"""Networks that are only tried: the API judges them, nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conformance.evidence import attach, step
from conformance.kube.api import Api, Object
from conformance.kube.errors import Refused, refusal_of
from conformance.kube.manifests import labelled
from conformance.kube.resources import CUDNS, UDNS
from conformance.tenancy.tenant import Tenant

INVALID = 422


@dataclass(frozen=True)
class Attempt:
    """One manifest that is put before the API as a dry run."""

    api: Api
    manifest: Object

    def is_accepted(self) -> None:
        """The API takes it; ``AssertionError`` with its reason if not."""
        with step(f"accepted: {self.manifest['spec']}"):
            refused = self._refusal()
            assert refused is None, f"a valid network is refused: {self.manifest['spec']}: {refused}"

    def is_refused(self, *reasons: str) -> None:
        """The API refuses it as invalid, and names one of ``reasons``; ``AssertionError`` if not."""
        wanted = " or ".join(reasons)
        with step(f"refused ({wanted}): {self.manifest['spec']}"):
            refused = self._refusal()
            assert refused is not None, f"an invalid network ({wanted}) is accepted: {self.manifest['spec']}"
            attach("refusal", str(refused))
            assert refused.code == INVALID, f"refused, but not as invalid: {refused}"
            assert any(reason in refused.message for reason in reasons), (
                f"{self.manifest['spec']} is refused for another reason than {wanted}: {refused}"
            )

    def _refusal(self) -> Refused | None:
        return refusal_of(lambda: self.api.create(self.manifest, dry_run=True))


class Draft:
    """Makes attempts in one namespace."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def of(self, spec: dict[str, Any]) -> Attempt:
        """A UserDefinedNetwork with that specification."""
        head = labelled(UDNS, "draft", self._tenant.run_id, self._tenant.namespace)
        return Attempt(self._tenant.api, {**head, "spec": spec})

    def layer2(self, **fields: Any) -> Attempt:
        """A Layer2 UserDefinedNetwork with those fields."""
        return self.of({"topology": "Layer2", "layer2": fields})

    def layer3(self, **fields: Any) -> Attempt:
        """A Layer3 UserDefinedNetwork with those fields."""
        return self.of({"topology": "Layer3", "layer3": fields})

    def cluster(self, network: dict[str, Any]) -> Attempt:
        """A ClusterUserDefinedNetwork with that network, for the draft's namespace."""
        selector = {"matchLabels": {"kubernetes.io/metadata.name": self._tenant.namespace}}
        head = labelled(CUDNS, f"draft-{self._tenant.namespace}", self._tenant.run_id)
        return Attempt(self._tenant.api, {**head, "spec": {"namespaceSelector": selector, "network": network}})
