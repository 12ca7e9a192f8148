"""Reads the catalogue from its YAML files, and refuses whatever is not exactly as it should be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from conformance.catalog.model import Catalog, Kind, Level, Profile, Requirement, Source
from conformance.features.vocabulary import feature_names
from conformance.naming import unknown

try:  # ten times as fast, where PyYAML was built with libyaml
    from yaml import CSafeLoader as _SafeLoader
except ImportError:
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

HERE = Path(__file__).parent
DOCUMENTS = "documents.yaml"
ORDER = "order.yaml"
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*")
_RELEASE = re.compile(r"\d+\.\d+")
_REQUIRED = ("id", "says", "kind", "level", "source", "breaks_it")
_OPTIONAL = ("needs", "since", "until", "releases")


class CatalogError(Exception):
    """The catalogue is not well formed; the message says in one line where and why."""


class _StrictLoader(_SafeLoader):
    """YAML as usual, except that a key given twice is an error and not a silent loss."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise CatalogError(f"{key.start_mark.name}:{key.start_mark.line + 1}: key {key.value!r} is given twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


@cache
def catalog() -> Catalog:
    """The catalogue that comes with this package."""
    return load(HERE)


def load(folder: Path) -> Catalog:
    """The catalogue in ``folder``: one file a profile, ``documents.yaml``, and ``order.yaml``.

    Raises CatalogError.
    """
    documents, addresses = _documents(folder / DOCUMENTS)
    order = _read(folder / ORDER)
    files = {file.stem: file for file in sorted(folder.glob("*.yaml")) if file.name not in (DOCUMENTS, ORDER)}
    if not isinstance(order, list) or sorted(map(str, order)) != sorted(files):
        raise CatalogError(f"{folder / ORDER}: must list every profile once, and has a file for each: {sorted(files)}")
    profiles = tuple(_profile(files[name], documents) for name in order)
    seen: dict[str, str] = {}
    for profile in profiles:
        for requirement in profile.requirements:
            if requirement.id in seen:
                raise CatalogError(f"{files[profile.name]}: id {requirement.id!r} is already in {seen[requirement.id]}")
            seen[requirement.id] = files[profile.name].name
    return Catalog(profiles, documents, addresses)


def _documents(file: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Titles and URLs of the sources, by number."""
    titles, addresses = {}, {}
    for number, entry in _mapping(file).items():
        if not isinstance(entry, dict):
            titles[str(number)] = str(entry)
            continue
        where = f"{file}: {number}"
        _check_keys(entry, ("title", "url"), (), where)
        titles[str(number)] = _text(entry, "title", where)
        addresses[str(number)] = _text(entry, "url", where)
    return titles, addresses


def _read(file: Path) -> Any:
    try:
        with file.open(encoding="utf-8") as stream:
            return yaml.load(stream, Loader=_StrictLoader)
    except OSError as error:
        raise CatalogError(f"{file}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise CatalogError(f"{file}: is not YAML: {' '.join(str(error).split())}") from error


def _mapping(file: Path) -> dict[str, Any]:
    content = _read(file)
    if not isinstance(content, dict):
        raise CatalogError(f"{file}: must be a mapping")
    return content


def _profile(file: Path, documents: Mapping[str, str]) -> Profile:
    content = _mapping(file)
    _check_keys(content, ("profile", "title", "requirements"), ("needs",), str(file))
    if content["profile"] != file.stem:
        raise CatalogError(f"{file}: profile {content['profile']!r} must be named as its file is: {file.stem!r}")
    needs = _needs(content.get("needs", []), str(file))
    rows = content["requirements"]
    if not isinstance(rows, list) or not rows:
        raise CatalogError(f"{file}: requirements must be a list with at least one entry")
    requirements = tuple(
        _requirement(row, file.stem, needs, documents, f"{file}: {_name(row, number)}")
        for number, row in enumerate(rows, start=1)
    )
    return Profile(file.stem, _text(content, "title", str(file)), requirements)


def _name(row: Any, number: int) -> str:
    return str(row["id"]) if isinstance(row, dict) and row.get("id") else f"requirement {number}"


def _requirement(
    row: Any, profile: str, base: tuple[str, ...], documents: Mapping[str, str], where: str
) -> Requirement:
    if not isinstance(row, dict):
        raise CatalogError(f"{where}: must be a mapping")
    _check_keys(row, _REQUIRED, _OPTIONAL, where)
    id = _text(row, "id", where)
    if not _ID.fullmatch(id) or not id.startswith(f"{profile}/"):
        raise CatalogError(f"{where}: id must be {profile}/ and a slug of lower-case letters, digits and hyphens")
    needs = dict.fromkeys((*base, *_needs(row.get("needs", []), where)))
    return Requirement(
        id=id,
        says=_text(row, "says", where),
        kind=Kind(_choice(row["kind"], "kind", [kind.value for kind in Kind], where)),
        level=Level(_choice(row["level"], "level", [level.value for level in Level], where)),
        source=_sources(row["source"], documents, where),
        breaks_it=_text(row, "breaks_it", where),
        needs=tuple(needs),
        since=_release(row.get("since"), "since", where),
        until=_release(row.get("until"), "until", where),
        releases=_releases(row.get("releases", {}), where),
    )


def _check_keys(row: Mapping[Any, Any], required: tuple[str, ...], optional: tuple[str, ...], where: str) -> None:
    for key in row:
        if key not in (*required, *optional):
            raise CatalogError(f"{where}: {unknown('key', str(key), (*required, *optional))}")
    missing = [key for key in required if key not in row]
    if missing:
        raise CatalogError(f"{where}: lacks {', '.join(missing)}")


def _text(row: Mapping[str, Any], key: str, where: str) -> str:
    value = row[key]
    if not isinstance(value, str) or not value.strip():
        raise CatalogError(f"{where}: {key} must be a text")
    return " ".join(value.split())


def _choice(value: Any, key: str, allowed: list[str], where: str) -> str:
    if value not in allowed:
        raise CatalogError(f"{where}: {key} {value!r} must be one of {', '.join(allowed)}")
    return str(value)


def _needs(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise CatalogError(f"{where}: needs must be a list of features")
    for name in value:
        if name not in feature_names():
            raise CatalogError(f"{where}: {unknown('feature', str(name), feature_names())}")
    return tuple(value)


def _sources(value: Any, documents: Mapping[str, str], where: str) -> tuple[Source, ...]:
    if not isinstance(value, list) or not value:
        raise CatalogError(f"{where}: source must be a list with at least one entry")
    sources = []
    for entry in value:
        document, _, section = str(entry).partition(" ")
        if document not in documents:
            raise CatalogError(f"{where}: {unknown('document', document, tuple(documents))}")
        if document.isdigit() and not section:
            raise CatalogError(f"{where}: source {document!r} must name the section")
        sources.append(Source(document, section))
    return tuple(sources)


def _release(value: Any, key: str, where: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _RELEASE.fullmatch(value):
        raise CatalogError(f"{where}: {key} {value!r} must be a release in quotes, such as '4.18'")
    return value


def _releases(value: Any, where: str) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise CatalogError(f"{where}: releases must map a release to what differs there")
    return {_release(release, "releases", where) or "": _text(value, release, where) for release in value}
