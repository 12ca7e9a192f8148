"""A host beyond the cluster, by a program that runs scripts of sh."""

from __future__ import annotations

import pytest

from conformance.machines.outside import OutsideHost, ProgramShell
from conformance.machines.parse.names import parse_addresses_of_name
from conformance.machines.shell import CommandTimedOut, ShellError
from conformance.timeouts import Timeouts


def test_commands_give_their_status_and_all_they_wrote() -> None:
    shell = ProgramShell("outside", "env MARK=x sh")
    assert shell.run("echo $MARK; echo trouble >&2; exit 3", 10).text == "x\ntrouble\n"
    assert shell.run("exit 3", 10).status == 3
    assert shell.run("cat", 10).text == "", "a command has nothing on its standard input"


def test_what_cannot_be_run_is_told_in_one_line() -> None:
    with pytest.raises(ShellError, match="no-such-program cannot be run"):
        ProgramShell("outside", "no-such-program sh").run("true", 10)
    with pytest.raises(ShellError, match="could not be run: login refused"):
        ProgramShell("outside", "sh -c 'echo login refused >&2; exit 255'").run("true", 10)
    with pytest.raises(CommandTimedOut, match="did not end within"):
        ProgramShell("outside", "sh").run("sleep 5", 0.2)


def test_its_address_is_the_one_towards_the_cluster() -> None:
    assert OutsideHost("sh", "127.0.0.1", Timeouts.load()).address == "127.0.0.1"


BUSYBOX = """Server:\t\t10.96.0.10
Address:\t10.96.0.10:53

Name:\ts.n.svc.cluster.local
Address: 10.96.1.1

"""
OLD_BUSYBOX = """Server:    10.96.0.10
Address 1: 10.96.0.10 kube-dns.kube-system.svc.cluster.local

Name:      s
Address 1: 10.96.1.1 s.n.svc.cluster.local
"""
BIND = """Server:\t\t10.96.0.10
Address:\t10.96.0.10#53

Name:\ts.n.svc.cluster.local
Address: 10.96.1.1
Name:\ts.n.svc.cluster.local
Address: fd00::1
"""
GETENT = "10.96.1.1       STREAM s.n.svc.cluster.local\n10.96.1.1       DGRAM\n10.96.1.1       RAW\n"
UNKNOWN = "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\n** server can't find s: NXDOMAIN\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (BUSYBOX, ["10.96.1.1"]),
        (OLD_BUSYBOX, ["10.96.1.1"]),
        (BIND, ["10.96.1.1", "fd00::1"]),
        (GETENT, ["10.96.1.1"]),
        (UNKNOWN, []),
        ("", []),
    ],
)
def test_addresses_of_a_name(text: str, found: list[str]) -> None:
    assert parse_addresses_of_name(text) == found
