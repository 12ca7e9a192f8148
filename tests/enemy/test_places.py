"""Places for results where none can be written: one line, status 4, nothing begun."""

from __future__ import annotations

from pathlib import Path

from tests.plugin.conftest import InProcess, in_process

__all__ = ["in_process"]

GOOD = "@verifies('primary-l2/mtu')\ndef test_mtu():\n    pass\n"


def test_results_inside_a_file(in_process: InProcess, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, line = in_process(GOOD, "--out", str(tmp_path / "file" / "out"))
    assert status == 4
    assert "Not a directory" in line
    assert len(line.strip().splitlines()) == 1


def test_results_where_nobody_can_write(in_process: InProcess) -> None:
    status, line = in_process(GOOD, "--out", "/proc/out")
    assert status == 4
    assert "--out /proc/out: nothing can be written there" in line
    assert len(line.strip().splitlines()) == 1


def test_tests_that_are_not_there(in_process: InProcess) -> None:
    status, line = in_process(GOOD, "/no/such/tests")
    assert status == 4
    assert "/no/such/tests: there is no such file or folder of tests" in line


def test_values_that_are_empty_or_no_addresses(in_process: InProcess) -> None:
    for arguments, said in {
        ("--image", ""): "--image is given without a value",
        ("--outside", "example"): "--outside 'example' is no IP address",
        ("--timeout-scale", "1e308"): "at most 1000",
        ("--timeout", "vm-running=1e9"): "at most 86400",
    }.items():
        status, line = in_process(GOOD, *arguments)
        assert status == 4
        assert said in line
