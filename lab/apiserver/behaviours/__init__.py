"""What is special about some built-in kinds; every other kind has the plain :class:`Behaviour`."""

from __future__ import annotations

from lab.apiserver.behaviours.base import Behaviour
from lab.apiserver.behaviours.definitions import DefinitionBehaviour
from lab.apiserver.behaviours.namespaces import NamespaceBehaviour
from lab.apiserver.kinds import Kind

_PLAIN = Behaviour()
_SPECIAL: dict[str, Behaviour] = {
    "customresourcedefinitions.apiextensions.k8s.io": DefinitionBehaviour(),
    "namespaces": NamespaceBehaviour(),
}


def behaviour_of(kind: Kind) -> Behaviour:
    """How objects of a kind behave."""
    return _SPECIAL.get(kind.resource, _PLAIN)


__all__ = ["Behaviour", "behaviour_of"]
