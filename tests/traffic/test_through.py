"""A server that is found elsewhere than at its own address: behind a service, played by a redirection on its host."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.traffic import Destination, assert_reaches, reach, stream
from tests.traffic.ends import End

PLACE, PORT = "10.9.0.200", 8080


@pytest.fixture
def redirected(server: End) -> Iterator[End]:
    """The server, which also gets what comes to port 8080 of another address."""
    server.tell(f"ip address add {PLACE}/24 dev eth0")
    server.tell("nft add table ip shift")
    server.tell("nft add chain ip shift c '{ type nat hook prerouting priority -100; }'")
    for target, port, protocol in ((5000, PORT, "tcp"), (5000, PORT, "udp"), (5201, PORT + 1, "tcp")):
        server.tell(f"nft add rule ip shift c ip daddr {PLACE} {protocol} dport {port} redirect to :{target}")
    yield server
    server.tell("nft delete table ip shift")
    server.tell(f"ip address del {PLACE}/24 dev eth0")


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_it_answers_there(client: End, redirected: End, protocol) -> None:
    for end in (client, redirected):
        end.use(("sh",))
    assert_reaches(client, redirected, protocol, through=Destination("service", PLACE, (redirected,), PORT))


def test_where_nothing_leads_to_it_the_message_tells_what_was_dialled(client: End, redirected: End) -> None:
    client.use(("sh",), reach=1)
    redirected.use(("sh",))
    elsewhere = Destination("service", PLACE, (redirected,), 9999)
    assert not reach(client, redirected, "tcp", through=elsewhere)
    with pytest.raises(AssertionError, match=rf"tcp vm-a .* -> service \({PLACE}:9999, cluster\): not reached within"):
        assert_reaches(client, redirected, "tcp", through=elsewhere)


def test_a_session_is_held_through_it(client: End, redirected: End) -> None:
    for end in (client, redirected):
        end.use(("sh",))
    with stream(client, redirected, 5201, through=Destination("service", PLACE, (redirected,), PORT + 1)) as held:
        pass
    assert held.arrived_in_order
    assert "service" in held.route
