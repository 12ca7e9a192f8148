"""The guest as a user meets it: login, network, reboot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.nodes.machines.cloud_init import CloudInit
from tests.guest.booting import Terminal, booted

pytestmark = pytest.mark.guest

USER_DATA = """#cloud-config
user: fedora
password: "pass: word"
chpasswd: { expire: False }
ssh_pwauth: True
ssh_authorized_keys:
  - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC0 someone@somewhere
users:
  - default
  - name: second
    plain_text_passwd: other
runcmd:
  - echo "first $(hostname)" > /tmp/ran
  - [ sh, -c, "echo it is second >> /tmp/ran" ]
"""

STATIC = """
version: 2
ethernets:
  id0:
    match: {macaddress: "52:54:00:12:34:56"}
    addresses: [10.0.2.77/24, "fd00::77/64"]
    gateway4: 10.0.2.2
    mtu: 1300
    nameservers:
      addresses: [10.0.2.3, 192.0.2.53]
    routes:
      - to: 192.0.2.0/24
        via: 10.0.2.9
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A guest set up by a cloud-init disk, logged in."""
    told = CloudInit("one", "vm-one", USER_DATA)
    with booted(tmp_path_factory.mktemp("told"), told) as terminal:
        terminal.log_in("vm-one", "fedora", "pass: word")
        yield terminal


def test_user_of_the_disk_may_do_what_a_test_needs(told: Terminal) -> None:
    assert told.run("whoami; id -u; pwd; hostname") == "fedora\n0\n/home/fedora\nvm-one"


def test_commands_of_the_disk_were_run(told: Terminal) -> None:
    assert told.run_until("cat /tmp/ran", "second") == "first vm-one\nit is second"


def test_other_accounts_and_keys(told: Terminal) -> None:
    assert "someone@somewhere" in told.run("cat /home/fedora/.ssh/authorized_keys")
    assert "second:x:0:0:second:/home/second:/bin/sh" in told.run("cat /etc/passwd")
    assert told.run("grep -c '^second:[$]1[$]' /etc/shadow") == "1"


def test_network_by_dhcp(told: Terminal) -> None:
    told.run_until("cat /etc/resolv.conf", "nameserver")
    addresses = told.run("ip addr show dev eth0")
    assert "inet 10.0.2.15/24" in addresses
    assert "mtu 1400" in addresses
    assert "default via 10.0.2.2 dev eth0" in told.run("ip route")
    assert told.run("cat /etc/resolv.conf") == "nameserver 10.0.2.3"
    assert "2 packets transmitted, 2 packets received" in told.run("ping -c 2 10.0.2.2")
    assert "10.0.2.2 dev eth0 lladdr" in told.run("ip neigh")


def test_netcat_speaks_udp(told: Terminal) -> None:
    server = "(nc -u -l -W 1 127.0.0.1 5300 > /tmp/heard &)"
    told.run(f"{server}; sleep 0.2; echo hello | nc -u -w 1 127.0.0.1 5300")
    assert told.run_until("cat /tmp/heard", "hello") == "hello"
    assert "OpenBSD netcat" in told.run("timeout 5 nc -h 2>&1")


def test_feels_like_a_linux(told: Terminal) -> None:
    assert "ID=lab-guest" in told.run("cat /etc/os-release")
    assert told.run("cat /sys/class/net/eth0/address") == "52:54:00:12:34:56"
    assert told.run("test -w /tmp && echo yes") == "yes"
    assert told.run("cat /proc/sys/kernel/printk").split()[0] == "1"


def test_reboot_from_inside(tmp_path: Path) -> None:
    with booted(tmp_path) as terminal:
        terminal.log_in("guest", "lab", "lab")
        before = terminal.run("cat /proc/sys/kernel/random/boot_id")
        terminal.line.send("reboot\n")
        terminal.log_in("guest", "lab", "lab")
        assert terminal.run("cat /proc/sys/kernel/random/boot_id") != before


def test_static_network(tmp_path: Path) -> None:
    with booted(tmp_path, CloudInit("two", "vm-two", "#cloud-config\npassword: pw\n", STATIC)) as terminal:
        terminal.log_in("vm-two", "lab", "pw")
        addresses = terminal.run("ip addr show dev eth0")
        assert "inet 10.0.2.77/24" in addresses
        assert "inet6 fd00::77/64" in addresses
        assert "mtu 1300" in addresses
        routes = terminal.run("ip route")
        assert "default via 10.0.2.2 dev eth0" in routes
        assert "192.0.2.0/24 via 10.0.2.9 dev eth0" in routes
        assert terminal.run("cat /etc/resolv.conf") == "nameserver 10.0.2.3\nnameserver 192.0.2.53"
        assert terminal.run("pidof udhcpc") == ""
