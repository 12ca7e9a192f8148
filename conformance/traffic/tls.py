"""Whether a server that a machine reaches is the one that an authority vouches for: TLS, spoken through its netcat.

The handshake is computed here and carried by the machine: it needs no program but netcat. TLS 1.2, in which the server
shows its certificate, and proves by a signature that it has the key, before anything is encrypted.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import ssl

from conformance.evidence import step
from conformance.kube.waits import Deadline
from conformance.traffic import netcat
from conformance.traffic.peers import Peer
from conformance.traffic.probe import CENTISECONDS


def assert_vouched_for(client: Peer, address: str, port: int, authority: str, who: str) -> None:
    """``AssertionError`` with both ends unless a server of ``authority`` (PEM) answers at ``address`` within ``reach``.

    The certificate must be for that address.
    """
    deadline = Deadline(client.guest.timeouts["reach"])
    route = f"tcp {client} ({client.address}, {client.node}) -> {who} ({address}:{port})"
    with step(f"TLS, {route}"):
        while True:
            why = _shake_hands(client, address, port, authority)
            if not why:
                return
            if deadline.passed:
                raise AssertionError(f"{route}: not reached within {deadline.seconds:g} s: {why}")


def _shake_hands(client: Peer, address: str, port: int, authority: str) -> str:
    """Why the handshake does not come to the point where the server has proved who it is; empty if it does."""
    context = ssl.create_default_context(cadata=authority)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname=address)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        greeting = outgoing.read()
    answer, said = _converse(client, address, port, greeting)
    if not answer:
        return said or "no answer"
    incoming.write(answer)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        # Its part is said when ours follows: the keys, after the certificate has been judged.
        return "" if outgoing.pending else f"only {len(answer)} bytes of a handshake came"
    except ssl.SSLCertVerificationError as error:
        return f"somebody else answers: {error.verify_message}"
    except ssl.SSLError as error:
        return f"what answers is no TLS server: {error.reason}"
    return ""


def _converse(client: Peer, address: str, port: int, greeting: bytes) -> tuple[bytes, str]:
    """What came back until nothing more came, and what the program said of errors."""
    guest = client.guest
    connect = netcat.command(guest, "tcp", "connect", port, address)
    seconds = max(1, round(guest.timeouts["probe-attempt"]))
    folder = f"/tmp/udnc-{secrets.token_hex(4)}"
    guest.must(f"mkdir -m 700 {folder}")
    guest.write(f"{folder}/greeting", base64.b64encode(greeting).decode())
    session = f"{{ base64 -d greeting; sleep {seconds}; }} | {{ {connect} >out 2>err; : >done; }}"
    script = (
        f"cd {folder} || exit 1; : >out; setsid sh -c '{session}' & group=$!; "
        f"{CENTISECONDS}; end=$((now + {seconds * 100})); last=0; "
        "while :; do sleep 0.3; size=$(wc -c <out); [ $size -gt 0 ] && [ $size = $last ] && break; last=$size; "
        f"{CENTISECONDS}; [ -e done ] || [ $now -ge $end ] && break; done; "
        f"kill -- -$group 2>/dev/null; echo answer=; base64 out; echo errors=; cat err; cd /; rm -rf {folder}"
    )
    text = guest.run(script, seconds + guest.timeouts["command-margin"]).text
    answer, _, errors = text.partition("answer=")[2].partition("errors=")
    try:
        return base64.b64decode("".join(answer.split())), " ".join(errors.split())[:200]
    except binascii.Error:
        return b"", " ".join(text.split())[:200]
