"""A shell in a pod's container, over ``exec``: what a guest can be asked, a pod can be asked too."""

from __future__ import annotations

from conformance.kube.api import Api
from conformance.kube.errors import Refused, Unreachable
from conformance.kube.execute import NO_STATUS, execute
from conformance.kube.waits import TimedOut
from conformance.machines.shell import CommandTimedOut, Output, ShellError, brief

CONNECTIONS = 3


class PodShell:
    """Runs each command in a ``sh`` of its own, in the pod's first container."""

    def __init__(self, api: Api, namespace: str, pod: str) -> None:
        self.api = api
        self.namespace = namespace
        self.pod = pod
        self.name = f"{namespace}/{pod}"

    def run(self, command: str, timeout: float, idempotent: bool = False) -> Output:
        """Run ``command``; a connection that is cut is made again if it is ``idempotent``. Raises ``ShellError``."""
        for left in reversed(range(CONNECTIONS if idempotent else 1)):
            try:
                # In one stream, as on a console.
                argv = ["sh", "-c", f"exec 2>&1; {command}"]
                output = execute(self.api, self.namespace, self.pod, argv, timeout)
            except TimedOut as error:
                raise CommandTimedOut(self.name, command, timeout, "") from error
            except (Refused, Unreachable) as error:
                if isinstance(error, Refused) or not left:
                    raise ShellError(f"{self.name}: {brief(command)} could not be run: {error}") from error
            else:
                if output.status != NO_STATUS or not left:
                    return Output(output.status, output.stdout)
        raise ShellError(f"{self.name}: {brief(command)} could not be run: the connection was cut each time")

    def run_last(self, command: str, timeout: float) -> None:
        """A pod has but one boot: raises ``ShellError``."""
        raise ShellError(f"pod {self.name} cannot be booted again: {brief(command)}")

    def close(self) -> None:
        """Nothing is held open between two commands."""
