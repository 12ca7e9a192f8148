"""What a baseline and its objects are called.

Its objects carry the run's label with a value of the baseline's own, so that the run that made nothing of it removes
nothing of it, and ``clean --run-id upgrade-NAME`` finds all.
"""

from __future__ import annotations

DEFAULT = "default"
LABEL = "udn-conformance/upgrade"
LONGEST = 20  # characters: names of namespaces hold 63, and the baseline's is part of them


def is_name(text: str) -> bool:
    """Whether a baseline can be called so."""
    plain = text.replace("-", "")
    return 0 < len(text) <= LONGEST and plain.isalnum() and plain.isascii() and text == text.lower().strip("-")


def run_id(name: str) -> str:
    """The value of the run's label on all that belongs to a baseline."""
    return f"upgrade-{name}"


def namespace(name: str) -> str:
    """Where the record of a baseline is kept."""
    return f"udn-upgrade-{name}"
