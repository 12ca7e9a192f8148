"""By which address one machine is seen by another."""

from __future__ import annotations

import secrets

from conformance.evidence import step
from conformance.kube.waits import Deadline
from conformance.machines.parse.files import ESTABLISHED, SYN_RECEIVED, parse_sockets
from conformance.traffic import netcat
from conformance.traffic.background import background
from conformance.traffic.listener import wait_open
from conformance.traffic.peers import Peer, line

# A session that NAT breaks half-way is still seen, by the address that its first packet came from.
BEGUN = (ESTABLISHED, SYN_RECEIVED)
PORTS = range(20000, 30000)


def source_seen_by(observer: Peer, sender: Peer) -> str:
    """The source address of a TCP session from ``sender``, read from ``observer``'s own table of sockets.

    Raises ``AssertionError`` when no session comes about within the time-out ``reach``.
    """
    guest = observer.guest
    # A port of its own: sockets of earlier sessions stay in the table for a minute, with other sources.
    port = secrets.choice(PORTS)
    family = 6 if ":" in observer.address else 4
    listen = netcat.command(guest, "tcp", "listen", port, family=family)
    connect = netcat.command(sender.guest, "tcp", "connect", port, observer.address)
    # Both inputs stay open, so the session stays until it has been looked at.
    serve = f"while :; do sleep 600 | {listen} >/dev/null 2>>said || sleep 0.2; done"
    call = f"while :; do sleep 600 | {connect} >/dev/null 2>>said || sleep 0.2; done"
    with step(f"source of {line('tcp', sender, observer, port)}"), background(guest, serve):
        wait_open(guest, "tcp", port)
        with background(sender.guest, call):
            deadline = Deadline(guest.timeouts["reach"])
            while not deadline.passed:
                table = guest.must("cat /proc/net/tcp /proc/net/tcp6 2>/dev/null || true", idempotent=True)
                for socket in parse_sockets(table):
                    if socket.local_port == port and socket.state in BEGUN:
                        return socket.remote
    raise AssertionError(f"{line('tcp', sender, observer, port)}: no session within {deadline.seconds:g} s")
