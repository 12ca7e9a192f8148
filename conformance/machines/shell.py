"""What can run commands in a guest: a console, SSH, a container's exec; and what a command gives back."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Output:
    """Exit status of a command and all that it wrote, standard error included, lines ended by ``\\n``."""

    status: int
    text: str

    @property
    def ok(self) -> bool:
        """Whether the exit status is 0."""
        return self.status == 0

    @property
    def lines(self) -> list[str]:
        """The lines that hold something."""
        return [line for line in self.text.splitlines() if line.strip()]


class Shell(Protocol):
    """Runs one command at a time, each in a subshell of its own, with nothing on its standard input."""

    name: str

    def run(self, command: str, timeout: float, idempotent: bool = False) -> Output:
        """Run ``command`` for at most ``timeout`` seconds.

        ``idempotent`` allows a second run when the connection was cut during the first. Raises ``ShellError``.
        """

    def run_last(self, command: str, timeout: float) -> None:
        """Run a command that ends this boot of the guest, and come back with a shell of the next.

        Raises ``ShellError`` when no login is offered within ``timeout`` seconds.
        """

    def close(self) -> None:
        """Let go of the connection."""


class ShellError(Exception):
    """A command could not be run, or its result could not be had. The text is one line."""


class CommandTimedOut(ShellError):
    """A command did not end in time; it was interrupted."""

    def __init__(self, name: str, command: str, seconds: float, so_far: str) -> None:
        self.so_far = so_far
        tail = " ".join(so_far.split())[-200:] or "nothing"
        super().__init__(
            f"{name}: {brief(command)} did not end within {seconds:g} s and was interrupted; wrote: {tail}"
        )


class CommandFailed(ShellError):
    """A command that had to succeed did not."""

    def __init__(self, name: str, command: str, output: Output) -> None:
        self.output = output
        tail = " ".join(output.text.split())[-200:] or "nothing"
        super().__init__(f"{name}: {brief(command)} ended with status {output.status}; wrote: {tail}")


def brief(command: str, width: int = 80) -> str:
    """The beginning of a command, quoted, for a message."""
    text = " ".join(command.split())
    return f"`{text if len(text) <= width else text[: width - 1] + '…'}`"


quote = shlex.quote
