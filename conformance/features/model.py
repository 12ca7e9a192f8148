"""A feature of a cluster, with what showed it, and all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from conformance.features.vocabulary import vocabulary


@dataclass(frozen=True)
class Feature:
    """Whether a cluster has something; ``present`` is None when nobody could tell."""

    name: str
    present: bool | None
    evidence: str
    overridden: bool = False


class FeatureSet:
    """What one cluster offers."""

    def __init__(self, features: Iterable[Feature] = ()) -> None:
        self._features = {feature.name: feature for feature in features}

    def __iter__(self) -> Iterator[Feature]:
        return iter(self._features.values())

    def __len__(self) -> int:
        return len(self._features)

    def __getitem__(self, name: str) -> Feature:
        """One feature; KeyError when the vocabulary does not have it."""
        if name in vocabulary():
            return self._features.get(name, Feature(name, None, "it was not looked for"))
        raise KeyError(name)

    def has(self, name: str) -> bool:
        """Whether the cluster has it for certain."""
        return self[name].present is True

    def missing(self, needs: Iterable[str]) -> Feature | None:
        """The first of ``needs`` that the cluster does not have for certain."""
        return next((self[name] for name in needs if not self.has(name)), None)

    def with_overrides(self, said: Mapping[str, bool]) -> FeatureSet:
        """The same, where the user's word goes before what was found; the evidence keeps both."""
        changed = dict(self._features)
        for name, present in said.items():
            found = self[name]
            evidence = f"said by --feature {name}={'yes' if present else 'no'}; found: {found.evidence}"
            changed[name] = Feature(name, present, evidence, overridden=True)
        return FeatureSet(changed.values())

    def to_list(self) -> list[dict[str, Any]]:
        """Plain data, for the report and for workers."""
        return [asdict(feature) for feature in self]

    @classmethod
    def from_list(cls, data: Iterable[Mapping[str, Any]]) -> FeatureSet:
        """What :meth:`to_list` gave."""
        return cls(Feature(**entry) for entry in data)
