"""One container of a pod through its life: pulled, started, probed, restarted with back-off, stopped."""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from typing import Any, Literal

from lab.events import now
from lab.nodes import containers, images
from lab.nodes.containers import Container, ContainerSpec, NoCommand
from lab.nodes.home import PodHome, expanded
from lab.nodes.logs import ContainerLog
from lab.nodes.probes import watch_container
from lab.nodes.status import ContainerState, Ending

Object = dict[str, Any]

_LOG = logging.getLogger(__name__)
_FIRST_BACKOFF, _LONGEST_BACKOFF = 10.0, 300.0
_GRACE_OF_RESTART = 30.0
_LAUNCHER_MARGIN = 2.0  # for the virt-handler to end by force what did not end by itself


class ContainerRunner:
    """Runs one container; ``state`` tells how it is, ``container`` is its process while there is one."""

    def __init__(self, spec: Object, init: bool = False) -> None:
        self.spec = spec
        self.init = init
        waiting = "PodInitializing" if init else "ContainerCreating"
        self.state = ContainerState(spec["name"], spec.get("image", ""), waiting=(waiting, ""))
        self.container: Container | None = None
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    async def run(self, home: PodHome) -> None:
        """Run until it is over for good: it ended and is not to be started again, or it was stopped."""
        self._task = asyncio.create_task(self._live(home), name=f"container {self.spec['name']}")
        try:
            await asyncio.shield(self._task)
        except asyncio.CancelledError:
            if not self._stopping:
                await self._kill()
                raise

    async def _kill(self) -> None:
        # The agent itself ends: nobody is told, the API keeps what it knows.
        assert self._task is not None
        self._stopping = True
        if self.container is not None:
            self.container.kill()
        else:
            self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def stop(self, home: PodHome, grace_seconds: float) -> None:
        """End it: SIGTERM, after the grace period SIGKILL. A container that waits is not started any more."""
        self._stopping = True
        if self.state.running:
            await self._tell(home, "Normal", "Killing", f"Stopping container {self.spec['name']}")
        if self.container is not None:
            await self.container.stop(grace_seconds)
        elif home.is_launcher and self.state.running:
            home.context.sandboxes.stop(home.sandbox.uid, grace_seconds)
            await self._ended_within(grace_seconds + _LAUNCHER_MARGIN)
        elif self._task is not None:
            self._task.cancel()
        if self._task is not None:
            with suppress(asyncio.CancelledError):
                await self._task

    async def _ended_within(self, seconds: float) -> None:
        assert self._task is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.shield(self._task)
        self._task.cancel()

    async def _live(self, home: PodHome) -> None:
        await self._pull(home)
        backoff = _FIRST_BACKOFF
        while True:
            ending = await (self._launcher_run(home) if home.is_launcher else self._run_once(home))
            self._ended(home, ending)
            if self._stopping or not self._again(home, ending.exit_code):
                return
            pause = 0.0 if self.state.restarts == 0 else backoff
            if pause:
                backoff = min(_LONGEST_BACKOFF, backoff * 2)
                await self._back_off(home, pause)
            self.state.last_ending, self.state.ending = ending, None
            self.state.restarts += 1

    def _again(self, home: PodHome, exit_code: int) -> bool:
        policy = home.pod["spec"].get("restartPolicy", "Always")
        if self.init:
            return exit_code != 0 and policy != "Never"
        return policy == "Always" or (policy == "OnFailure" and exit_code != 0)

    async def _pull(self, home: PodHome) -> None:
        name = self.spec["image"]
        backoff = _FIRST_BACKOFF
        while not home.context.faults.decide("pod.image-known", images.known(name), image=name):
            why = f'Failed to pull image "{name}": {images.not_found(name)}'
            self._wait(home, "ErrImagePull", images.not_found(name))
            await self._tell(home, "Normal", "Pulling", f'Pulling image "{name}"')
            await self._tell(home, "Warning", "Failed", why)
            await self._tell(home, "Warning", "Failed", "Error: ErrImagePull")
            self._wait(
                home, "ImagePullBackOff", f'Back-off pulling image "{name}": ErrImagePull: {images.not_found(name)}'
            )
            await self._tell(home, "Normal", "BackOff", f'Back-off pulling image "{name}"')
            await self._tell(home, "Warning", "Failed", "Error: ImagePullBackOff")
            await asyncio.sleep(backoff)
            backoff = min(_LONGEST_BACKOFF, backoff * 2)
        self._report(home, "Pulled", f'Container image "{name}" already present on machine')

    async def _run_once(self, home: PodHome) -> Ending:
        identity = self._new_identity()
        begun = now()
        log = ContainerLog(home.log_path(self.spec["name"]))
        try:
            self.container = await containers.start(self._spec(home), log)
        except (NoCommand, OSError) as error:
            message = self._start_error(error)
            await self._tell(home, "Warning", "Failed", f"Error: {message}")
            return Ending(128, "StartError", "1970-01-01T00:00:00Z", now(), identity, message)
        self._running(home, ready="readinessProbe" not in self.spec and not self.init)
        probes = asyncio.create_task(self._probe(home, self.container))
        try:
            code = await self.container.wait()
        finally:
            probes.cancel()
            self.container = None
        return Ending(code, "Completed" if code == 0 else "Error", begun, now(), identity)

    async def _launcher_run(self, home: PodHome) -> Ending:
        identity = self._new_identity()
        begun = now()
        self._running(home, ready="readinessProbe" not in self.spec)
        probes = asyncio.create_task(self._probe(home, None))
        try:
            code = await home.context.sandboxes.ended(home.sandbox.uid)
        finally:
            probes.cancel()
        if self.spec["name"] != "compute":
            code = 0  # the disk's container ends with the machine, whatever became of that
        return Ending(code, "Completed" if code == 0 else "Error", begun, now(), identity)

    async def _probe(self, home: PodHome, container: Container | None) -> None:
        def ready(value: bool) -> None:
            if self.state.ready != value:
                self.state.ready = value
                home.changed()

        async def failed(message: str) -> None:
            await self._tell(home, "Normal", "Killing", message)
            if container is None:
                home.context.sandboxes.stop(home.sandbox.uid, _GRACE_OF_RESTART)
            else:
                await container.stop(_GRACE_OF_RESTART)

        async def unhealthy(message: str) -> None:
            await self._tell(home, "Warning", "Unhealthy", message)

        await watch_container(home, self.spec, container, ready, failed, unhealthy)

    def _spec(self, home: PodHome) -> ContainerSpec:
        environment = home.environment(self.spec)
        argv = [*(self.spec.get("command") or ()), *(self.spec.get("args") or ())]
        return ContainerSpec(
            netns=home.sandbox.netns,
            image=home.image,
            folder=home.folder,
            hostname=home.hostname,
            argv=[expanded(word, environment) for word in argv] or images.DEFAULT_COMMAND,
            environment=environment,
            directory=self.spec.get("workingDir") or "/",
            stdin=bool(self.spec.get("stdin")),
            terminal=bool(self.spec.get("tty")),
        )

    def _start_error(self, error: Exception) -> str:
        if isinstance(error, NoCommand):
            detail = f'exec: "{error}": executable file not found in $PATH'
            return f"failed to create containerd task: failed to create shim task: unable to start container: {detail}"
        return str(error)

    def _new_identity(self) -> str:
        self.state.container_id = f"lab://{secrets.token_hex(32)}"
        return self.state.container_id

    def _running(self, home: PodHome, ready: bool) -> None:
        name = self.spec["name"]
        self.state.waiting, self.state.ending = None, None
        self.state.running_since, self.state.ready = now(), ready
        home.changed()
        self._report(home, "Created", f"Created container: {name}")
        self._report(home, "Started", f"Started container {name}")

    def _ended(self, home: PodHome, ending: Ending) -> None:
        self.state.running_since, self.state.ready = "", self.init and ending.exit_code == 0
        self.state.ending = ending
        home.changed()

    async def _back_off(self, home: PodHome, seconds: float) -> None:
        metadata = home.pod["metadata"]
        place = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        message = f"restarting failed container={self.spec['name']} pod={place}"
        self.state.last_ending, self.state.ending = self.state.ending, None
        self._wait(home, "CrashLoopBackOff", f"back-off {seconds:g}s {message}")
        await self._tell(
            home, "Warning", "BackOff", f"Back-off restarting failed container {self.spec['name']} in pod {place}"
        )
        await asyncio.sleep(seconds)

    def _wait(self, home: PodHome, reason: str, message: str) -> None:
        self.state.waiting = (reason, message)
        home.changed()

    async def _tell(self, home: PodHome, type_: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        await home.context.client.event(home.pod, type_, reason, message)

    def _report(self, home: PodHome, reason: str, message: str) -> None:
        # Good news needs no waiting for: the container's start must not take the time of three requests.
        task = asyncio.create_task(self._tell(home, "Normal", reason, message))
        _PENDING.add(task)
        task.add_done_callback(_PENDING.discard)


_PENDING: set[asyncio.Task[None]] = set()
