"""That one machine cannot reach another, proved: silence alone could be a broken probe.

Before the attempts: the server answers an allowed client by the same protocol on the same port, the blocked client's
own tools work, and its network is alive. After them: the server still answers the allowed client.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from conformance.evidence import note, step
from conformance.traffic.listener import listening, wait_open
from conformance.traffic.peers import Peer
from conformance.traffic.probe import PORT, NotReached, Protocol, Reached, Target, ask, keep_trying, target
from conformance.verdicts import Blocked

ATTEMPTS = 3
LOOPBACK = {4: "127.0.0.1", 6: "::1"}


def assert_blocked(
    clients: Sequence[Peer], server: Peer, protocol: Protocol, port: int = PORT, *, baseline: Peer
) -> None:
    """``AssertionError`` with both ends if a client reaches ``server``, or its packets arrive there unanswered.

    ``baseline`` must be allowed to reach ``server``; raises ``Blocked`` when it does not, before or after, or when a
    client could not have reached anybody. The clients try side by side.
    """
    if not clients:
        raise Blocked(f"nobody is there who must not reach {server}")
    with target(server, protocol, port) as ready:
        _prove(baseline, ready, "before the attempts")
        with ThreadPoolExecutor(max_workers=len(clients)) as trying:
            for done in [trying.submit(_try_in_vain, client, ready, port) for client in clients]:
                done.result()
        _prove(baseline, ready, "after the attempts")


def _try_in_vain(client: Peer, ready: Target, port: int) -> None:
    prove_tools(client, ready.protocol, port)
    with step(f"blocked {ready.describe(client)}"):
        for number in range(1, ATTEMPTS + 1):
            result = ready.attempt(client)
            if isinstance(result, Reached):
                raise AssertionError(f"{ready.describe(client)}: expected no path, got reply: {result.how}")
            if result.arrived:
                raise AssertionError(
                    f"{ready.describe(client)}: expected no path, but packets arrive, only no reply comes back: "
                    f"{result.why}"
                )
            note(f"attempt {number} of {ATTEMPTS}: {result.why}")


def prove_tools(client: Peer, protocol: Protocol, port: int) -> None:
    """The client's own programs work, on its loopback, and its network is alive; raises ``Blocked`` if not."""
    family = 6 if ":" in client.address else 4
    own = LOOPBACK[family]
    guest = client.guest
    with step(f"prove the tools of {client}"):
        if protocol == "icmp":
            if not guest.ping(own, count=1).all_answered:
                raise Blocked(f"{client}: ping does not even reach its own loopback {own}")
        else:
            with listening(guest, protocol, port, own) as listener:
                wait_open(guest, protocol, port)
                said = ask(client, protocol, own, port, "hello")
                if listener.token not in said:
                    raise Blocked(
                        f"{client}: {protocol} does not even reach its own loopback port {port}: {said.strip()}"
                    )
        prove_network(client)


def prove_network(client: Peer) -> None:
    """The client's gateway gives a sign of life, if it has one; raises ``Blocked`` if not."""
    guest = client.guest
    gateway = next(iter(guest.gateways()), None)
    if gateway is not None:
        # The neighbour entry will do: a gateway need not answer pings.
        answered = guest.ping(gateway, count=1).received or guest.neighbour(gateway)
        if not answered:
            raise Blocked(f"{client}: its network is dead: no sign of its gateway {gateway}")


def _prove(baseline: Peer, ready: Target, when: str) -> None:
    result = keep_trying(baseline, ready)
    if isinstance(result, NotReached):
        raise Blocked(f"{when}, the allowed path fails, so nothing is proved: {ready.describe(baseline)}: {result.why}")
