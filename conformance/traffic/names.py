"""Names as a machine resolves them, by its own resolver and the name server that it was given."""

from __future__ import annotations

from conformance.evidence import step
from conformance.kube.waits import Deadline
from conformance.machines.parse.names import parse_addresses_of_name
from conformance.machines.shell import quote
from conformance.traffic.peers import Peer


def assert_resolves(client: Peer, name: str, expected: list[str]) -> None:
    """``AssertionError`` with name and server unless ``name`` has just these addresses within the time-out ``reach``.

    A name that was made just now may take a moment to be known.
    """
    deadline = Deadline(client.guest.timeouts["reach"])
    with step(f"{client} resolves {name}"):
        while True:
            found, said = look_up(client, name)
            if sorted(found) == sorted(expected):
                return
            if deadline.passed:
                servers = ", ".join(client.guest.dns_servers()) or "none"
                told = found or " ".join(said.split())[:200] or "nothing"
                raise AssertionError(
                    f"dns {client} ({client.node}) -> {servers}: {name} is {told}, expected {expected}"
                )


def published(client: Peer, name: str) -> list[str]:
    """The addresses of a name, awaited for the time-out ``reach``; ``AssertionError`` when it gets none."""
    deadline = Deadline(client.guest.timeouts["reach"])
    with step(f"{client} resolves {name}"):
        while True:
            found, said = look_up(client, name)
            if found:
                return found
            if deadline.passed:
                told = " ".join(said.split())[:200] or "nothing"
                raise AssertionError(f"dns {client} ({client.node}): {name} has no address: {told}")


def look_up(client: Peer, name: str) -> tuple[list[str], str]:
    """The addresses of a name, and all that the program said."""
    word = quote(name)
    programs = f"if command -v getent >/dev/null 2>&1; then getent ahosts {word}; else nslookup {word}; fi"
    text = client.guest.run(programs, idempotent=True).text
    return parse_addresses_of_name(text), text
