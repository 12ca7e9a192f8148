"""YAML through libyaml where PyYAML has it: reading the lab's manifests in Python takes longer than starting it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def read(text: str | bytes) -> Any:
    """The one document of a text; ``yaml.YAMLError`` if it is none."""
    return yaml.load(text, Loader=_LOADER)


def read_all(text: str) -> Iterator[Any]:
    """The documents of a text, one after the other; ``yaml.YAMLError`` if it is none."""
    return yaml.load_all(text, Loader=_LOADER)


def write(document: object) -> str:
    """A document as text, its fields in their own order."""
    written: str = yaml.dump(document, Dumper=_DUMPER, sort_keys=False)
    return written
