"""What a guest sees of itself and of its network, and what it can be told to do, over any ``Shell``.

Every command works on busybox (KubeVirt's Alpine image) and on iproute2 with iputils (its Fedora image).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from ipaddress import ip_address, ip_network

from conformance.evidence import step
from conformance.kube.waits import Deadline, TimedOut
from conformance.machines.leases import read_lease
from conformance.machines.parse.files import parse_counters, parse_resolvers
from conformance.machines.parse.lease import Lease
from conformance.machines.parse.links import Nic, Route, parse_addresses, parse_neighbours, parse_routes
from conformance.machines.parse.ping import Ping, parse_ping
from conformance.machines.shell import CommandFailed, Output, Shell, ShellError, quote
from conformance.machines.tools import PROBE, Tools, read_tools
from conformance.machines.upload import uploads
from conformance.timeouts import Timeouts

BOOT_ID = "/proc/sys/kernel/random/boot_id"
PING_INTERVAL = 0.2
PING_WAIT = 2
HEADERS = {4: 28, 6: 48}  # IP and ICMP headers, in bytes


class Guest:
    """A guest's own view. ``shell`` runs its commands, as the user that logged in."""

    def __init__(self, shell: Shell, timeouts: Timeouts) -> None:
        self.shell = shell
        self.timeouts = timeouts

    def __str__(self) -> str:
        return self.shell.name

    @cached_property
    def tools(self) -> Tools:
        """The programs that the guest has."""
        return read_tools(self.run(PROBE, idempotent=True).text)

    def run(
        self, command: str, timeout: str | float = "command", root: bool = False, idempotent: bool = False
    ) -> Output:
        """Run a command line of sh; ``timeout`` is a name of ``timeouts.yaml``, or seconds before scaling.

        ``root`` goes through sudo when another user logged in. Raises ``ShellError``.
        """
        seconds = self.timeouts[timeout] if isinstance(timeout, str) else timeout * self.timeouts.scale
        if root and not self.tools.root:
            command = f"sudo -n sh -c {quote(command)}"
        return self.shell.run(command, seconds, idempotent)

    def must(self, command: str, root: bool = False, idempotent: bool = False) -> str:
        """What a command that has to succeed wrote; raises ``CommandFailed``."""
        output = self.run(command, root=root, idempotent=idempotent)
        if not output.ok:
            raise CommandFailed(str(self), command, output)
        return output.text

    def read(self, path: str) -> str:
        """The text of a file."""
        return self.must(f"cat {quote(path)}", idempotent=True)

    def write(self, path: str, text: str) -> None:
        """Make a file hold ``text``, readable by its owner alone."""
        for command in uploads(text, path):
            self.must(command, idempotent=True)

    def forget(self) -> None:
        """Forget what was found out about the guest: another one may answer next."""
        self.__dict__.pop("tools", None)

    # -- what it has

    def nics(self) -> list[Nic]:
        """Its network interfaces, without the loopback."""
        return parse_addresses(self.must("ip address", idempotent=True))

    interfaces = nics

    def nic(self, name: str | None = None) -> Nic:
        """The interface of that name; without one, the one that the default route uses, else the first."""
        nics = self.nics()
        if name is None:
            name = next((route.nic for route in self.default_routes() if route.nic), None)
        for nic in nics:
            if name is None or nic.name == name:
                return nic
        raise AssertionError(f"{self}: the guest has no network interface {name or ''}; it has {nics or 'none'}")

    def addresses(self, name: str | None = None) -> list[str]:
        """The addresses of an interface (see ``nic``), without link-local ones."""
        return self.nic(name).addresses

    def mtu(self, name: str | None = None) -> int:
        """The MTU of an interface (see ``nic``), in bytes."""
        return self.nic(name).mtu

    def default_routes(self) -> list[Route]:
        """Its default routes, IPv4 before IPv6."""
        text = self.must("ip route show; ip -6 route show 2>/dev/null || true", idempotent=True)
        return [route for route in parse_routes(text) if route.destination == "default"]

    def gateways(self) -> tuple[str, ...]:
        """The gateways of its default routes."""
        return tuple(route.gateway for route in self.default_routes() if route.gateway)

    def dns_servers(self) -> list[str]:
        """The name servers that it uses; behind systemd-resolved, those that resolved asks."""
        upstream = "/run/systemd/resolve/resolv.conf"
        command = f"cat {upstream} 2>/dev/null || cat /etc/resolv.conf"
        return parse_resolvers(self.must(command, idempotent=True))

    def neighbour(self, ip: str) -> str | None:
        """The MAC address that it knows for a neighbour, or ``None``."""
        version = "-6 " if ip_address(ip).version == 6 else ""
        entries = parse_neighbours(self.must(f"ip {version}neigh show", idempotent=True))
        return next((entry.mac for entry in entries if entry.address == ip and entry.mac), None)

    def forget_neighbour(self, ip: str) -> None:
        """Take a neighbour out of its table, so that the next packet asks for it anew."""
        self.must(f"ip neigh flush to {quote(ip)}", root=True, idempotent=True)

    def dhcp_lease(self, name: str | None = None) -> Lease:
        """What DHCP offers to an interface; raises ``ShellError`` when nothing is offered."""
        return read_lease(self, name or self.nic().name)

    def counters(self) -> dict[str, int]:
        """The kernel's counters of IP, ICMP, TCP and UDP: ``Icmp.InEchos``, and for IPv6 ``Icmp6.InEchos``."""
        command = "cat /proc/net/snmp && { cat /proc/net/snmp6 2>/dev/null || true; }"
        return parse_counters(self.must(command, idempotent=True))

    # -- what it does

    def ping(
        self,
        ip: str,
        count: int = 5,
        size: int | None = None,
        packet: int | None = None,
        fragment: bool = True,
        source: str | None = None,
        ttl: int | None = None,
    ) -> Ping:
        """Ping an address, and count its own answers alone.

        ``size`` is the payload, ``packet`` the whole IP packet, in bytes; ``ttl``: hops allowed.

        With ``fragment=False`` only packets that left whole count. iputils is told to set "don't fragment". busybox
        cannot be told; but Linux sets that bit on every packet that fits the path as it knows it, and counts those
        that it had to cut: a run in which it cut any is reported as too long.
        """
        version = ip_address(ip).version
        if packet is not None:
            size = packet - HEADERS[version]
        words = ["ping", "-c", str(count), "-i", str(PING_INTERVAL), "-W", str(PING_WAIT)]
        words += ["-s", str(size)] if size is not None else []
        words += ["-I", quote(source)] if source is not None else []
        words += ["-t", str(ttl)] if ttl is not None else []
        words += ["-M", "do"] if not fragment and not self.tools.busybox_ping else []
        command = " ".join([*words, quote(ip)])
        limit = count * PING_INTERVAL + PING_WAIT + self.timeouts["command-margin"] / self.timeouts.scale
        if fragment or not self.tools.busybox_ping:
            return parse_ping(self.run(command, limit, idempotent=True).text).answers_of(ip)
        counters, cut = ("/proc/net/snmp6", "Ip6.FragOKs") if version == 6 else ("/proc/net/snmp", "Ip.FragOKs")
        text = self.run(f"cat {counters}; {command}; cat {counters}", limit, idempotent=True).text
        before, found, after = text.partition("PING")
        # The output of ping holds nothing that reads as a counter.
        was, now = (parse_counters(part).get(cut, 0) for part in (before, after))
        result = parse_ping(found + after).answers_of(ip)
        return result.fragmented() if now > was else result

    def must_reach_address(self, ip: str, count: int = 3) -> Ping:
        """Ping until all of ``count`` requests are answered; ``AssertionError`` with both ends if that fails."""
        deadline = Deadline(self.timeouts["reach"])
        with step(f"ping {self} -> {ip}"):
            while True:
                result = self.ping(ip, count=count)
                if result.all_answered:
                    return result
                if deadline.passed:
                    raise AssertionError(f"icmp {self} -> {ip}: {result} within {deadline.seconds:g} s")

    @contextmanager
    def also_having(self, address: str, prefix: int, name: str | None = None) -> Iterator[None]:
        """Give an interface another address for a while."""
        nic = name or self.nic().name
        change = f"{quote(address)}/{prefix} dev {quote(nic)}"
        with step(f"{self}: {nic} also has {address}/{prefix}"):
            self.must(f"ip address add {change}", root=True)
            try:
                yield
            finally:
                self.must(f"ip address del {change}", root=True)

    @contextmanager
    def with_mac(self, mac: str, name: str | None = None) -> Iterator[None]:
        """Give an interface another MAC address for a while; its addresses and routes stay."""
        nic = self.nic(name)
        with step(f"{self}: {nic.name} has MAC {mac}"):
            self._set_mac(nic.name, mac)
            try:
                yield
            finally:
                self._set_mac(nic.name, nic.mac)

    def wait_address(self) -> bool:
        """Wait until an interface has an IPv4 or global IPv6 address; whether one came in time."""
        seconds = int(self.timeouts["guest-address"])
        seen = "ip address show | grep -v ' 127.0.0.1/' | grep -q -e ' inet ' -e 'inet6 .*scope global'"
        loop = f"i=0; until {seen}; do i=$((i+1)); [ $i -gt {seconds * 4} ] && exit 1; sleep 0.25; done"
        limit = (seconds + self.timeouts["command-margin"]) / self.timeouts.scale
        return self.run(loop, limit, idempotent=True).ok

    def wait_address_in(self, subnet: str, name: str | None = None) -> str:
        """Wait until an interface (see ``nic``) has an address of a CIDR, and give it; ``AssertionError`` else."""
        deadline = Deadline(self.timeouts["guest-address"])
        with step(f"wait until {self} has an address in {subnet}"):
            while True:
                nic = self.nic(name)
                found = [address for address in nic.addresses if ip_address(address) in ip_network(subnet)]
                if found:
                    return found[0]
                if deadline.passed:
                    waited = f"within {deadline.seconds:g} s"
                    raise AssertionError(f"{self} has no address in {subnet} {waited}, but {nic.addresses or 'none'}")

    def wait_gateway(self, version: int) -> str:
        """Wait until it has a default route of an IP version, and give the gateway; ``AssertionError`` else."""
        deadline = Deadline(self.timeouts["guest-address"])
        with step(f"wait until {self} has a default route of IPv{version}"):
            while True:
                gateways = self.gateways()
                found = [gateway for gateway in gateways if ip_address(gateway).version == version]
                if found:
                    return found[0]
                if deadline.passed:
                    waited = f"within {deadline.seconds:g} s"
                    raise AssertionError(f"{self} has no default route of IPv{version} {waited}: {gateways}")

    def boot_id(self) -> str:
        """The id of this boot, new at each."""
        return self.read(BOOT_ID).strip()

    def reboot(self) -> None:
        """Reboot from inside, and wait until a new boot answers a login; raises ``TimedOut``."""
        with step(f"{self}: reboot from inside the guest"):
            before = self.boot_id()
            command = "reboot" if self.tools.root else "sudo -n reboot"
            deadline = Deadline(self.timeouts["guest-reboot"])
            last = "the guest still runs its old boot"
            while not deadline.passed:
                try:
                    # Nothing after it but silence: the shell ends with the boot.
                    self.shell.run_last(f"{command}; sleep {deadline.seconds:.0f}", deadline.left)
                    if self.boot_id() != before:
                        self.forget()
                        return
                except ShellError as error:
                    last = str(error)
        raise TimedOut(f"{self}: no new boot within {deadline.seconds:g} s of a reboot from inside; last: {last}")

    def _set_mac(self, nic: str, mac: str) -> None:
        # Without taking the link down, where the driver allows it (virtio does): that would drop the routes.
        self.must(f"ip link set dev {quote(nic)} address {quote(mac)}", root=True, idempotent=True)
