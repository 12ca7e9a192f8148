"""A listener in a guest that tells who it is: each client is given a token that nobody else has."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address

from conformance.machines.guest import Guest
from conformance.machines.parse.files import LISTENING
from conformance.traffic import netcat
from conformance.traffic.background import background
from conformance.traffic.netcat import Transport
from conformance.verdicts import Blocked

UDP_BOUND = "07"


@dataclass(frozen=True)
class Listener:
    """A listener that serves one client after another; ``folder`` holds what they said, in ``heard``."""

    guest: Guest
    port: int
    token: str
    folder: str

    def heard(self, text: str) -> bool:
        """Whether a client has said ``text``."""
        return self.guest.run(f"grep -q -e {text} {self.folder}/heard", idempotent=True).ok


@contextmanager
def listening(guest: Guest, transport: Transport, port: int, address: str) -> Iterator[Listener]:
    """Listen on ``port`` until the block ends; ``wait_open`` tells when a client can come."""
    token = f"udnc-{secrets.token_hex(8)}"
    answer = netcat.command(guest, transport, "answer", port, family=ip_address(address).version)
    # One client a round: not every netcat serves several, and between two rounds the port is closed for a moment.
    script = f"while :; do echo {token} | {answer} >> heard 2>> said || sleep 0.2; done"
    with background(guest, script) as running:
        yield Listener(guest, port, token, running.folder)


def wait_open(guest: Guest, transport: Transport, port: int) -> None:
    """Until a program of the guest waits for a client on the port; raises ``Blocked``."""
    state = LISTENING if transport == "tcp" else UDP_BOUND
    seen = (
        f"grep -qi ':{port:04X} [0-9A-F]*:[0-9A-F]* {state}' /proc/net/{transport} /proc/net/{transport}6 2>/dev/null"
    )
    seconds = guest.timeouts["listener"]
    loop = f"i=0; until {seen}; do i=$((i+1)); [ $i -gt {int(seconds * 10)} ] && exit 1; sleep 0.1; done"
    if not guest.run(loop, seconds / guest.timeouts.scale + 15, idempotent=True).ok:
        raise Blocked(f"{guest}: nothing listens on {transport} port {port} after {seconds:g} s")
