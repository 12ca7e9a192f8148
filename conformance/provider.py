"""Starts a cluster for a run and takes it down again: the lab, through its own command.

All that is learnt of it is what ``python -m lab up --json`` prints: a kubeconfig, options for the run, and the word
for the report.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance import options
from conformance.options import UsageProblem

_WRONG_USE = 2  # of ``python -m lab``, which is told nothing of the user's but the name


class ProviderFailed(Exception):
    """The lab did not come up; one line that says why."""


@dataclass(frozen=True)
class Provided:
    """A cluster to run on; ``ours`` tells that it was started for this run, and must go with it.

    ``remarks`` are sentences about it that whoever reads the results has to know; ``fault_changes`` counts how often
    somebody planted or lifted a fault in it before.
    """

    kubeconfig: Path
    run_options: tuple[str, ...]
    environment: str
    ours: bool
    remarks: tuple[str, ...] = ()
    fault_changes: int = 0


class Lab:
    """One lab by name."""

    def __init__(self, name: str | None = None) -> None:
        self._name = ("--name", name) if name else ()
        self.ours = False
        """Whether :meth:`up` had to start it, also where it did not come to its end: it must be taken down again."""
        self._fault_changes = 0

    def install_missing(self) -> None:
        """Install what the lab needs of the system; it lists it first, on this terminal. Raises ProviderFailed."""
        if subprocess.run(command(["preflight", "--install"]), stdin=subprocess.DEVNULL, check=False).returncode != 0:
            raise ProviderFailed("the lab cannot run on this machine; see above for what is missing")

    def up(self, tell: Callable[[str], object] = lambda line: None) -> Provided:
        """Bring the lab up unless it is; raises ProviderFailed, or UsageProblem for a name that cannot be.

        ``tell`` gets a line for each step of it, where it was not up.
        """
        self.ours = not self.running()
        answer = _call(["up", *self._name, "--json"], tell=tell if self.ours else lambda line: None)
        if answer.returncode != 0:
            raise ProviderFailed(f"the lab does not come up: {_said(answer)}")
        provided = _provided(answer.stdout, self.ours)
        self._fault_changes = provided.fault_changes
        return provided

    def running(self) -> bool:
        """Whether the lab is up."""
        return _call(["status", *self._name, "--json"]).returncode == 0

    def trouble(self) -> str | None:
        """What broke in the lab since :meth:`up`, or was broken by intent, in one line, if anything was."""
        try:
            told = json.loads(_call(["status", *self._name, "--json"]).stdout)
        except ValueError:
            return None
        if told.get("phase") == "degraded":
            return f"the lab itself broke during the run: {told.get('error')}; do not trust what is red, run it again"
        if told.get("fault_changes", 0) != self._fault_changes:
            return "faults were planted in the lab, or lifted, during the run: do not trust its verdicts, run it again"
        return None

    def upgrade(self) -> None:
        """Have the lab play an upgrade; raises ProviderFailed."""
        answer = _call(["upgrade", *self._name])
        if answer.returncode != 0:
            raise ProviderFailed(f"the lab did not come through its upgrade: {_said(answer)}")

    def down(self) -> str | None:
        """Take the lab down; what went wrong, in one line, if anything did."""
        # In a session of its own: a second Ctrl-C must not leave half a lab behind.
        answer = _call(["down", *self._name], own_session=True)
        return None if answer.returncode == 0 else f"the lab does not go down: {_said(answer)}"


def adopt(values: argparse.Namespace, provided: Provided) -> None:
    """Have the options speak of a cluster that was provided; raises UsageProblem."""
    options.merge(values, provided.run_options)
    options.check(values)
    values.udn_kubeconfig = str(provided.kubeconfig)


def command(arguments: Sequence[str]) -> list[str]:
    """The lab's command with these arguments."""
    return [sys.executable, "-m", "lab", *arguments]


def _call(
    arguments: Sequence[str], own_session: bool = False, tell: Callable[[str], object] = lambda line: None
) -> subprocess.CompletedProcess[str]:
    said: list[str] = []
    try:
        with (
            tempfile.TemporaryFile("w+") as printed,
            subprocess.Popen(
                command(arguments),
                stdout=printed,
                stderr=subprocess.PIPE,
                text=True,
                stdin=subprocess.DEVNULL,
                start_new_session=own_session,
            ) as process,
        ):
            try:
                for line in process.stderr or ():
                    said.append(line)
                    tell(line.rstrip())
                process.wait()
            except BaseException:
                process.kill()
                raise
            printed.seek(0)
            answer = subprocess.CompletedProcess(process.args, process.returncode, printed.read(), "".join(said))
    except OSError as error:
        raise ProviderFailed(f"the lab's command cannot be run: {error}") from error
    if answer.returncode == _WRONG_USE:
        raise UsageProblem(f"--lab-name: {_said(answer, lines=1).removeprefix('Error: ')}")
    return answer


def _provided(printed: str, ours: bool) -> Provided:
    try:
        # Progress may stand before it; the answer is the last line.
        answer: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
        options = tuple(str(option) for option in answer.get("run_options", ()))
        remarks = tuple(str(remark) for remark in answer.get("remarks", ()))
        kubeconfig, kind = Path(answer["kubeconfig"]), str(answer.get("environment", "lab"))
        return Provided(kubeconfig, options, kind, ours, remarks, int(answer.get("fault_changes", 0)))
    except (IndexError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ProviderFailed(f"`python -m lab up --json` printed no kubeconfig: {printed.strip()[:200]!r}") from error


def _said(answer: subprocess.CompletedProcess[str], lines: int = 3) -> str:
    said = [line.strip() for line in (answer.stderr or answer.stdout).splitlines() if line.strip()]
    return "; ".join(said[-lines:]) if said else f"status {answer.returncode}, nothing printed"
