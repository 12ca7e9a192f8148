"""What is asked of virtctl while the API has troubles that pass, and troubles that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.machines.virtctl import Virtctl, VirtctlError
from conformance.timeouts import Timeouts

BUSY = "Error stopping VirtualMachine Too many requests, please try again later."


@pytest.fixture
def virtctl(tmp_path: Path) -> Virtctl:
    """A program that says ``said`` and fails as often as the file ``fails`` has lines, then succeeds."""
    program = tmp_path / "virtctl"
    program.write_text(
        f"""#!/bin/sh
cd {tmp_path}
echo called >>calls
[ -s fails ] || exit 0
sed -i 1d fails
cat said >&2
exit 1
"""
    )
    program.chmod(0o755)
    (tmp_path / "said").write_text(BUSY)
    return Virtctl(str(program), None, None, Timeouts.load(overrides={"api-retry": 10}))


def calls(virtctl: Virtctl) -> int:
    return len(Path(virtctl.program).with_name("calls").read_text().splitlines())


def fail(virtctl: Virtctl, times: int, said: str = BUSY) -> None:
    Path(virtctl.program).with_name("fails").write_text("x\n" * times)
    Path(virtctl.program).with_name("said").write_text(said)


def test_a_trouble_that_passes_is_waited_out(virtctl: Virtctl) -> None:
    fail(virtctl, 2)
    virtctl.act("stop", "vm", done=lambda: False)
    assert calls(virtctl) == 3


def test_what_was_done_all_the_same_is_not_done_twice(virtctl: Virtctl) -> None:
    fail(virtctl, 2)
    virtctl.act("stop", "vm", done=lambda: True)
    assert calls(virtctl) == 1


def test_a_refusal_is_final(virtctl: Virtctl) -> None:
    fail(virtctl, 1, "Error stopping VirtualMachine VM is not running")
    with pytest.raises(VirtctlError, match="VM is not running"):
        virtctl.act("stop", "vm", done=lambda: False)
    assert calls(virtctl) == 1
