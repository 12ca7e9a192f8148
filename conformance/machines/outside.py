"""A host beyond the cluster, as the user of the run has one: a command that runs scripts of sh there."""

from __future__ import annotations

import shlex
import subprocess
from functools import cached_property

from conformance.machines.guest import Guest
from conformance.machines.shell import CommandTimedOut, Output, ShellError, brief
from conformance.timeouts import Timeouts


class ProgramShell:
    """Runs each command in a program that reads a script from its standard input: ``sh``, ``ssh bastion sh``."""

    def __init__(self, name: str, program: str) -> None:
        self.name = name
        self._argv = shlex.split(program)

    def run(self, command: str, timeout: float, idempotent: bool = False) -> Output:
        """Run ``command`` in a subshell, its errors in one stream with the rest. Raises ``ShellError``."""
        script = f"exec 2>&1\n( {command}\n) </dev/null\n"
        try:
            done = subprocess.run(
                self._argv, input=script, capture_output=True, text=True, timeout=timeout, check=False, errors="replace"
            )
        except subprocess.TimeoutExpired as error:
            raise CommandTimedOut(self.name, command, timeout, str(error.stdout or "")) from error
        except OSError as error:
            raise ShellError(f"{self.name}: {self._argv[0]} cannot be run: {error.strerror}") from error
        if done.stderr.strip():
            # The script's own errors are in its output: this is the program's, such as a refused login.
            raise ShellError(f"{self.name}: {brief(command)} could not be run: {done.stderr.strip().splitlines()[-1]}")
        return Output(done.returncode, done.stdout)

    def run_last(self, command: str, timeout: float) -> None:
        """Nobody's host is booted for a test: raises ``ShellError``."""
        raise ShellError(f"{self.name} cannot be booted again: {brief(command)}")

    def close(self) -> None:
        """Nothing is held open between two commands."""


class OutsideHost:
    """A client beyond the cluster. ``towards`` is an address that it is to reach, by which it knows its own."""

    node = "outside"
    migration_uid = ""

    def __init__(self, program: str, towards: str, timeouts: Timeouts) -> None:
        self.program = program
        self._towards = towards
        self.guest = Guest(ProgramShell("the outside host", program), timeouts)

    def __str__(self) -> str:
        return "the outside host"

    @cached_property
    def address(self) -> str:
        """The address by which it goes towards the cluster; empty if its programs do not tell."""
        words = self.guest.run(f"ip route get {shlex.quote(self._towards)}", idempotent=True).text.split()
        return words[words.index("src") + 1] if "src" in words[:-1] else ""
