"""The keys by which a guest's SSH server proves itself, learned from the guest over its console.

OpenSSH keeps the public halves in files. Dropbear makes its keys when a client first wants one, so its own client asks
for it inside the guest; of the file that it then has, the last 32 bytes are the public half, and nothing else is read.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from itertools import pairwise

from conformance.machines.guest import Guest
from conformance.machines.shell import ShellError

_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
_ED25519 = "ssh-ed25519"
_DROPBEAR = "dropbear-ed25519"
# Without a terminal of its own the client asks nobody for a password, and ends.
_ASK_DROPBEAR = (
    "setsid dbclient -y -y nobody@127.0.0.1 true </dev/null >/dev/null 2>&1; "
    f"echo {_DROPBEAR} $(tail -c 32 /etc/dropbear/dropbear_ed25519_host_key | base64)"
)
_LOOK = f"cat /etc/ssh/ssh_host_*_key.pub 2>/dev/null || {{ {_ASK_DROPBEAR}; }}"
_SERVES = "0016 [0-9A-F]*:0000 0A"


@dataclass(frozen=True)
class HostKey:
    """A public key: its type, and the rest in base64."""

    type: str
    base64: str

    def known_host(self, name: str) -> str:
        """A line for ``known_hosts``."""
        return f"{name} {self.type} {self.base64}\n"


def learn(guest: Guest) -> list[HostKey]:
    """The keys of the guest's SSH server; waits until that listens. ``ShellError`` when there is none."""
    seconds = guest.timeouts["ssh-server"]
    seen = f"grep -q ':{_SERVES}' /proc/net/tcp /proc/net/tcp6 2>/dev/null"
    loop = f"i=0; until {seen}; do i=$((i+1)); [ $i -gt {int(seconds * 5)} ] && exit 1; sleep 0.2; done"
    if not guest.run(loop, seconds / guest.timeouts.scale + 15, idempotent=True).ok:
        raise ShellError(f"{guest}: no SSH server listens on port 22 in the guest after {seconds:g} s")
    text = guest.run(_LOOK, idempotent=True).text
    found = [key for line in text.splitlines() if (key := _read(line)) is not None]
    if not found:
        raise ShellError(f"{guest}: the key of its SSH server cannot be learned: {' '.join(text.split())[:200]}")
    return found


def _read(line: str) -> HostKey | None:
    words = line.split()
    for kind, text in pairwise(words):
        if kind in _TYPES:
            return HostKey(kind, text)
        if kind == _DROPBEAR:
            blob = b"".join(struct.pack(">I", len(part)) + part for part in (_ED25519.encode(), base64.b64decode(text)))
            return HostKey(_ED25519, base64.b64encode(blob).decode())
    return None
