"""Which tests verify which requirements, read from the suites' source without running it.

So the catalogue's coverage is known before, without and after a run, for tests that a selection leaves out too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from conformance.catalog.model import Catalog
from conformance.catalog.verifies import MARKER
from conformance.naming import unknown

PATTERNS = ("test_*.py", "*_test.py")
GROUP = "xdist_group"


@dataclass(frozen=True)
class SuiteTest:
    """One test function and the requirements that it verifies; ``path`` is below the suites' root.

    Tests of one ``group`` (the mark ``xdist_group``) share a scenario; it is empty for a test that stands alone.
    """

    path: str
    line: int
    name: str
    ids: tuple[str, ...]
    group: str = ""

    @property
    def nodeid(self) -> str:
        """pytest's id of the test, without parameters."""
        return f"{self.path}::{self.name}"


@dataclass(frozen=True)
class Problem:
    """Something wrong with a mark, and where."""

    file: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass
class Index:
    """The tests below one folder."""

    root: Path
    tests: list[SuiteTest] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def of(self, id: str) -> list[SuiteTest]:
        """The tests of one requirement."""
        return [test for test in self.tests if id in test.ids]

    def ids_of(self, nodeid: str) -> tuple[str, ...]:
        """The requirements of a test by pytest's id, parameters or not; none for a test that is not known."""
        test = self._find(nodeid)
        return test.ids if test else ()

    def group_of(self, nodeid: str) -> str:
        """The group of a test by pytest's id, parameters or not; empty if it has none or is not known."""
        test = self._find(nodeid)
        return test.group if test else ""

    def _find(self, nodeid: str) -> SuiteTest | None:
        plain = without_parameters(nodeid)
        return next((test for test in self.tests if test.nodeid == plain), None)


def without_group(nodeid: str) -> str:
    """pytest's id of a test without the ``@group`` that xdist appends to tests that stay together."""
    front, at, group = nodeid.rpartition("@")
    return front if at and "]" not in group and "::" in front else nodeid


def without_parameters(nodeid: str) -> str:
    """pytest's id of a test function, whatever parameters and group it is run with."""
    return without_group(nodeid).partition("[")[0]


def scan(root: Path, known: Catalog) -> Index:
    """Read every test file below ``root``; what is wrong stands in ``problems``, in the order of the files."""
    index = Index(root)
    files = sorted({file for pattern in PATTERNS for file in root.rglob(pattern)})
    for file in files:
        try:
            tree = ast.parse(file.read_bytes(), filename=str(file))
        except SyntaxError:
            continue  # pytest tells this better when it collects the file
        _Module(file, index, known).read(tree)
    return index


class _Module:
    """Reads one file."""

    def __init__(self, file: Path, index: Index, known: Catalog) -> None:
        self._file = file
        self._index = index
        self._known = known
        self._path = file.relative_to(index.root).as_posix()

    def read(self, tree: ast.Module) -> None:
        marks = _pytestmark(tree.body)
        self._block(tree.body, (), self._marks(marks), _group(marks))

    def _block(self, body: list[ast.stmt], prefix: tuple[str, ...], inherited: tuple[str, ...], group: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
                marks = [*node.decorator_list, *_pytestmark(node.body)]
                own = self._marks(marks)
                self._block(node.body, (*prefix, node.name), inherited + own, _group(marks) or group)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
                ids = tuple(dict.fromkeys(inherited + self._marks(node.decorator_list)))
                if not ids:
                    self._problem(
                        node.lineno, f"{node.name} verifies no requirement; mark it @verifies('profile/slug')"
                    )
                name = "::".join((*prefix, node.name))
                own_group = _group(node.decorator_list) or group
                self._index.tests.append(SuiteTest(self._path, node.lineno, name, ids, own_group))

    def _marks(self, expressions: Iterable[ast.expr]) -> tuple[str, ...]:
        return tuple(id for call in expressions if _is_verifies(call) for id in self._ids(call))

    def _ids(self, call: ast.expr) -> Iterator[str]:
        for argument in call.args if isinstance(call, ast.Call) else ():
            if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
                self._problem(
                    argument.lineno, "verifies() takes literal strings, so that they are found without running"
                )
            elif argument.value not in self._known:
                self._problem(argument.lineno, unknown("requirement", argument.value, self._known.ids))
            else:
                yield argument.value

    def _problem(self, line: int, message: str) -> None:
        self._index.problems.append(Problem(self._file, line, message))


def _is_verifies(node: ast.expr) -> bool:
    return _called(node) == MARKER


def _called(node: ast.expr) -> str | None:
    """The last name of the function that an expression calls, if it is a call."""
    if not isinstance(node, ast.Call):
        return None
    function = node.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", None)


def _group(marks: Iterable[ast.expr]) -> str:
    for mark in marks:
        if isinstance(mark, ast.Call) and _called(mark) == GROUP:
            for value in (*mark.args, *(keyword.value for keyword in mark.keywords if keyword.arg == "name")):
                if isinstance(value, ast.Constant):
                    return str(value.value)
    return ""


def _pytestmark(body: list[ast.stmt]) -> list[ast.expr]:
    found: list[ast.expr] = []
    for node in body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets):
            found += node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
    return found
