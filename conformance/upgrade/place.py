"""The cluster that a command of ``upgrade`` works on, by the options of a run."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from conformance import options
from conformance.cluster import Cluster
from conformance.context import RunContext, Shared, build, new_password
from conformance.evidence.redaction import REDACTOR
from conformance.features.sight import Sight
from conformance.options import OPTIONS, UsageProblem
from conformance.preflight import PreflightFailed, enter_as_asked
from conformance.provider import Lab, adopt
from conformance.upgrade.names import DEFAULT, LONGEST, is_name, run_id

#: The options of a run that have a meaning here.
FLAGS = (
    "--kubeconfig",
    "--context",
    "--lab",
    "--lab-name",
    "--image",
    "--guest-user",
    "--interface-binding",
    "--virtctl",
    "--timeout-scale",
    "--timeout",
    "--limit",
    "--out",
)


class Parser(argparse.ArgumentParser):
    """Tells wrong use in one line, by UsageProblem."""

    def error(self, message: str) -> NoReturn:
        """Raises UsageProblem."""
        raise UsageProblem(f"{message}; see {self.prog} --help")


def parser(command: str, about: str, codes: str) -> Parser:
    """The options of one command: the name of the baseline, and those of a run that apply."""
    made = Parser(prog=f"udn-conformance upgrade {command}", description=about, epilog=f"Exit status: {codes}")
    made.add_argument("--name", default=DEFAULT, metavar="NAME", help=f"the baseline (default: {DEFAULT})")
    for option in OPTIONS:
        if option.flag in FLAGS:
            made.add_argument(option.flag, dest=option.name, help=option.help, **option.settings)
        else:
            made.set_defaults(**{option.name: option.settings.get("default")})
    return made


@dataclass(frozen=True)
class Place:
    """A cluster that answers, how its guests are reached, and who can look at what it offers."""

    run: RunContext
    cluster: Cluster
    sight: Sight


def connect(values: argparse.Namespace) -> Place:
    """Look at the cluster; raises UsageProblem or PreflightFailed. Without a kubeconfig it is the lab, which is up."""
    if not is_name(values.name):
        raise UsageProblem(f"--name {values.name!r} must be lower-case letters, digits and hyphens, at most {LONGEST}")
    options.check(values)
    environment = "cluster" if values.udn_kubeconfig is not None else _lab(values)
    return place_of(values, values.name, environment, Path.cwd())


def place_of(values: argparse.Namespace, name: str, environment: str, base: Path) -> Place:
    """The cluster of a run's options, for a baseline of that name; raises PreflightFailed."""
    shared = Shared(run_id(name), environment, new_password())
    REDACTOR.register(shared.password)
    sight = enter_as_asked(values, base)
    run = build(values, shared, base)
    return Place(run, Cluster.connect(run), sight)


def _lab(values: argparse.Namespace) -> str:
    lab = Lab(values.udn_lab_name)
    if not lab.running():
        raise PreflightFailed("no --kubeconfig is given, and the lab is not up; bring it up: python -m lab up")
    provided = lab.up()
    adopt(values, provided)
    return provided.environment
