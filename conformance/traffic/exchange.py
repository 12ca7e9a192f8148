"""Payload both ways between two machines, compared by its digest on either side."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.evidence import step
from conformance.kube.waits import Deadline
from conformance.traffic import netcat
from conformance.traffic.background import Background, background
from conformance.traffic.listener import wait_open
from conformance.traffic.netcat import Transport
from conformance.traffic.peers import Peer, line
from conformance.traffic.probe import PORT

TCP_BYTES = 256 * 1024
DATAGRAMS = 20
DATAGRAM_BYTES = 900
ATTEMPTS = 3


@dataclass(frozen=True)
class Payload:
    """What went, or arrived: by the client's and by the server's word."""

    from_client: str
    from_server: str

    def __str__(self) -> str:
        return f"from the client {self.from_client}, from the server {self.from_server}"


def exchange(client: Peer, server: Peer, protocol: Transport, port: int = PORT) -> tuple[Payload, Payload]:
    """Send random bytes both ways over one session; gives what was sent and what was received.

    TCP carries 256 KiB each way; UDP 20 datagrams each way. Datagrams may be lost without any fault, so a loss is tried
    again; a change never is. Each payload is told as its size and SHA-256.
    """
    with step(f"payload both ways, {line(protocol, client, server, port)}"):
        sent = received = Payload("nothing", "nothing")
        for _ in range(ATTEMPTS if protocol == "udp" else 1):
            sent, received = _once(client, server, protocol, port)
            if sent == received:
                break
        return sent, received


def _once(client: Peer, server: Peer, protocol: Transport, port: int) -> tuple[Payload, Payload]:
    family = 6 if ":" in server.address else 4
    listen = netcat.command(server.guest, protocol, "listen", port, family=family)
    connect = netcat.command(client.guest, protocol, "connect", port, server.address)
    with background(server.guest, _script(protocol, listen, serves=True)) as serving:
        wait_open(server.guest, protocol, port)
        with background(client.guest, _script(protocol, connect, serves=False)) as calling:
            _wait(calling, serving)
            return (
                Payload(_digest(calling, "payload", protocol), _digest(serving, "payload", protocol)),
                Payload(_digest(serving, "got", protocol), _digest(calling, "got", protocol)),
            )


def _script(protocol: Transport, program: str, serves: bool) -> str:
    """Make a payload, then send it and keep what comes. The input stays open: some netcats end with it."""
    if protocol == "tcp":
        make, feed = f"head -c {TCP_BYTES} /dev/urandom > payload", "cat payload"
    else:
        # Lines of hexadecimal, one write and so one datagram each; a server can send once it knows its client.
        hexadecimal = "od -An -v -tx1 | tr -d ' \\n'"
        make = (
            f"head -c {DATAGRAMS * DATAGRAM_BYTES // 2} /dev/urandom | {hexadecimal} | fold -w {DATAGRAM_BYTES}; echo"
        )
        make = f"{{ {make}; }} > payload"
        first = "until [ -s got ]; do sleep 0.1; done" if serves else "sleep 0.5"
        feed = f"{first}; while read -r line; do echo $line; sleep 0.02; done < payload"
    return f": > got; : > payload; {make}; {{ {feed}; sleep 600; }} | {program} > got 2> said"


def _wait(calling: Background, serving: Background) -> None:
    """Until as much has arrived on both sides as was sent to them, or nothing more comes for a second."""
    deadline = Deadline(calling.guest.timeouts["reach"])
    before: list[tuple[int, int]] = []
    while not deadline.passed:
        now = [_sizes(calling), _sizes(serving)]
        (made, came), (made_there, came_there) = now
        if came == made_there > 0 and came_there == made > 0:
            return
        if now == before and came and came_there:
            return
        before = now


def _sizes(side: Background) -> tuple[int, int]:
    """Bytes of the payload and bytes that arrived, half a second from now."""
    text = side.guest.must(f"sleep 0.5; cd {side.folder}; wc -c < payload; wc -c < got", idempotent=True)
    made, came = (int(word) for word in text.split())
    return made, came


def _digest(side: Background, name: str, protocol: Transport) -> str:
    """Size and SHA-256 of a file; datagrams may overtake each other, so their lines are sorted."""
    content = f"cat {name}" if protocol == "tcp" else f"sort {name}"
    text = side.guest.must(f"cd {side.folder}; wc -c < {name}; {content} | sha256sum", idempotent=True)
    size, digest, *_ = text.split()
    return f"{size} bytes, sha256 {digest[:16]}"
