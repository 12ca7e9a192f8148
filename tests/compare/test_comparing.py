"""What two reports tell together: ways that requirements went, figures that moved, and what is said first of all."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import cli
from conformance.catalog.model import Catalog
from conformance.compare import Comparison, compare, read
from conformance.compare.changes import BROKEN, HOLDS, MISSING, Change, Trend, trend
from conformance.compare.figures import Movement, Samples
from conformance.verdicts import Verdict
from tests.compare.conftest import Reports

GOLDEN = Path(__file__).parent / "golden"
VERDICTS = st.none() | st.sampled_from(list(Verdict))
Compared = Callable[[Path, Path], Comparison]


@pytest.fixture
def compared(known: Catalog) -> Compared:
    """Compares two files."""
    return lambda before, after: compare(read(before, known), read(after, known))


@given(VERDICTS, VERDICTS)
def test_what_held_and_is_not_known_to_hold_is_a_regression(before: Verdict | None, after: Verdict | None) -> None:
    made = Change("x/y", trend(before, after), before or MISSING, after or MISSING)
    held, holds = before in HOLDS, after in HOLDS
    assert made.regression is ((held and not holds) or (after in BROKEN and before not in BROKEN))
    if before is after:
        assert made.trend is (Trend.STILL if before in BROKEN else Trend.SAME)
    if holds:
        assert made.trend in (Trend.SAME, Trend.BETTER, Trend.GAINED)


@pytest.mark.parametrize(
    ("before", "after", "way"),
    [
        (Verdict.PASSED, Verdict.FAILED, Trend.WORSE),
        (Verdict.CONFIRMED, Verdict.LIFTED, Trend.WORSE),
        (Verdict.EXCLUDED, Verdict.FAILED, Trend.WORSE),
        (Verdict.PASSED, Verdict.BLOCKED, Trend.LOST),
        (Verdict.PASSED, Verdict.EXCLUDED, Trend.LOST),
        (Verdict.PASSED, None, Trend.LOST),
        (Verdict.PASSED, Verdict.NOT_APPLICABLE, Trend.ABSENT),
        (Verdict.PASSED, Verdict.NOT_COVERED, Trend.UNCOVERED),
        (Verdict.FAILED, Verdict.PASSED, Trend.BETTER),
        (Verdict.FAILED, Verdict.BLOCKED, Trend.UNKNOWN),
        (Verdict.FAILED, Verdict.FAILED, Trend.STILL),
        (Verdict.NOT_COVERED, Verdict.PASSED, Trend.GAINED),
        (None, Verdict.EXCLUDED, Trend.COVERED),
    ],
)
def test_ways_that_a_requirement_goes(before: Verdict | None, after: Verdict | None, way: Trend) -> None:
    assert trend(before, after) is way


def test_a_report_is_no_better_and_no_worse_than_itself(compared: Compared, reports: Reports) -> None:
    file = reports("a.json", {"bad": Verdict.FAILED}, figures={"good": (0.1, 0.2, 0.3)})
    made = compared(file, file)
    assert made.regressions == []
    assert {change.trend for change in made.changes} == {Trend.SAME, Trend.STILL}
    assert [movement.moved for movement in made.movements] == [False]
    assert made.notices == ("both reports are of one run, abc123",)


@pytest.mark.parametrize(
    ("before", "after", "judged", "moved"),
    [
        ((1, 1.1, 1.2), (1.1, 1.2, 1.3), True, False),
        ((1, 1.1, 1.2), (2, 2.1, 2.2), True, True),
        ((1, 1.1, 1.2), (2, 2.1, 9), True, False),  # as wide as the difference
        ((1, 1.1), (5, 5.1, 5.2), False, False),
        ((1, 1, 1), (1.09, 1.09, 1.09), True, False),  # less than a tenth
        ((1, 1, 1), (0.5, 0.5, 0.5), True, True),
    ],
)
def test_a_figure_moves_by_more_than_it_scatters(
    before: tuple[float, ...], after: tuple[float, ...], judged: bool, moved: bool
) -> None:
    made = Movement("longest silence", "s", Samples(before), Samples(after))
    assert (made.judged, made.moved) == (judged, moved)


def test_the_lab_against_a_cluster_is_said_first(compared: Compared, reports: Reports) -> None:
    made = compared(reports("a.json", kind="lab"), reports("b.json", versions={"kubernetes": "v1.34.0"}, run_id="x"))
    assert made.notices[0].startswith("LAB AGAINST CLUSTER: ")
    assert "version of kubernetes: v1.33.0 -> v1.34.0" in made.notices


@pytest.fixture
def pair(reports: Reports, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[str, str]:
    """A run, and a later one with something of everything."""
    reports("a.json", {"left-out": Verdict.FAILED, "bare": Verdict.NOT_COVERED}, figures={"good": (0.1, 0.12, 0.11)})
    later = {"bad": Verdict.FAILED, "broken": Verdict.BLOCKED, "absent": Verdict.NOT_APPLICABLE}
    facts = {"figures": {"good": (0.9, 1, 0.95)}, "versions": {"kubernetes": "v1.34.0"}, "run_id": "def456"}
    reports("b.json", {**later, "limit-gone": Verdict.LIFTED}, **facts)
    monkeypatch.chdir(tmp_path)
    return "a.json", "b.json"


def command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[int, str, str]:
    """What the command ends with and prints; the small catalogue is the one there is."""
    monkeypatch.setattr(sys, "argv", ["udn-conformance", "compare", *arguments])
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


PRINTED = {"table.txt": (), "table.md": ("--markdown",), "data.json": ("--json",)}


@pytest.mark.parametrize(("golden", "flag"), PRINTED.items())
def test_what_is_printed(
    flag: tuple[str, ...],
    golden: str,
    pair: tuple[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    status, out, err = command(capsys, monkeypatch, *pair, *flag)
    assert (status, err) == (1, "")
    text = "\n".join(line.rstrip() for line in out.splitlines()) + "\n"
    file = GOLDEN / golden
    if os.environ.get("UDN_WRITE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{golden} differs; UDN_WRITE_GOLDEN=1 accepts it"


def test_exit_status(
    pair: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before, after = pair
    assert command(capsys, monkeypatch, before, before)[0] == 0
    edited = json.loads((tmp_path / after).read_text())
    edited["requirements"][0]["verdict"] = "failed"
    (tmp_path / "edited.json").write_text(json.dumps(edited))
    for arguments in ((before, "edited.json"), (before,), (before, after, "--json", "--markdown"), ("none", after)):
        status, out, err = command(capsys, monkeypatch, *arguments)
        assert (status, out) == (4, "")
        assert len(err.splitlines()) == 1, err
