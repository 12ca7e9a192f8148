"""``virtctl ssh``: the local ssh client by way of virt-api, its key and the guest's host keys pinned."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from conformance.evidence import step
from conformance.machines.host_keys import HostKey
from conformance.machines.virtctl import VirtctlError
from conformance.machines.vm import VirtualMachine
from conformance.verdicts import Blocked

#: What the client says when somebody answered by SSH, but not as agreed.
ANSWERED = ("Permission denied", "Host key verification failed", "REMOTE HOST IDENTIFICATION", "no matching host key")


def virtctl_ssh(machine: VirtualMachine, host_keys: list[HostKey], command: str) -> str:
    """What ``command`` wrote in the guest. Raises ``VirtctlError`` when it could not be run, or failed.

    ``Blocked`` without a local ssh client.
    """
    if shutil.which("ssh") is None:
        raise Blocked("virtctl ssh uses the local client ssh, which is not installed; install an OpenSSH client")
    virtctl, seconds = machine.access.virtctl, machine.access.timeouts["ssh-open"]
    with step(f"virtctl ssh {machine}: {command}"), tempfile.TemporaryDirectory(prefix="udnc-") as folder:
        key, known = Path(folder) / "key", Path(folder) / "known_hosts"
        machine.credentials.key.write(key)
        known.write_text("".join(host_key.known_host(machine.name) for host_key in host_keys))
        settings = {
            "UserKnownHostsFile": known,
            "HostKeyAlias": machine.name,
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "ConnectTimeout": round(seconds),
        }
        return virtctl.run(
            *("ssh", "--namespace", machine.namespace, "--username", machine.credentials.user),
            *("--identity-file", str(key), "--known-hosts", str(known)),
            *(f"--local-ssh-opts=-o{name}={value}" for name, value in settings.items()),
            *("--command", command, f"vmi/{machine.name}"),
        )


def answered(error: VirtctlError) -> bool:
    """Whether the failure tells that an SSH server was reached all the same."""
    return any(text in str(error) for text in ANSWERED)
