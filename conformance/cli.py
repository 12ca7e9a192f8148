"""The command ``udn-conformance``. Thin: every command is a few lines over the library."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import pytest
import typer
from rich.console import Console

from conformance import listing
from conformance.catalog.index import scan
from conformance.catalog.loader import CatalogError, catalog
from conformance.cleaning import leftovers, remove
from conformance.doctor.command import STRICT, doctor
from conformance.evidence.redaction import REDACTOR
from conformance.kube.api import Api
from conformance.kube.errors import ApiError, Refused
from conformance.kube.transport import KubeconfigError
from conformance.naming import unknown
from conformance.options import UsageProblem
from conformance.preflight import PreflightFailed, with_hint
from conformance.provider import ProviderFailed, command

PREFLIGHT_FAILED = 10
USAGE = 4
EXIT_CODES = """\
Exit status: 0 all that ran is as documented · 1 something failed, was blocked, or a limitation is lifted ·
2 interrupted · 3 internal error · 4 wrong use · 5 nothing was run · 10 preflight failed: no test was begun.
"""
COMPARE_CODES = "Exit status: 0 nothing got worse · 1 a regression · 4 wrong use, or a file that cannot be trusted."
PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Tells whether KubeVirt VMs on user-defined networks behave as the documentation says.\n\n"
    "Begin with `udn-conformance run`: it brings up the lab, a small cluster on this machine, and tests it.\n"
    "With `udn-conformance run --kubeconfig FILE` it tests yours.",
    epilog=EXIT_CODES,
)


class Problem(Exception):
    """What ends a command: one line, and the exit status."""

    def __init__(self, line: str, status: int = USAGE) -> None:
        super().__init__(line)
        self.status = status


def suites_folder() -> Path:
    """The folder of the suites: the repository's, or the installed package's."""
    spec = find_spec("suites")
    places = list(spec.submodule_search_locations or ()) if spec else []
    for place in map(Path, places):
        if (place / "pytest.ini").is_file():
            return place
    raise Problem("the suites are not installed beside the command; install the package again", PREFLIGHT_FAILED)


class OneLine:
    """pytest plugin: tells wrong use in one line, without pytest's own usage."""

    @pytest.hookimpl(wrapper=True)
    def pytest_cmdline_parse(self) -> Generator[None, object, object]:
        """Raises pytest.UsageError with the one line."""
        try:
            return (yield)
        except pytest.UsageError as error:
            _, told, rest = str(error).partition(": error: ")
            line = rest.splitlines()[0] if told else str(error)
            raise pytest.UsageError(f"{line}; see udn-conformance run --help") from error


@app.command("run", context_settings=PASSED_ON, help="Run the suites: on the lab, or on the cluster of --kubeconfig.")
def run(context: typer.Context) -> None:
    """Run pytest on the suites, with the options as they are given."""
    # pytest has an option --strict of its own, which is not what is meant of a cluster.
    arguments = [STRICT if argument == "--strict" else argument for argument in context.args]
    if "--help" in arguments or "-h" in arguments:
        listing.show_run_help(Console(), EXIT_CODES)
        return
    raise typer.Exit(_run_suites(arguments))


def _run_suites(arguments: list[str]) -> int:
    """Run pytest on the suites; gives the exit status."""
    suites = suites_folder()
    listing.check_flags(arguments)
    ini = ["-c", str(suites / "pytest.ini"), "--rootdir", str(suites)]
    paths = [] if listing.names_tests(arguments) else [str(suites)]
    return int(pytest.main([*ini, *arguments, *paths], [OneLine()]))


@app.command("doctor", context_settings=PASSED_ON, help="Tell what a cluster offers, and what a run can verify there.")
def doctor_command(context: typer.Context) -> None:
    """Look at the cluster, and create nothing in it."""
    doctor(context.args, suites_folder())


