"""What Allure files a test under: profile, theme, requirements, level, kind; and the sentences behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

import pytest

from conformance.catalog.model import Catalog, Level, Requirement


def mark(item: pytest.Item, requirements: Sequence[Requirement], catalog: Catalog) -> None:
    """Label a test for allure-pytest, which reads marks, and link it to the documents of its requirements."""
    for name, value in labels(item.path.name, requirements):
        item.add_marker(pytest.mark.allure_label(value, label_type=name))
    for url, title in links(requirements, catalog).items():
        item.add_marker(pytest.mark.allure_link(url, link_type="link", name=title))
    item.add_marker(pytest.mark.allure_description(description(requirements)))


def labels(file: str, requirements: Sequence[Requirement]) -> Iterator[tuple[str, str]]:
    """Epic = profile, feature = theme (the file), story = requirement, severity = level, tags = kinds and levels."""
    yield "feature", PurePosixPath(file).stem.removeprefix("test_").replace("_", " ")
    yield from (("epic", name) for name in dict.fromkeys(each.profile for each in requirements))
    yield from (("story", each.id) for each in requirements)
    core = any(each.level is Level.CORE for each in requirements)
    yield "severity", "critical" if core else "normal"
    for tag in dict.fromkeys(word for each in requirements for word in (each.kind.value, each.level.value)):
        yield "tag", tag


def links(requirements: Sequence[Requirement], catalog: Catalog) -> dict[str, str]:
    """Title by URL of each document behind the requirements; those whose place is not known are left out."""
    numbers = dict.fromkeys(source.document for each in requirements for source in each.source)
    return {catalog.addresses[number]: catalog.documents[number] for number in numbers if number in catalog.addresses}


def description(requirements: Sequence[Requirement]) -> str:
    """Each requirement with its sentence and where that is written, in Markdown."""
    return "\n\n".join(_paragraph(each) for each in requirements)


def _paragraph(requirement: Requirement) -> str:
    sources = "; ".join(str(source) for source in requirement.source)
    return f"**{requirement.id}** ({requirement.kind.value}, {requirement.level.value}): {requirement.says} [{sources}]"
