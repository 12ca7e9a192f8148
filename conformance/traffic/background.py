"""Programs that run on in a guest while its console does other things, each in a folder of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from conformance.machines.guest import Guest
from conformance.machines.upload import uploads


class Background:
    """A running script; ``folder`` is where it runs and writes."""

    def __init__(self, guest: Guest, folder: str) -> None:
        self.guest = guest
        self.folder = folder

    def start(self, script: str) -> None:
        """Run a script of sh there, unless one was started there before."""
        *uploaded, last = uploads(f"cd {self.folder}\necho $$ > pid\n{script}\n", f"{self.folder}/script")
        # The folder is made once: a command that is repeated after a cut does not start the script a second time.
        self.guest.must(f"mkdir -m 700 {self.folder} 2>/dev/null || true", idempotent=True)
        for command in uploaded:
            self.guest.must(command, idempotent=True)
        # A session of its own: it outlives a console that is cut, and is one group to end.
        start = f"setsid sh {self.folder}/script </dev/null >/dev/null 2>{self.folder}/errors &"
        self.guest.must(f"[ -e {self.folder}/pid ] || {{ {last}; {start} }}", idempotent=True)

    def stop(self) -> None:
        """End it with all its children, and remove its folder."""
        # The group, by the id that the script wrote: never by name.
        stop = f"cd {self.folder} 2>/dev/null && kill -- -$(cat pid) 2>/dev/null; rm -rf {self.folder}"
        self.guest.run(stop, idempotent=True)


@contextmanager
def background(guest: Guest, script: str) -> Iterator[Background]:
    """Run a script of sh until the block ends."""
    folder = f"/tmp/udnc-{secrets.token_hex(4)}"
    running = Background(guest, folder)
    try:
        running.start(script)
        yield running
    finally:
        running.stop()