@app.command("list")
def list_command(
    profile: Annotated[list[str] | None, typer.Option(help="Only this profile (repeatable).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the catalogue with its tests; what none covers is marked."""
    known = catalog()
    for name in profile or ():
        if name not in known.profile_names:
            raise Problem(f"--profile: {unknown('profile', name, known.profile_names)}")
    index = scan(suites_folder(), known)
    rows = listing.rows(known, index, set(profile or known.profile_names))
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        listing.show(Console(), rows)


@app.command("prove", context_settings=PASSED_ON)
def prove(context: typer.Context) -> None:
    """Plant faults in the lab, and demand that the tests find them."""
    if find_spec("conformance.prove") is None:
        raise Problem("this installation has no proofs: conformance.prove is missing", PREFLIGHT_FAILED)
    raise typer.Exit(int(import_module("conformance.prove").prove(list(context.args)) or 0))


@app.command("compare", epilog=COMPARE_CODES)
def compare_command(
    before: Annotated[Path, typer.Argument(metavar="A", help="The earlier report.json.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="The later one.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Compare two reports: what got worse, what got better, which figures moved.

    What passed in A and is not known to hold in B, for whatever reason, is a regression.
    """
    from conformance.compare import BadReport, compare, read, writing

    if as_json and as_markdown:
        raise Problem("--json and --markdown exclude each other")
    try:
        made = compare(read(before, catalog()), read(after, catalog()))
    except BadReport as error:
        raise Problem(str(error)) from error
    if as_json:
        typer.echo(json.dumps(made.data(), indent=2, ensure_ascii=False))
    elif as_markdown:
        typer.echo(writing.markdown(made), nl=False)
    else:
        writing.show(Console(), made)
    if made.regressions:
        raise typer.Exit(1)


@app.command("upgrade", context_settings=PASSED_ON)
def upgrade(context: typer.Context) -> None:
    """Before and after a cluster's upgrade: prepare | watch | verify.

    prepare leaves VMs, sessions and a record of them; watch tells each silence until Ctrl-C; verify runs the profile
    upgrade, and removes what was prepared when all of it held.
    """
    from conformance.upgrade import command as upgrading

    known = {"prepare": upgrading.prepare, "watch": upgrading.watch}
    what, *arguments = context.args or ["--help"]
    if what in ("--help", "-h"):
        typer.echo("Usage: udn-conformance upgrade prepare|watch|verify [OPTIONS]; --help of each tells more")
        return
    try:
        if what == "verify":
            raise typer.Exit(upgrading.verify(arguments, _run_suites))
        if what in known:
            raise typer.Exit(known[what](arguments))
    except upgrading.Refusal as error:
        raise Problem(str(error), error.status) from error
    raise Problem(unknown("command of upgrade", what, [*known, "verify"]))


@app.command("clean")
def clean(
    kubeconfig: Annotated[Path, typer.Option(help="The cluster.", envvar="KUBECONFIG")],
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
    run_id: Annotated[str | None, typer.Option(help="Only what this run left; every run's otherwise.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be removed.")] = False,
) -> None:
    """Remove what killed or kept runs left in a cluster.

    Objects are found by the label udn-conformance/run.
    """
    api = Api.connect(kubeconfig, context)
    try:
        found = leftovers(api, run_id)
    except Refused as error:
        raise Problem(with_hint(api, error), PREFLIGHT_FAILED) from error
    for leftover in found:
        typer.echo(f"{'would remove' if dry_run else 'removing'} {leftover}")
    if not found:
        typer.echo(f"nothing is left of {f'run {run_id}' if run_id else 'any run'} on {api.server}")
    problems = [] if dry_run else remove(api, found)
    if problems:
        raise Problem("\n".join(problems), 1)


@app.command(
    "lab", context_settings=PASSED_ON, help="Bring the lab up or down: up | down | status | switches | kubeconfig."
)
def lab(context: typer.Context) -> None:
    """Pass everything on to ``python -m lab``."""
    raise typer.Exit(subprocess.run(command(context.args), check=False).returncode)


def main() -> None:
    """Run the command, and tell what goes wrong in one line; with ``-v`` in front, with its traceback."""
    verbose = sys.argv[1:2] in (["-v"], ["--verbose"])
    arguments = sys.argv[2:] if verbose else sys.argv[1:]
    try:
        status = app(args=arguments or ["--help"], standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        told = _told(error)
        if told is None or verbose:
            raise
        line, status = told
        if line:
            print(f"udn-conformance: {line}", file=sys.stderr)
    sys.exit(status if isinstance(status, int) else 0)


def _told(error: Exception) -> tuple[str, int] | None:
    """One line and the exit status for what is expected to go wrong; None for what is not."""
    match error:
        case Problem():
            return str(error), error.status
        case ApiError() | KubeconfigError() | PreflightFailed() | ProviderFailed():
            return REDACTOR.text(str(error)), PREFLIGHT_FAILED
        case CatalogError() | listing.UnknownFlag() | UsageProblem():
            return str(error), USAGE
    # Typer's errors of use come from click or from its own copy of it, by release: told by what they can do.
    tell = getattr(error, "format_message", None)
    return (" ".join(tell().split()), USAGE) if tell else None
