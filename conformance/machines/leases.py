"""How a guest's DHCP client is asked what the server offers: udhcpc, NetworkManager or systemd-networkd."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.machines.parse.lease import Lease, parse_network_manager, parse_networkd, parse_udhcpc
from conformance.machines.shell import ShellError, quote

if TYPE_CHECKING:
    from conformance.machines.guest import Guest

_SCRIPT = "/tmp/.udnc-lease"
_PRINT = '#!/bin/sh\ncase "$1" in bound|renew) env;; esac\nexit 0\n'


def read_lease(guest: Guest, nic: str) -> Lease:
    """The lease of an interface; raises ``ShellError`` when no client gives one."""
    tools = guest.tools
    if tools.has("nmcli"):
        text = guest.run(f"nmcli -t -f DHCP4 device show {quote(nic)}", idempotent=True).text
        lease = parse_network_manager(text)
        if lease is not None:
            return lease
    if tools.has("udhcpc"):
        # Asks the server again, with a script that shows the answer and changes nothing.
        guest.write(_SCRIPT, _PRINT)
        guest.must(f"chmod 700 {_SCRIPT}", idempotent=True)
        options = "-O router -O dns -O mtu -O serverid"
        command = f"udhcpc -i {quote(nic)} -n -q -f -t 4 -T 2 {options} -s {_SCRIPT} 2>&1"
        text = guest.run(command, root=True, idempotent=True).text
        lease = parse_udhcpc(text)
    else:
        index = f"$(cat /sys/class/net/{quote(nic)}/ifindex)"
        text = guest.run(f"cat /run/systemd/netif/leases/{index}", idempotent=True).text
        lease = parse_networkd(text)
    if lease is None:
        tail = " ".join(text.split())[-200:] or "nothing"
        raise ShellError(f"{guest}: no DHCP offer on {nic}; its client wrote: {tail}")
    return lease
