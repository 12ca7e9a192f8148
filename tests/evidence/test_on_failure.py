"""Commands asked about a failure say what they print, and why where they print nothing."""

from __future__ import annotations

import sys

import pytest

from conformance.evidence.on_failure import answer, parse


def python(source: str) -> list[str]:
    return [sys.executable, "-c", source]


def test_a_name_and_the_words_of_a_command() -> None:
    assert parse("spine 1 = ssh admin@spine1 'show mac'") == ("spine 1", ("ssh", "admin@spine1", "show mac"))


@pytest.mark.parametrize("text", ["show", "=show", "spine=", "spine='show", " = "])
def test_what_is_no_command_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"say NAME=COMMAND, not|No closing quotation"):
        parse(text)


def test_both_outputs_are_kept_and_a_status_is_told() -> None:
    both = "import sys; print('flows', flush=True); print('refused', file=sys.stderr); "
    assert answer(python(both)) == "flows\nrefused\n"
    assert answer(python(f"{both}sys.exit(3)")) == "flows\nrefused\n\nstatus 3\n"
    assert answer(python("import sys; sys.stdout.buffer.write(b'\\xff')")) == "\ufffd"


def test_a_command_that_is_not_there_or_does_not_end_is_told() -> None:
    with pytest.raises(OSError, match="no-such-command"):
        answer(["no-such-command"])
    with pytest.raises(TimeoutError, match="has not ended within"):
        answer(python("import time; time.sleep(60)"), seconds=0.2)
