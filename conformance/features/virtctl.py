"""Whether a virtctl runs, and is not too old for the cluster's KubeVirt."""

from __future__ import annotations

import os
import re
import subprocess

from conformance.kube.api import Api

#: The first release whose console closes cleanly and whose commands take ``--timeout`` as the suite uses them.
OLDEST = (0, 59)
_VERSION = re.compile(r'GitVersion:"v?(\d+)\.(\d+)([^"]*)"')


def virtctl_version(program: str, api: Api) -> tuple[bool | None, str]:
    """Ask the program; ``(present, evidence)``."""
    environment = dict(os.environ)
    if api.kubeconfig is not None:
        environment["KUBECONFIG"] = str(api.kubeconfig)
    try:
        answer = subprocess.run(
            [program, "version", "--client"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=api.timeouts["virtctl"],
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return False, f"{program} version --client does not end within {error.timeout:g} s"
    except OSError as error:
        return False, f"{program} cannot be run: {error.strerror}"
    said = " ".join((answer.stdout or answer.stderr).split())
    if answer.returncode != 0:
        return False, f"{program} version --client ended with status {answer.returncode}: {said[:200]}"
    return judge(program, said)


def judge(program: str, said: str) -> tuple[bool | None, str]:
    """Read what ``virtctl version --client`` printed."""
    found = _VERSION.search(said)
    if found is None and "version" not in said.lower():
        return False, f"{program} does not answer `version` as virtctl does: {_plain(said)[:120] or 'nothing printed'}"
    if found is None:
        # A virtctl built from a branch gives no release; it runs, and that is all that can be said.
        return True, f"{program} runs; its version is not a release: {_plain(said)[:120]}"
    version = (int(found[1]), int(found[2]))
    text = f"{found[1]}.{found[2]}{found[3]}"
    if (0, 0) < version < OLDEST:
        return False, f"{program} is {text}; at least {OLDEST[0]}.{OLDEST[1]} is needed"
    return True, f"{program} is {text}"


def _plain(said: str) -> str:
    return "".join(character if character.isascii() and character.isprintable() else "?" for character in said)
