"""The command ``python -m lab``."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from lab import preflight
from lab.config import Conduct, Families, LabConfig, Start
from lab.pace import Pace

# All else is loaded by the command that needs it: `up` waits for what is loaded here.

EXIT_CODES = """
Exit status: 0 done (also: already up, already down) · 1 failed, with one line that says why · 2 wrong use ·
3 the lab is not up · 10 preflight failed: pieces of the machine are missing, nothing was started ·
130 interrupted: what was started is gone again.
"""
FAILED, NOT_UP, PREFLIGHT_FAILED, INTERRUPTED = 1, 3, 10, 130
NAME_LENGTH = 40  # characters: the paths of unix sockets hold 107, and the name is part of them

app = typer.Typer(
    help="A cluster on this machine: real OVN, real QEMU, a small Kubernetes API.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # an error is a line, not a box: other programs pass it on
    pretty_exceptions_enable=False,
)
faults = typer.Typer(
    help="Break the lab in named ways.", epilog=EXIT_CODES, no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(faults, name="fault")


def _checked(name: str) -> str:
    if not name or len(name) > NAME_LENGTH or not name.replace("-", "").isalnum() or not name.isascii():
        raise typer.BadParameter(f"{name!r}: letters, digits and hyphens, at most {NAME_LENGTH}")
    return name


Name = Annotated[str, typer.Option("--name", help="Which lab.", callback=_checked, metavar="NAME")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
HowToStart = Annotated[
    Start, typer.Option("--start", help="VMs go on from a saved booted state, or boot each on its own.")
]
Tempo = Annotated[
    str, typer.Option("--pace", metavar="boot=40s,migrate=15s,api=50ms", help="The tempo of a real cluster.")
]
Seed = Annotated[
    int | None,
    typer.Option("--chaos", metavar="SEED", help="Have the API fail its users now and then."),
]
IPFamilies = Annotated[
    Families, typer.Option("--ip-families", help="What nodes, pods and services have; both, if the kernel has both.")
]
Workers = Annotated[int, typer.Option("--workers", min=1, max=8, help="Nodes beside the control plane.")]


@app.command(epilog=EXIT_CODES)
def up(
    name: Name = "default",
    workers: Workers = 2,
    start: HowToStart = Start.INSTANT,
    pace: Tempo = "",
    chaos: Seed = None,
    ip_families: IPFamilies = Families.of_this_kernel(),  # noqa: B008 (a default to be shown by --help)
    as_json: AsJson = False,
) -> None:
    """Bring a lab up, and print how to reach it."""
    try:
        conduct = Conduct(start, Pace.parse(pace), chaos, ip_families)
    except ValueError as error:
        raise typer.BadParameter(f"--pace: {error}") from None
    _require_pieces()
    from lab import control  # late: it loads what preflight may have found missing
    from lab.faults import definitions

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        config = control.bring_up(name, workers, conduct, _tell)
    except control.AlreadyUp:
        config = LabConfig.load(LabConfig.new(name, 0).state)
        _tell(f"lab {name} is already up")
    except control.Refusal as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail(f"interrupted; lab {name} is down again", INTERRUPTED)
    if as_json:
        environment = {"run_options": control.run_options(config), "environment": "lab"}
        broken = {"remarks": control.remarks(config), "fault_changes": definitions.changes(config.state)}
        print(json.dumps({"kubeconfig": str(config.kubeconfig), **environment, **broken}))
    else:
        print(f"export KUBECONFIG={config.kubeconfig}")


@app.command(epilog=EXIT_CODES)
def down(name: Name = "default") -> None:
    """End a lab and remove all there is of it; also what a killed one left."""
    from lab import control

    try:
        found = control.take_down(name)
    except control.Refusal as error:
        _fail(str(error))
    _tell(f"lab {name} is down" if found else f"there is no lab {name}")


@app.command(epilog=EXIT_CODES)
def status(name: Name = "default", as_json: AsJson = False) -> None:
    """Tell how a lab is. Exit status 0 when it is up, 3 when it is not."""
    from rich.console import Console
    from rich.table import Table

    from lab.overview import Overview, overview

    def show(made: Overview) -> None:
        console = Console()
        console.print(f"lab [bold]{made.name}[/]: {made.phase}, {made.memory / 2**20:.0f} MiB", highlight=False)
        if made.error:
            console.print(made.error, markup=False)
        for title, rows in (("processes", made.processes), ("nodes", made.nodes), ("VMs", made.vms)):
            if rows:
                table = Table(*rows[0], title=title, title_justify="left")
                for row in rows:
                    table.add_row(*(_cell(column, value) for column, value in row.items()))
                console.print(table)

    made = overview(name)
    if as_json:
        print(json.dumps({**asdict(made), "up": made.up}))
    else:
        show(made)
    if not made.up:
        raise typer.Exit(NOT_UP)


@app.command(epilog=EXIT_CODES)
def kubeconfig(name: Name = "default") -> None:
    """Print the path of the cluster administrator's kubeconfig."""
    print(_present(name).kubeconfig)


@app.command(epilog=EXIT_CODES)
def switches(name: Name = "default") -> None:
    """Print what the nodes' switches remember, track and count, and what they last wrote to their logs."""
    config = _present(name)
    from lab.fabric.inspection import inspect

    for node in config.nodes:
        print(inspect(config, node.name))


