"""Reads a report that somebody may have cut off or changed: it is whole and agrees with itself, or it is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from conformance.catalog.model import Catalog
from conformance.compare.consistency import contradictions
from conformance.results.conformance_report import API_VERSION, KIND
from conformance.verdicts import Verdict

SCHEMA = "conformance-report.schema.json"
LARGEST = 64 * 2**20  # bytes: a report of the whole catalogue has about half a megabyte
_SUITE = "udn-conformance"


class BadReport(Exception):
    """A file is no report that can be trusted; one line that says which and why."""


@dataclass(frozen=True)
class Report:
    """A report that agrees with its schema and with itself."""

    name: str
    document: Mapping[str, Any]

    @property
    def requirements(self) -> dict[str, Mapping[str, Any]]:
        """Its requirements by id, in its order."""
        return {each["id"]: each for each in self.document["requirements"]}

    @property
    def environment(self) -> str:
        """``lab`` or ``cluster``."""
        return str(self.document["environment"]["kind"])

    @property
    def date(self) -> datetime:
        """When its run began."""
        return datetime.fromisoformat(self.document["date"])

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of all that took part, by name."""
        versions: Mapping[str, str] = self.document["versions"]
        return versions

    @property
    def features(self) -> dict[str, Mapping[str, Any]]:
        """What the cluster offered, by name."""
        return {each["name"]: each for each in self.document["features"]}

    def verdict(self, id: str) -> Verdict | None:
        """The verdict on a requirement; None when the report does not speak of it."""
        found = self.requirements.get(id)
        return Verdict(found["verdict"]) if found else None


def read(file: Path, known: Catalog) -> Report:
    """The report of a file; raises BadReport.

    A requirement that this catalogue does not know is refused in a report of this very version, which cannot have it.
    """
    document = _parsed(file)
    if (found := (document.get("apiVersion"), document.get("kind"))) != (API_VERSION, KIND):
        raise BadReport(f"{file}: no {KIND} of {API_VERSION}, but {found[1]!r} of {found[0]!r}")
    _follow_schema(file, document)
    if not _is_time(document["date"]):
        raise BadReport(f"{file}: date {document['date']!r} is no time with its zone")
    wrong = contradictions(document)
    if document["versions"].get(_SUITE) == metadata.version(_SUITE):
        wrong += _foreign(document, known)
    if wrong:
        more = f" (and {len(wrong) - 1} more contradictions)" if len(wrong) > 1 else ""
        raise BadReport(f"{file}: the report contradicts itself, was it edited? {wrong[0]}{more}")
    return Report(str(file), document)


def _parsed(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            text = stream.read(LARGEST + 1)
    except OSError as error:
        raise BadReport(f"{file}: cannot be read: {error.strerror or error}") from error
    if len(text) > LARGEST:
        raise BadReport(f"{file}: more than {LARGEST // 2**20} MiB: that is no report")
    try:
        document = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadReport(f"{file}: no JSON, or cut off: {error}") from error
    if not isinstance(document, dict):
        raise BadReport(f"{file}: no report: JSON of another kind")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different: of two values under one name, readers would see different ones."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} stands twice in one object")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _follow_schema(file: Path, document: dict[str, Any]) -> None:
    from jsonschema.exceptions import best_match  # late: it takes as long to load as all else

    error = best_match(_validator().iter_errors(document))
    if error is not None:
        place = "/".join(str(part) for part in error.absolute_path) or "the whole"
        said = " ".join(error.message.split())
        shown = said if len(said) <= 200 else f"{said[:199]}…"
        raise BadReport(f"{file}: does not follow the schema: {place}: {shown}")


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads((resources.files("reports") / SCHEMA).read_text(encoding="utf-8")))


def _foreign(document: Mapping[str, Any], known: Catalog) -> list[str]:
    """Requirements that are not, or not so, in the catalogue."""
    wrong = []
    for each in document["requirements"]:
        id = each["id"]
        if id not in known:
            wrong.append(f"there is no requirement {id}")
        elif (each["kind"], each["level"]) != (known[id].kind.value, known[id].level.value):
            wrong.append(f"{id} is {known[id].kind}, {known[id].level}, not {each['kind']}, {each['level']}")
    return wrong
