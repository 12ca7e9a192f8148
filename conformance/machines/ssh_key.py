"""The key by which the suite logs in over SSH: made for one run, kept in memory, its public half put into guests."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import paramiko

from conformance.evidence import REDACTOR

NAME = "udn-conformance"


@dataclass(frozen=True)
class SshKey:
    """A pair of keys. ECDSA, which both OpenSSH and dropbear take."""

    private: paramiko.PKey = field(repr=False)

    @classmethod
    def generate(cls) -> SshKey:
        """A new pair; the private half is registered as a secret."""
        key = paramiko.ECDSAKey.generate()
        text = StringIO()
        key.write_private_key(text)
        REDACTOR.register(text.getvalue())
        return cls(key)

    @property
    def public(self) -> str:
        """The line for ``authorized_keys``."""
        return f"{self.private.get_name()} {self.private.get_base64()} {NAME}"

    def write(self, file: Path) -> None:
        """Write the private half to a file that its owner alone can read, for programs that want one."""
        self.private.write_private_key_file(str(file))
