"""The mark that ties a test to the requirements it verifies."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

MARKER = "verifies"


def verifies(*ids: str) -> pytest.MarkDecorator:
    """Say which requirements a test, a class or (as ``pytestmark``) a module of tests verifies.

    The ids are written as literal strings, so that ``list`` and the report find them without running anything;
    an id that the catalogue does not have is an error at collection.
    """
    if not ids:
        raise TypeError("verifies() needs at least one requirement's id, such as 'persistence/restart-keeps-address'")
    import pytest  # late: the command begins with this package, and must be able to catch Ctrl-C from its first moment

    return pytest.mark.verifies(*ids)
