"""A VM's serial console through ``virtctl console``: opened once, held, opened again when it is cut.

A second client on the same console evicts the first (KubeVirt allows one), so there is one ``Console`` per VM and
it is never opened twice at once; and it does not fight an intruder for ever.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from conformance.kube.waits import Deadline
from conformance.machines.access import Credentials
from conformance.machines.framing import PROMPT, Frame, entry, fits, frame, partial, plain, proof, unframe
from conformance.machines.login import Dialogue, Step, asks_for_login
from conformance.machines.shell import CommandTimedOut, Output, ShellError, brief
from conformance.machines.transcript import Transcript
from conformance.machines.upload import uploads
from conformance.machines.wire import INTERRUPT, Cut, Silent, Wire
from conformance.timeouts import Timeouts

CONNECTED = b"Successfully connected to"
#: Cuts within this many seconds, with the VM unchanged, mean that somebody else wants the console.
EVICTION_WINDOW = 60.0
EVICTIONS = 3


class ConsoleRefused(ShellError):
    """The console could not be opened."""


class LoginFailed(ShellError):
    """The console is open, but nobody could log in."""


class ConsoleCut(ShellError):
    """The console was cut while a command ran that must not be run twice.

    ``sent`` tells whether the guest may have got the command.
    """

    sent = True


class ConsoleEvicted(ShellError):
    """Another client keeps taking the console away."""

    sent = True


class Console:
    """A ``Shell`` on a serial console; one command at a time, from any thread.

    ``argv`` and ``environment`` start virtctl. ``explain`` tells, after a cut, what happened to the VM, or ``None``
    when nothing did.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        credentials: Credentials,
        timeouts: Timeouts,
        explain: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.name = name
        self.transcript = Transcript(credentials.password)
        self._argv = argv
        self._environment = environment
        self._credentials = credentials
        self._timeouts = timeouts
        self._explain = explain
        self._wire: Wire | None = None
        self._left_behind = False
        self._unexplained: deque[float] = deque(maxlen=EVICTIONS)
        self._lock = threading.RLock()

    def login(self, timeout: str = "login") -> None:
        """Open the console and log in, if that is not done yet; raises ``ShellError``."""
        with self._lock:
            self._ready(Deadline(self._timeouts[timeout]))

    def run(self, command: str, timeout: float, idempotent: bool = False) -> Output:
        """Run a command; see ``Shell``.

        Raises ``CommandTimedOut``, ``ConsoleCut``, ``ConsoleEvicted``, ``ConsoleRefused`` or ``LoginFailed``.
        """
        with self._lock:
            try:
                return self._run(command, timeout)
            except ConsoleCut as cut:
                self.login()
                if cut.sent and not idempotent:
                    raise
            except CommandTimedOut:
                # The console did not even come back after ^C: a connection that died without an end.
                if self._wire is not None or not idempotent:
                    raise
            return self._run(command, timeout)

    def glance(self, command: str, seconds: float) -> str:
        """What a command writes, if a shell stands open and answers at once: nothing is opened for it.

        Raises ``ShellError``.
        """
        if not self._lock.acquire(timeout=seconds):
            raise ShellError(f"{self.name}: another command is on the console")
        try:
            if self._wire is None or not self._wire.open:
                raise ConsoleRefused(f"{self.name}: the console is not open")
            return self._exchange(self._wire, frame(command, _nonce()), command, seconds).text
        finally:
            self._lock.release()

    def run_last(self, command: str, timeout: float) -> None:
        """Run a command that reboots the guest, and log in to the next boot; see ``Shell``."""
        deadline = Deadline(timeout)
        with self._lock:
            wire = self._ready(deadline)
            try:
                wire.write(frame(command, _nonce()).line)
                wire.wait_for(lambda heard: asks_for_login(plain(heard)) or None, deadline.left)
                self._log_in(wire, deadline)
            except Cut:
                # Some clusters close the console with the boot.
                self.close()
                self._ready(deadline)
            except Silent:
                self.close()
                said = self.transcript.last_lines()
                raise LoginFailed(
                    f"{self.name}: no login prompt within {timeout:g} s of `{command}`; it said: {said}"
                ) from None

    def close(self) -> None:
        """Leave the console; the next command opens it again."""
        with self._lock:
            wire, self._wire = self._wire, None
            if wire is not None:
                wire.close()

    def _run(self, command: str, timeout: float) -> Output:
        wire = self._ready(Deadline(self._timeouts["login"]))
        framed = frame(command, _nonce())
        if not fits(framed):
            for part in uploads(command, name := f"/tmp/.udnc-{_nonce()}"):
                self._exchange(wire, frame(part, _nonce()), part, self._timeouts["command"])
            framed = frame(f"sh {name}; set -- $?; rm -f {name}; exit $1", _nonce())
        return self._exchange(wire, framed, command, timeout)

    def _exchange(self, wire: Wire, framed: Frame, command: str, timeout: float) -> Output:
        try:
            wire.write(framed.line)
        except Cut as cut:
            error = self._was_cut(cut, f"before {brief(command)}")
            error.sent = False
            raise error from cut
        try:
            return wire.wait_for(lambda heard: unframe(framed, heard), timeout)
        except Cut as cut:
            self._left_behind = True
            raise self._was_cut(cut, f"during {brief(command)}") from cut
        except Silent as silent:
            self._recover(wire)
            raise CommandTimedOut(self.name, command, timeout, partial(framed, silent.text)) from None

    def _recover(self, wire: Wire) -> None:
        """Interrupt what runs and find the prompt again; a console that stays silent is opened anew later."""
        # It took the loop with it: that is entered again.
        entered = entry(_nonce())
        try:
            wire.type(INTERRUPT)
            wire.type(entered.line)
            wire.wait_for(lambda heard: unframe(entered, heard), self._timeouts["console-recover"])
        except (Cut, Silent):
            self._left_behind = True
            self.close()

    def _ready(self, deadline: Deadline) -> Wire:
        """The open console with a shell on it."""
        while True:
            if self._wire is not None and self._wire.open:
                return self._wire
            if self._wire is not None:
                self.close()
            wire = self._open(deadline)
            try:
                self._log_in(wire, deadline)
            except Cut as cut:
                wire.close()
                error = self._was_cut(cut, "during the login")
                if deadline.passed or isinstance(error, ConsoleEvicted):
                    raise error from cut
            except BaseException:
                wire.close()
                raise
            else:
                self._wire = wire
                return wire

    def _open(self, deadline: Deadline) -> Wire:
        """virtctl, connected. It is started again until the deadline: a VMI that starts or moves may refuse."""
        limit = Deadline(min(deadline.left, self._timeouts["console-open"]))
        said = b""
        while True:
            try:
                wire = Wire(self._argv, self._environment, self.transcript.add)
            except OSError as error:
                raise ConsoleRefused(f"{self.name}: {self._argv[0]} cannot be run: {error.strerror}") from error
            try:
                wire.wait_for(lambda heard: CONNECTED in heard or None, max(limit.left, 0.1))
                return wire
            except Silent as silent:
                said = silent.text or said
            except Cut as cut:
                said = cut.text
            except BaseException:
                wire.close()
                raise
            wire.close()
            if limit.passed:
                line = " ".join(plain(said).split())[-300:] or "nothing"
                seconds = f"{limit.seconds:.0f} s"
                raise ConsoleRefused(f"{self.name}: console not open within {seconds}; virtctl wrote: {line}")
            threading.Event().wait(min(1.0, limit.left))

    def _log_in(self, wire: Wire, deadline: Deadline) -> None:
        """Follow the dialogue until a marker proves a shell."""
        dialogue = Dialogue()
        shell = entry(_nonce())
        pause = self._timeouts["console-answer"] / 3
        last, known, silences = Step.WAIT, 0, 0
        # The command that was cut off may still run, and would leave the console mute.
        wire.write(INTERRUPT + b"\n" if self._left_behind else b"\n")
        while not deadline.passed:
            try:
                heard = wire.wait_for_news(known, min(pause, deadline.left))
            except Silent as silent:
                silences += 1
                last, known = Step.WAIT, 0
                wire.write(_nudge(shell, silences, heard=bool(silent.text)))
                continue
            if unframe(shell, heard) is not None:
                self._left_behind = False
                return
            known = len(heard)
            step = dialogue.next(plain(heard))
            if step is Step.WAIT or step is last is Step.PROVE:
                continue
            if step is Step.PASSWORD and last is Step.NAME:
                self._check_password(dialogue, deadline)
            if step is Step.PROVE:
                shell = proof(_nonce()) if heard.endswith(PROMPT) else entry(_nonce())
            wire.write(self._reply(step, shell))
            last, known, silences = step, 0, 0
        said = self.transcript.last_lines()
        refused = f"refused {dialogue.refusals} times; " if dialogue.refusals else ""
        user = self._credentials.user
        raise LoginFailed(
            f"{self.name}: no login as {user} within {deadline.seconds:g} s; {refused}the console said: {said}"
        )

    def _reply(self, step: Step, shell: Frame) -> bytes:
        if step is Step.NAME:
            return self._credentials.user.encode() + b"\n"
        if step is Step.PASSWORD:
            return (self._credentials.password or "").encode() + b"\n"
        return shell.line

    def _check_password(self, dialogue: Dialogue, deadline: Deadline) -> None:
        user = self._credentials.user
        if self._credentials.password is None:
            raise LoginFailed(f"{self.name}: the guest asks {user} for a password and there is none: pass --password")
        refused_for = deadline.seconds - deadline.left
        if dialogue.refusals >= 3 and refused_for > self._timeouts["login-refused"]:
            raise LoginFailed(
                f"{self.name}: login as {user} refused {dialogue.refusals} times: check user and password, and that "
                "the image runs cloud-init"
            )

    def _was_cut(self, cut: Cut, when: str) -> ConsoleCut | ConsoleEvicted:
        reason = self._explain()
        said = " ".join(plain(cut.text).split())[-200:]
        if reason is None:
            now = time.monotonic()
            self._unexplained.append(now)
            if len(self._unexplained) == EVICTIONS and now - self._unexplained[0] < EVICTION_WINDOW:
                return ConsoleEvicted(
                    f"{self.name}: console taken away {EVICTIONS} times while the VM did not change: another client "
                    "(virtctl console, a web console) is on it; close that one"
                )
            reason = "another client opened the console, or the network failed"
        return ConsoleCut(
            f"{self.name}: console cut {when}: {reason} (virtctl: status {cut.status}, {said or 'silent'})"
        )


def _nudge(shell: Frame, silences: int, heard: bool) -> bytes:
    """What to type at a console that has gone quiet: it may show a prompt that nobody knows, or hold a command."""
    if heard and silences % 2 == 0:
        return shell.line
    return INTERRUPT + b"\n" if silences % 3 == 0 else b"\n"


def _nonce() -> str:
    return secrets.token_hex(4)
