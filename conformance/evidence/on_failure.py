"""Commands of the user's whose output is kept with a failed test: what switches, routers and nodes say of it."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence

#: Seconds for one command; the rest of the snapshot is asked for beside it.
SECONDS = 30.0


def parse(text: str) -> tuple[str, tuple[str, ...]]:
    """``NAME=COMMAND`` as its name and its words; ``ValueError`` if it is not that."""
    name, _, command = text.partition("=")
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None
    if not name.strip() or not words:
        raise ValueError(f"say NAME=COMMAND, not {text!r}")
    return name.strip(), words


def answer(command: Sequence[str], seconds: float = SECONDS) -> str:
    """All that a command prints, and its status unless that is 0.

    Raises ``OSError`` where it cannot be run and ``TimeoutError`` where it does not end.
    """
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise TimeoutError(f"{shlex.join(command)} has not ended within {seconds:g} s") from None
    return said if process.returncode == 0 else f"{said}\nstatus {process.returncode}\n"
