"""What the command ``python -m lab`` does to a lab: start its supervisor, end it, tell how it is."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lab import leftovers, netns, state
from lab.config import GUEST_IMAGE, OUTSIDE_HOSTS, OUTSIDE_NAME, POD_IMAGE, Conduct, LabConfig
from lab.faults import definitions
from lab.lock import LabLock, Locked
from lab.pace import Pace
from lab.processes import MARK, NO_AUTHORITIES, wait_end

STOP_LIMIT = 30.0  # seconds for a supervisor to take its lab down


class Refusal(Exception):
    """What was asked for cannot be; one line that says why and what to do."""


class AlreadyUp(Exception):
    """The lab is up."""


def bring_up(name: str, workers: int, conduct: Conduct, tell: Callable[[str], None]) -> LabConfig:
    """Clear what a killed lab of that name left and start a new one; returns when it is ready.

    ``tell`` gets a line for each step. Raises :class:`AlreadyUp`, or :class:`Refusal`; an interrupt ends what was
    started and is passed on.
    """
    config = LabConfig.new(name, workers, conduct=conduct)
    lock = LabLock(config.state)
    try:
        lock.acquire()
    except Locked as error:
        raise _occupied(config) from error
    try:
        _make_room(config, tell)
        config.save()
        supervisor, events = _start(config, lock)
    except BaseException:
        lock.release()
        raise
    lock.release(keep_file=True)  # the supervisor has it now
    try:
        _follow(config, events, tell)
    except BaseException:
        end_supervisor(supervisor.pid, name)
        raise
    return LabConfig.load(config.state)


def take_down(name: str) -> bool:
    """End the lab and remove all there is of it; False if there was nothing. :class:`Refusal` names what remains."""
    config = LabConfig.new(name, 0)
    lock = LabLock(config.state)
    running = lock.held()
    found = running or bool(leftovers.look(config))
    told = state.read(config.state)
    if running and told is not None:
        end_supervisor(told.pid, name)
    try:
        lock.acquire()
    except Locked as error:
        raise Refusal(f"lab {name} is just being brought up by another command; try again") from error
    try:
        remaining = leftovers.clear(config)
    finally:
        lock.release()
    if remaining:
        raise Refusal(f"lab {name} is down, but could not remove " + "; ".join(remaining.describe()))
    return found


def is_up(config: LabConfig) -> bool:
    """Whether the lab came up and its supervisor runs."""
    told = state.read(config.state)
    return told is not None and told.alive() and told.phase in ("ready", "degraded")


def run_options(config: LabConfig) -> list[str]:
    """What a run of the suites is to be told of this lab."""
    options = ["--image", GUEST_IMAGE, "--pod-image", POD_IMAGE]
    options += ["--outside", OUTSIDE_HOSTS[0], "--outside-name", OUTSIDE_NAME]
    options += ["--outside-shell", shlex.join(netns.command(config.netns("out"), ["sh"]))]
    options += ["--feature", "load-balancer=yes"]
    look = [sys.executable, "-m", "lab", "switches", "--name", config.name]
    options += ["--on-failure", f"the nodes' switches={shlex.join(look)}"]
    if shutil.which("virtctl") is None:
        options += ["--virtctl", str(Path(sys.executable).with_name("lab-virtctl"))]
    return options


def remarks(config: LabConfig) -> list[str]:
    """What whoever reads results of this lab has to know: what is broken or slowed in it by intent."""
    told = []
    if planted := definitions.planted(config.state):
        told.append(f"Faults are planted in it: {', '.join(planted)}.")
    if config.conduct.pace != Pace():
        told.append(f"It is slowed: {config.conduct.pace}.")
    if config.conduct.chaos is not None:
        told.append(f"Its API fails now and then (--chaos {config.conduct.chaos}).")
    return told


def end_supervisor(pid: int, name: str) -> None:
    """SIGTERM, and SIGKILL if the lab is not down after ``STOP_LIMIT`` seconds: the rest is a leftover then."""
    wait_end(name, pid, signal.SIGTERM, STOP_LIMIT)
    wait_end(name, pid, signal.SIGKILL, STOP_LIMIT)


def _make_room(config: LabConfig, tell: Callable[[str], None]) -> None:
    try:
        leftovers.refuse_same_prefix(config)
    except leftovers.PrefixTaken as error:
        raise Refusal(str(error)) from error
    found = leftovers.look(config)
    if not found:
        return
    tell("clearing what an earlier lab left: " + ", ".join(found.describe()[:4]) + ("…" if found.many() else ""))
    remaining = leftovers.clear(config)
    if remaining:
        raise Refusal(f"cannot clear what an earlier lab {config.name} left: " + "; ".join(remaining.describe()))


def _start(config: LabConfig, lock: LabLock) -> tuple[subprocess.Popen[bytes], int]:
    events, report = os.pipe()
    log = config.state / "log" / "supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    arguments = ["--state", str(config.state), "--lock-fd", str(lock.descriptor), "--report-fd", str(report)]
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "lab", "supervise", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **NO_AUTHORITIES, MARK: config.name},
                pass_fds=(lock.descriptor, report),
                start_new_session=True,
            )
    except BaseException:
        os.close(events)
        raise
    finally:
        os.close(report)
    return process, events


def _follow(config: LabConfig, events: int, tell: Callable[[str], None]) -> None:
    with os.fdopen(events) as lines:
        for line in lines:
            told = json.loads(line)
            if told["event"] == "ready":
                return
            if told["event"] == "failed":
                raise Refusal(f"lab {config.name} did not come up: {told['text']}")
            tell(told["text"])
    log = config.state / "log" / "supervisor.log"
    last = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
    said = f": {last[0]}" if last else ""
    raise Refusal(f"lab {config.name} did not come up: its supervisor ended{said} (see {log})")


def _occupied(config: LabConfig) -> Exception:
    told = state.read(config.state)
    if told is not None and told.alive() and told.phase == "ready":
        return AlreadyUp()
    if told is not None and told.alive() and told.phase == "degraded":
        again = f"take it down (python -m lab down --name {config.name}) and bring it up again"
        return Refusal(f"lab {config.name} is degraded: {told.error}; {again}")
    by = f" (supervisor {told.pid})" if told is not None else ""
    return Refusal(f"lab {config.name} is just coming up or going down{by}; wait, or end it: python -m lab down")
