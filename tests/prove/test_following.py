"""What is told of the runs of the proofs while they last."""

from __future__ import annotations

import os
from pathlib import Path

from conformance.prove.following import at
from conformance.prove.runs import LOG


def log(results: Path, run: str, text: str, moment: int) -> None:
    """The log of a run, last written at that moment."""
    (results / run).mkdir()
    file = results / run / LOG
    file.write_text(text)
    os.utime(file, (moment, moment))


def test_the_run_that_printed_last_and_its_last_test(tmp_path: Path) -> None:
    assert at(tmp_path, 150) == ""
    log(tmp_path, "older", "[1/1] test_old … passed\n", 100)
    log(
        tmp_path,
        "newer",
        "run x on lab\n" + "padding\n" * 2000 + "[1/2] test_one … passed\n[2/2] test_two 41s\nrest\n",
        200,
    )
    assert at(tmp_path, 150) == "newer: [2/2] test_two 41s"
    log(tmp_path, "newest", "run y on lab\n", 300)
    assert at(tmp_path, 150) == "newest"
