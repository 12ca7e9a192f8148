"""``virtctl ssh``: the local ssh client, its connection made by ``port-forward --stdio`` of this same program.

Source: KubeVirt's ``pkg/virtctl/ssh``. As there, neither kubeconfig nor context is passed on: the environment has them.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from lab.virtctl.api import Refused
from lab.virtctl.forward import Target


@dataclass(frozen=True)
class Login:
    """Where to log in, and as whom."""

    target: Target
    user: str | None
    port: int

    def arguments(self) -> list[str]:
        """ssh's own: how to connect, and to whom."""
        target = self.target
        program = sys.argv[0] if not sys.argv[0].endswith("__main__.py") else f"{sys.executable} -m lab.virtctl"
        place = f"{target.kind}/{target.name}/{target.namespace}"
        host = f"{target.kind}.{target.name}.{target.namespace}"
        proxy = f"ProxyCommand={program} port-forward --stdio=true {shlex.quote(place)} {self.port}"
        return ["-o", proxy, f"{self.user}@{host}" if self.user else host]


def run(login: Login, identity: str | None, options: Sequence[str], command: str | None) -> int:
    """Run ssh to its end; gives its exit status. ``Refused`` when there is no ssh."""
    proxy, argument, host = login.arguments()
    argv = ["ssh", proxy, argument, *options, *(["-i", identity] if identity else []), host]
    try:
        return subprocess.run([*argv, *([command] if command else [])], check=False).returncode
    except FileNotFoundError as error:
        raise Refused(0, "ssh is not installed: virtctl ssh uses the local client") from error
