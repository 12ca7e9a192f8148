"""``udn-conformance prove``: plants each fault in the lab, and demands that the tests of what it breaks find it.

A test is worth what it would notice. For each fault the requirements that it breaks are run and must fail, by an
assertion whose message names what broke; afterwards, with no fault planted, all of them are run again and must pass.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.markup import escape

from conformance.catalog.index import scan
from conformance.catalog.loader import catalog
from conformance.naming import unknown
from conformance.prove import judging
from conformance.prove.faults import FaultsFailed, LabFaults
from conformance.prove.following import Talking, followed
from conformance.prove.matrix import Entry, Matrix
from conformance.prove.places import Place, prove_all, run
from conformance.prove.plan import Part, Proof, longest_first, of_part, part, proofs
from conformance.prove.runs import Runner
from conformance.provider import Lab, ProviderFailed

OK, UNPROVED, INTERRUPTED, USAGE, PREFLIGHT_FAILED = 0, 1, 2, 4, 10
DEFAULT_LAB = "default"
CLEAN = "without-faults"
LOG_WIDTH = 200  # columns


class Problem(Exception):
    """What ends the command: one line, and the exit status."""

    def __init__(self, line: str, status: int = USAGE) -> None:
        super().__init__(line)
        self.status = status


def prove(arguments: Sequence[str]) -> int:
    """Run the command with its options; gives its exit status."""
    # A log has no width of its own.
    console = Talking(width=None if sys.stdout.isatty() else LOG_WIDTH)
    options = _parser().parse_args(list(arguments))
    matrix = Matrix(part=str(options.part) if options.part else None)
    try:
        planned = _plan(options, matrix)
        with _sigterm_interrupts(), ExitStack() as labs:
            places = [_place(name, options, labs, console) for name in _lab_names(options)]
            with followed(console, _results(options)):
                _prove_all(longest_first(planned), places, matrix, console)
                # One run on one lab: its workers take the room that the other labs had.
                workers = () if options.workers or options.labs == 1 else ("-n", str(options.labs))
                _prove_sound(planned, places[0], matrix, console, workers)
    except KeyboardInterrupt:
        matrix.interrupted = True
    except (Problem, FaultsFailed, ProviderFailed) as problem:
        _say(console, f"udn-conformance prove: {problem}")
        if not matrix.entries:
            return getattr(problem, "status", PREFLIGHT_FAILED)
        matrix.interrupted = True
    matrix.show(console)
    _say(console, f"wrote {matrix.save(options.out)}")
    return INTERRUPTED if matrix.interrupted else OK if matrix.proved else UNPROVED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="udn-conformance prove",
        description=__doc__.partition("\n")[0] if __doc__ else None,
        epilog="Exit status: 0 all that was asked for is proved · 1 something is not · 2 interrupted · 4 wrong use · "
        "10 the lab does not come up.",
        exit_on_error=True,
    )
    parser.add_argument(
        "what", nargs="*", metavar="ID", help="requirements or faults, or patterns of either; all by default"
    )
    parser.add_argument(
        "--part", type=part, metavar="I/N|auto", help="one part of the faults; auto takes another each day or CI run"
    )
    parser.add_argument("--lab-name", default=DEFAULT_LAB, metavar="NAME", help="which lab (default: default)")
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="where results are written (default: out)"
    )
    parser.add_argument("-n", dest="workers", metavar="WORKERS", help="run scenarios side by side")
    parser.add_argument(
        "--labs", type=int, default=1, metavar="N", help="labs to plant faults in side by side (default: 1)"
    )
    parser.add_argument(
        "--run-option", action="append", default=[], metavar="OPTION", help="an option of each run (repeatable)"
    )
    return parser


def _plan(options: argparse.Namespace, matrix: Matrix) -> list[Proof]:
    """The proofs to be made; what has a test and no fault is noted. Raises Problem."""
    from conformance.cli import suites_folder

    known = catalog()
    index = scan(suites_folder(), known)
    tested = [id for id in known.ids if index.of(id)]
    faults = LabFaults(options.lab_name).all()
    names = [*tested, *(fault.name for fault in faults)]
    for pattern in options.what:
        if not proofs(faults, tested, [pattern]) and pattern not in tested:
            raise Problem(unknown("requirement with a test, or fault,", pattern, names))
    planned = proofs(faults, tested, options.what)
    if options.part is not None:
        return of_part(planned, options.part)
    broken = {id for fault in faults for id in fault.breaks}
    asked = tested if not options.what else [id for id in tested if id in options.what]
    matrix.unproved = tuple(id for id in asked if id not in broken)
    return planned


def _prove_all(planned: Sequence[Proof], places: Sequence[Place], matrix: Matrix, console: Console) -> None:
    def began(number: int, proof: Proof) -> None:
        _say(console, f"[{number}/{len(planned)}] {proof.fault.name}: {proof.fault.says}")

    def found(entry: Entry) -> None:
        matrix.entries.append(entry)
        _tell(console, entry)

    prove_all(planned, places, began, found)


def _prove_sound(
    planned: Sequence[Proof], place: Place, matrix: Matrix, console: Console, options: Sequence[str]
) -> None:
    """Without faults, the same tests pass; what does not is not proved either."""
    ids = sorted({id for proof in planned for id in proof.requirements})
    if not ids:
        return
    _say(console, f"without faults: {len(ids)} requirements")
    findings, problem = run(place.runner, CLEAN, ids, options)
    for number, entry in enumerate(matrix.entries):
        judged = judging.holds(findings.get(entry.requirement))
        if not judged.proved and entry.proved:
            matrix.entries[number] = replace(entry, proved=False, why=problem or judged.why)
            _tell(console, matrix.entries[number])


def _tell(console: Console, entry: Entry) -> None:
    mark = "caught" if entry.proved else "NOT PROVED"
    style = "green" if entry.proved else "bold red"
    console.print(
        f"    [{style}]{mark}[/] {entry.fault}: {escape(entry.requirement)} {entry.seconds:.0f}s: {escape(entry.why)}",
        highlight=False,
        soft_wrap=True,
    )


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _lab_names(options: argparse.Namespace) -> list[str]:
    """The labs of the proofs; raises Problem."""
    if options.labs < 1:
        raise Problem(f"--labs {options.labs}: it takes one lab at least")
    return [options.lab_name, *(f"{options.lab_name}-{number}" for number in range(2, options.labs + 1))]


def _place(name: str, options: argparse.Namespace, labs: ExitStack, console: Console) -> Place:
    """A lab that is up until ``labs`` closes, and taken down then unless it was up before; raises ProviderFailed."""
    ours = labs.enter_context(_up(Lab(name), name, console))
    return Place(
        LabFaults(name), Runner(name, _results(options), options.workers, tuple(options.run_option), disposable=ours)
    )


def _results(options: argparse.Namespace) -> Path:
    folder: Path = options.out.absolute() / "proofs"
    return folder


@contextmanager
def _up(lab: Lab, name: str, console: Console) -> Iterator[bool]:
    """The lab, and whether it is of this command."""
    ours = not lab.running()
    try:
        if ours:
            _say(console, f"bringing lab {name} up")
            lab.up(tell=lambda line: _say(console, f"    {line}"))
        yield ours
    finally:
        problem = lab.down() if ours else None
        if problem:
            _say(console, problem)


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt("SIGTERM")

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


__all__ = ["Part", "prove"]
