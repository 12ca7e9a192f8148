"""What is special about some built-in kinds; every other kind has the plain :class:`Behaviour`."""

from __future__ import annotations

from collections.abc import Sequence

from lab.apiserver.behaviours.base import Behaviour
from lab.apiserver.behaviours.definitions import DefinitionBehaviour
from lab.apiserver.behaviours.namespaces import NamespaceBehaviour
from lab.apiserver.behaviours.plain_data import ApiServiceBehaviour, DefaultedBehaviour, SecretBehaviour
from lab.apiserver.behaviours.pods import PodBehaviour
from lab.apiserver.behaviours.services import ServiceBehaviour
from lab.apiserver.kinds import Kind, data

API_SERVICES = "apiservices.apiregistration.k8s.io"
_PLAIN = Behaviour()


class Behaviours:
    """How objects of each kind behave; ``service_subnets``: see :class:`ServiceBehaviour`."""

    def __init__(self, service_subnets: Sequence[str]) -> None:
        self._special: dict[str, Behaviour] = {
            **{resource: DefaultedBehaviour(resource) for resource in data("defaults")},
            API_SERVICES: ApiServiceBehaviour(API_SERVICES),
            "customresourcedefinitions.apiextensions.k8s.io": DefinitionBehaviour(),
            "namespaces": NamespaceBehaviour(),
            "pods": PodBehaviour(),
            "secrets": SecretBehaviour("secrets"),
            "services": ServiceBehaviour(service_subnets),
        }

    def of(self, kind: Kind) -> Behaviour:
        """How objects of a kind behave."""
        return self._special.get(kind.resource, _PLAIN)


__all__ = ["Behaviour", "Behaviours"]