@app.command("upgrade", epilog=EXIT_CODES)
def play_upgrade(name: Name = "default") -> None:
    """Play an upgrade: restart control plane and each node's OVS and ovn-controller, then move every machine."""
    config = _present(name)
    from lab.orders import OrderFailed
    from lab.upgrade import UpgradeFailed, upgrade

    try:
        upgrade(config, _tell)
    except (OrderFailed, UpgradeFailed) as error:
        _fail(str(error))


@app.command("preflight", epilog=EXIT_CODES)
def check(
    as_json: AsJson = False,
    install: Annotated[bool, typer.Option("--install", help="Install what is missing, with apt.")] = False,
) -> None:
    """Look whether this machine has what a lab needs."""
    missing = preflight.examine()
    packages = preflight.packages_of(missing)
    if install and packages and os.geteuid() == 0:
        _tell("installing " + " ".join(packages))
        try:
            preflight.install(packages)
        except preflight.InstallFailed as error:
            _fail(str(error), PREFLIGHT_FAILED)
        missing = preflight.examine()
    if as_json:
        print(json.dumps({"missing": [piece.line for piece in missing], "packages": preflight.packages_of(missing)}))
        raise typer.Exit(PREFLIGHT_FAILED if missing else 0)
    _refuse(missing)
    _tell("this machine has what a lab needs")


@app.command(hidden=True)
def supervise(
    state: Annotated[Path, typer.Option()],
    lock_fd: Annotated[int | None, typer.Option()] = None,
    report_fd: Annotated[int | None, typer.Option()] = None,
) -> None:
    """Own a lab until told to end; `up` starts this."""
    from lab.lock import LabLock
    from lab.supervisor import Report, Supervisor

    for descriptor in (lock_fd, report_fd):
        if descriptor is not None:
            os.set_inheritable(descriptor, False)
    os.environ["PATH"] = preflight.search_path()
    config = LabConfig.load(state)
    ended = asyncio.run(Supervisor(config, Report(report_fd)).run())
    LabLock(state, lock_fd).release()
    sys.stdout.flush()
    # A build in a worker thread would be waited for, and nothing is left to wait for.
    os._exit(ended)


@faults.command("list", epilog=EXIT_CODES)
def list_faults(name: Name = "default", as_json: AsJson = False) -> None:
    """Tell which faults there are, what each breaks, and which are planted."""
    from rich.console import Console
    from rich.table import Table

    from lab.faults import definitions

    planted = definitions.planted(LabConfig.new(name, 0).state)
    known = definitions.all_faults()
    if as_json:
        print(json.dumps([{**fault.describe(), "planted": fault.name in planted} for fault in known], indent=1))
        return
    table = Table("fault", "planted", "what is wrong", "requirements that do not hold")
    for fault in known:
        table.add_row(fault.name, _cell("", fault.name in planted), fault.says, "\n".join(fault.breaks))
    Console().print(table)


@faults.command(epilog=EXIT_CODES)
def plant(fault: Annotated[str, typer.Argument(help="Its name.")], name: Name = "default") -> None:
    """Plant a fault; it works from the lab's next decision on."""
    from lab.faults import definitions

    state = _present(name).state
    _told(lambda: definitions.plant(state, fault))


@faults.command(epilog=EXIT_CODES)
def lift(
    fault: Annotated[str | None, typer.Argument(help="Its name.")] = None,
    name: Name = "default",
    every: Annotated[bool, typer.Option("--all", help="Lift all.")] = False,
) -> None:
    """Lift a fault, or all."""
    from lab.faults import definitions

    state = _present(name).state
    if every == (fault is not None):
        raise typer.BadParameter("name one fault, or say --all")
    _told(lambda: definitions.lift_all(state) if fault is None else definitions.lift(state, fault))


def main() -> None:
    """Run the command."""
    app(prog_name="python -m lab")


def _present(name: str) -> LabConfig:
    try:
        return LabConfig.load(LabConfig.new(name, 0).state)
    except FileNotFoundError:
        _fail(f"there is no lab {name}: bring it up with `python -m lab up --name {name}`", NOT_UP)


def _told(change: Callable[[], None]) -> None:
    import aiohttp

    from lab.faults import definitions
    from lab.refusals import Refused

    try:
        change()
    except (definitions.UnknownFault, definitions.NotPlanted) as error:
        _fail(str(error))
    except (Refused, aiohttp.ClientError, OSError) as error:
        _fail(f"the lab could not be brought in line with its faults: {error}")


def _require_pieces() -> None:
    _refuse(preflight.examine())


def _refuse(missing: list[preflight.Missing]) -> None:
    if missing:
        for piece in missing:
            _tell(f"missing: {piece.line}")
        line = preflight.install_line(missing)
        if line is not None:
            _tell(f"to install the packages, as root: {line}")
        raise typer.Exit(PREFLIGHT_FAILED)


def _cell(column: str, value: object) -> str:
    if column == "memory" and isinstance(value, int):
        return f"{value / 2**20:.1f} MiB"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _tell(line: str) -> None:
    # Standard output is for what was asked for.
    print(line, file=sys.stderr, flush=True)


def _fail(line: str, exit_status: int = FAILED) -> NoReturn:
    _tell(f"python -m lab: {line}")
    raise typer.Exit(exit_status)
