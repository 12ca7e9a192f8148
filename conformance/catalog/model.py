"""What a requirement is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """What a requirement asks of a cluster."""

    BEHAVIOUR = "behaviour"
    API_RULE = "api-rule"
    LIMITATION = "limitation"


class Level(StrEnum):
    """Whether every conforming cluster must meet a requirement, or only one that has the features for it."""

    CORE = "core"
    EXTENDED = "extended"


@dataclass(frozen=True)
class Source:
    """Where a requirement is written: a document's number (``ref`` and ``mission`` included) and its section."""

    document: str
    section: str = ""

    def __str__(self) -> str:
        return f"{self.document} {self.section}".strip()


@dataclass(frozen=True)
class Requirement:
    """One checkable sentence of the documentation."""

    id: str
    says: str
    kind: Kind
    level: Level
    source: tuple[Source, ...]
    breaks_it: str
    needs: tuple[str, ...]
    since: str | None
    until: str | None
    releases: Mapping[str, str]

    @property
    def profile(self) -> str:
        """The part of the id before the slash."""
        return self.id.partition("/")[0]


@dataclass(frozen=True)
class Profile:
    """Requirements that belong together, in the order in which they are written."""

    name: str
    title: str
    requirements: tuple[Requirement, ...]


class Catalog:
    """Every requirement, by profile and by id.

    ``documents`` are the sources' titles by number, ``addresses`` the URLs of those whose place on the web is known.
    """

    def __init__(
        self,
        profiles: tuple[Profile, ...],
        documents: Mapping[str, str],
        addresses: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.profiles = profiles
        self.documents = documents
        self.addresses = addresses
        self._by_id = {requirement.id: requirement for profile in profiles for requirement in profile.requirements}

    def __iter__(self) -> Iterator[Requirement]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, id: object) -> bool:
        return id in self._by_id

    def __getitem__(self, id: str) -> Requirement:
        """The requirement of that id; KeyError when there is none."""
        return self._by_id[id]

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids, in the catalogue's order."""
        return tuple(self._by_id)

    @property
    def profile_names(self) -> tuple[str, ...]:
        """The names of the profiles, in the catalogue's order."""
        return tuple(profile.name for profile in self.profiles)
