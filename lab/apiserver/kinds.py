"""The kinds that the server serves: built-in ones from ``data/kinds.yaml``, others from CustomResourceDefinitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from lab import documents
from lab.apiserver.errors import Object

DATA = Path(__file__).parent / "data"
ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class Scale:
    """Where the scale subresource finds its numbers."""

    spec: str
    status: str
    selector: str = ""


@dataclass(frozen=True)
class Kind:
    """One kind in one version: its names and what may be done with it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    singular: str = ""
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[str, ...] = ()
    storage_version: str = ""
    scale: Scale | None = None
    selectable: tuple[str, ...] = ()
    custom: bool = False
    traits: tuple[str, ...] = ()
    model: str = ""
    schema: Object = field(default_factory=dict, compare=False, hash=False)
    columns: tuple[Object, ...] | None = field(default=None, compare=False, hash=False)

    @property
    def resource(self) -> str:
        """The key of its objects in the store; the same for all versions."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        """``group/version``, or the bare version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def stored_api_version(self) -> str:
        """The apiVersion under which objects are stored."""
        version = self.storage_version or self.version
        return f"{self.group}/{version}" if self.group else version

    def read(self, obj: Object) -> Object:
        """A stored object in this version (conversion by name only)."""
        return obj if obj.get("apiVersion") == self.api_version else {**obj, "apiVersion": self.api_version}

    def of_list(self) -> str:
        """The kind of its lists."""
        return self.list_kind or f"{self.kind}List"


class Registry:
    """All kinds served now, by group, version and plural."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str, str], Kind] = {}
        self._priorities: dict[str, list[str]] = {}
        self.generation = 0

    def add(self, kind: Kind) -> None:
        """Serve a kind, in place of one of the same name."""
        self._kinds[(kind.group, kind.version, kind.plural)] = kind
        self.generation += 1

    def remove(self, group: str, plural: str) -> None:
        """Serve no version of a kind any more."""
        for key in [key for key in self._kinds if key[0] == group and key[2] == plural]:
            del self._kinds[key]
        self.generation += 1

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind behind a path, or None."""
        return self._kinds.get((group, version, plural))

    def of_resource(self, group: str, plural: str) -> Kind | None:
        """Any served version of a resource, or None."""
        return next((kind for kind in self if kind.group == group and kind.plural == plural), None)

    def of_object(self, api_version: str, kind_name: str) -> Kind | None:
        """The kind that an object says it is, or None."""
        return next((kind for kind in self if kind.api_version == api_version and kind.kind == kind_name), None)

    def __iter__(self) -> Iterator[Kind]:
        return iter(list(self._kinds.values()))

    def groups(self) -> dict[str, list[str]]:
        """Versions by group, best first."""
        found: dict[str, list[str]] = {}
        for kind in self._kinds.values():
            versions = found.setdefault(kind.group, [])
            if kind.version not in versions:
                versions.append(kind.version)
        return {group: sorted(versions, key=version_rank) for group, versions in found.items()}

    def version_kinds(self, group: str, version: str) -> list[Kind]:
        """Kinds of one group and version, by plural."""
        return sorted((k for k in self if k.group == group and k.version == version), key=lambda kind: kind.plural)


def version_rank(version: str) -> tuple[int, int, int, str]:
    """Sort key: v2, v1, v1beta2, v1alpha1, others: Kubernetes' order of versions."""
    digits = version[1:] if version.startswith("v") else ""
    for rank, mark in ((1, "beta"), (2, "alpha")):
        major, found, minor = digits.partition(mark)
        if found and major.isdigit() and minor.isdigit():
            return (rank, -int(major), -int(minor), version)
    return (0, -int(digits), 0, version) if digits.isdigit() else (3, 0, 0, version)


@cache
def data(name: str) -> Any:
    """One of the tables under ``data/``, read once."""
    return documents.read((DATA / f"{name}.yaml").read_text())


def builtin_kinds() -> Iterator[Kind]:
    """The kinds of ``data/kinds.yaml``."""
    for group_version, entries in data("kinds").items():
        group, _, version = group_version.rpartition("/")
        for plural, entry in entries.items():
            scale = entry.get("scale")
            yield Kind(
                group=group,
                version=version,
                plural=plural,
                kind=entry["kind"],
                namespaced=entry.get("namespaced", True),
                singular=entry["kind"].lower(),
                short_names=tuple(entry.get("short", ())),
                categories=tuple(entry.get("categories", ())),
                verbs=tuple(entry.get("verbs", ALL_VERBS)),
                subresources=tuple(entry.get("subresources", ())),
                scale=Scale(**scale) if scale else None,
                selectable=tuple(entry.get("selectable", ())),
                traits=tuple(entry.get("traits", ())),
                model=entry.get("model", ""),
            )
