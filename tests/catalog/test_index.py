"""Marks are found by reading alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance import verifies
from conformance.catalog.index import scan, without_group, without_parameters
from conformance.catalog.loader import catalog

SOURCE = """
import pytest
from conformance import verifies

pytestmark = [pytest.mark.slow, verifies("primary-l2/mtu")]

@verifies("primary-l2/same-node", "primary-l2/egress")
def test_one():
    def test_inner(): ...

@verifies("persistence/restart-keeps-address")
class TestGroup:
    @pytest.mark.parametrize("a", [1, 2])
    def test_two(self, a): ...

    def helper(self): ...
"""


def test_marks_of_modules_classes_and_functions_add_up(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "test_marks.py"
    file.parent.mkdir()
    file.write_text(SOURCE)
    index = scan(tmp_path, catalog())
    assert not index.problems
    assert [(test.nodeid, test.ids) for test in index.tests] == [
        ("deep/test_marks.py::test_one", ("primary-l2/mtu", "primary-l2/same-node", "primary-l2/egress")),
        ("deep/test_marks.py::TestGroup::test_two", ("primary-l2/mtu", "persistence/restart-keeps-address")),
    ]
    assert index.ids_of("deep/test_marks.py::TestGroup::test_two[2]")[1] == "persistence/restart-keeps-address"
    assert index.ids_of("elsewhere.py::test") == ()


@pytest.mark.parametrize(
    ("nodeid", "test", "function"),
    [
        ("a.py::test_b@group", "a.py::test_b", "a.py::test_b"),
        ("a.py::T::test_b[x@y]@g", "a.py::T::test_b[x@y]", "a.py::T::test_b"),
        ("a.py::test_b[x@y]", "a.py::test_b[x@y]", "a.py::test_b"),
        ("a@b.py::test_b", "a@b.py::test_b", "a@b.py::test_b"),
    ],
)
def test_ids_without_what_xdist_and_parameters_add(nodeid: str, test: str, function: str) -> None:
    assert without_group(nodeid) == test
    assert without_parameters(nodeid) == function


def test_a_file_that_is_not_python_is_left_to_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text("def (:")
    assert scan(tmp_path, catalog()).tests == []


def test_the_mark_wants_an_id() -> None:
    with pytest.raises(TypeError, match="at least one requirement's id"):
        verifies()


def test_the_project_s_own_suites_are_well_marked() -> None:
    index = scan(Path(__file__).parents[2] / "suites", catalog())
    assert [str(problem) for problem in index.problems] == []
