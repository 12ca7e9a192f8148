"""The program virtctl: where it is, what it answers, and how it is given the cluster."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conformance.kube.waits import Deadline
from conformance.timeouts import Timeouts

_PAUSE = 0.5  # seconds
# What client-go says of an API server that has a bad moment, or of a connection that broke.
_PASSING = re.compile(r"(?i)internal error occurred|too many requests|unable to handle the request|EOF|connection re")


class VirtctlError(Exception):
    """virtctl is missing, too slow, or says no; one line with the command and what it wrote."""


@dataclass(frozen=True)
class Virtctl:
    """virtctl for one cluster, by name or path; looked for when it is first called.

    The kubeconfig goes by environment: virtctl passes no ``--kubeconfig`` on to the programs that it starts itself.
    """

    program: str
    kubeconfig: Path | None
    context: str | None
    timeouts: Timeouts

    def command(self, *arguments: str) -> list[str]:
        """The argv of a call; raises ``VirtctlError`` when there is no such program."""
        found = shutil.which(self.program)
        if found is None:
            raise VirtctlError(
                f"{self.program}: no such program; install virtctl of the cluster's KubeVirt or pass --virtctl"
            )
        return [found, *(["--context", self.context] if self.context else []), *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a call."""
        chosen = {"KUBECONFIG": str(self.kubeconfig.resolve())} if self.kubeconfig else {}
        return {**os.environ, **chosen}

    def act(self, *arguments: str, done: Callable[[], bool]) -> None:
        """Have something done to a VM; raises ``VirtctlError`` when it fails.

        When the API had a trouble that passes, it may have been done all the same: unless ``done`` tells so, it is
        asked for again.
        """
        deadline = Deadline(self.timeouts["api-retry"])
        while True:
            try:
                self.run(*arguments)
                return
            except VirtctlError as error:
                if deadline.passed or not _PASSING.search(str(error)):
                    raise
            if done():
                return
            threading.Event().wait(min(_PAUSE, deadline.left))

    def run(self, *arguments: str, timeout: str = "virtctl") -> str:
        """What a call wrote to standard output; raises ``VirtctlError`` when it fails."""
        what = " ".join(("virtctl", *arguments))
        try:
            done = subprocess.run(
                self.command(*arguments),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self.timeouts[timeout],
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise VirtctlError(f"{what}: no end within {error.timeout:g} s") from error
        except OSError as error:
            raise VirtctlError(f"{what}: {self.program} cannot be run: {error.strerror}") from error
        if done.returncode != 0:
            said = " ".join((done.stderr or done.stdout).split()) or "nothing"
            raise VirtctlError(f"{what}: status {done.returncode}: {said[:500]}")
        return done.stdout

    def version(self) -> str:
        """virtctl's own version, such as ``v1.4.0``; raises ``VirtctlError``."""
        text = self.run("version", "--client")
        match = re.search(r'GitVersion:"([^"]*)"', text) or re.search(r"(v\d[\w.+-]*)", text)
        return match.group(1) if match else " ".join(text.split())[:80]
