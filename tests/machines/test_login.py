"""What is said at a login, and what is typed next."""

from __future__ import annotations

import pytest

from conformance.machines.login import Dialogue, Step


@pytest.mark.parametrize(
    ("said", "step"),
    [
        ("", Step.WAIT),
        ("Welcome to Alpine Linux 3.19\nKernel 6.6 on an x86_64 (/dev/ttyS0)\n\nlocalhost login: ", Step.NAME),
        ("Fedora Linux 39 (Cloud Edition)\n\nvm-a login:", Step.NAME),
        ("localhost login: [   12.34] random: crng init done\n", Step.NAME),
        ("fedora\nPassword: ", Step.PASSWORD),
        ("Password:\n[   12.34] eth0: link up\n", Step.PASSWORD),
        ("\nLogin incorrect\nvm-a login: ", Step.NAME),
        ("Last login: Fri Nov 20 16:02:12 on ttyS0\n[fedora@vm-a ~]$ ", Step.PROVE),
        ("Last login: Fri Nov 20 16:02:12 on ttyS0\n", Step.WAIT),
        ("~ # ", Step.PROVE),
        ("localhost:~#", Step.PROVE),
        ("vm% ", Step.PROVE),
        ("[    0.000000] Command line: console=ttyS0 root=/dev/vda # comment here\n", Step.WAIT),
        ("[    1.0] systemd[1]: Started Serial Getty\n", Step.WAIT),
    ],
)
def test_the_next_step(said, step):
    assert Dialogue().next(said) is step


def test_refusals_are_counted():
    dialogue = Dialogue()
    assert dialogue.next("\nLogin incorrect\n\nvm login: ") is Step.NAME
    assert dialogue.next("root\nPassword: ") is Step.PASSWORD
    assert dialogue.next("\nLogin incorrect\nvm login: ") is Step.NAME
    assert dialogue.refusals == 2
