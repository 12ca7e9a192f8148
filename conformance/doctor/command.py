"""``udn-conformance doctor``: what a cluster lets the suites find out, with nothing created in it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from conformance import options
from conformance.catalog.index import scan
from conformance.catalog.loader import catalog
from conformance.doctor.diagnosis import Diagnosis, diagnose
from conformance.doctor.lines import lines, requirements
from conformance.evidence.redaction import REDACTOR
from conformance.options import OPTIONS, UsageProblem
from conformance.preflight import PreflightFailed, enter_as_asked
from conformance.provider import Lab, adopt
from conformance.results.run import environment_kind

STRICT = "--strict-features"
#: The options of ``run`` that a look depends on.
TAKEN = (
    *("--kubeconfig", "--context", "--lab", "--install-missing", "--lab-name", "--profile", "--require"),
    *("--timeout-scale", "--timeout", "--image", "--interface-binding", "--virtctl"),
    *("--outside", "--outside-name", "--outside-shell", "--feature", STRICT),
)


class _Parser(argparse.ArgumentParser):
    """Tells wrong use as an exception, in one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageProblem(f"{message}; see udn-conformance doctor --help")


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    made = _Parser(
        prog="udn-conformance doctor",
        description="Tell what a cluster offers, and so what a run can verify there. Nothing is created in it.",
        epilog="Exit status: 0 · 4 wrong use · 10 nothing can be verified, no cluster answers, or with --strict a core "
        "feature is missing.",
        allow_abbrev=False,
    )
    for option in OPTIONS:
        if option.flag in TAKEN:
            short = ("--strict",) if option.flag == STRICT else ()
            made.add_argument(option.flag, *short, dest=option.name, help=option.help, **option.settings)
    made.add_argument("--requirements", action="store_true", help="one line for each requirement")
    made.add_argument("--json", action="store_true", help="print JSON")
    return made


def doctor(arguments: Sequence[str], suites: Path) -> None:
    """Print what is found; raises UsageProblem, PreflightFailed, ProviderFailed."""
    values = parser().parse_args(list(arguments))
    for option in OPTIONS:
        if not hasattr(values, option.name):
            setattr(values, option.name, option.settings.get("default"))
    options.check(values)
    with _cluster(values) as environment:
        sight = enter_as_asked(values, Path.cwd())
        index = scan(suites, catalog())
        found = diagnose(sight, catalog(), index, options.selection(values), options.overrides(values))
    environment = environment_kind(environment, found.versions)
    if values.json:
        print(json.dumps({"environment": environment} | found.to_plain(), indent=2, ensure_ascii=False))
    else:
        _show(found, environment, values.requirements)
    if values.udn_strict_features and (problem := found.not_strictly_fit):
        raise PreflightFailed(problem)
    if found.hopeless:
        raise PreflightFailed(f"nothing of what was asked for ({options.selection(values)}) can be verified here")


def _aside(line: str) -> None:
    # Standard output is for what was asked for.
    print(line, file=sys.stderr, flush=True)


def _show(found: Diagnosis, environment: str, each: bool) -> None:
    print(f"{environment} {found.server}")
    for line in lines(found):
        print(REDACTOR.text(line))
    for line in requirements(found.prospects) if each else ():
        print(REDACTOR.text(line))


@contextmanager
def _cluster(values: argparse.Namespace) -> Iterator[str]:
    """The cluster of the options, named as reports name its kind; a lab is up for as long as the block runs."""
    if values.udn_kubeconfig is not None:
        yield "cluster"
        return
    lab = Lab(values.udn_lab_name)
    try:
        if values.udn_install_missing and not lab.running():
            lab.install_missing()
        provided = lab.up(tell=_aside)
        adopt(values, provided)
        yield provided.environment
    finally:
        problem = lab.down() if lab.ours else None
        if problem:
            _aside(problem)
