"""A virtual machine of a tenant: its life cycle as its user drives it, and its guest."""

from __future__ import annotations

import secrets
import time
from contextlib import AbstractContextManager
from functools import cached_property, partial

import yaml

from conformance.evidence import REDACTOR, YAML, attach, figure, note, step
from conformance.evidence.snapshot import SNAPSHOTS
from conformance.kube import patches
from conformance.kube.api import Object
from conformance.kube.describe import summary
from conformance.kube.manifests import migration as migration_manifest
from conformance.kube.resources import MIGRATIONS, VMIS, VMS
from conformance.kube.waits import TimedOut, wait_gone, wait_until
from conformance.machines import boot
from conformance.machines.access import Access, Credentials
from conformance.machines.console import Console, LoginFailed
from conformance.machines.guest import Guest
from conformance.machines.identity import Identity
from conformance.machines.migration import FORCED_FAILURE, LIVE_MIGRATION, Migration, follow_failure, follow_migration
from conformance.machines.reported import ReportedMachine, addresses_of, phase_of
from conformance.traffic.stream import Stream, stream

SEEN_BY_GUEST = "ip address; ip route; ip -6 route; ip neigh"
"""What is looked at in a guest when a test fails."""
GLANCE = 5.0
"""Seconds in which its console must answer that."""


class VirtualMachine(ReportedMachine):
    """One VM, by name; nothing of the cluster's state is cached, each answer is read anew."""

    def __init__(self, access: Access, namespace: str, name: str) -> None:
        super().__init__(access.api, namespace, name)
        self.access = access
        self._migration_known = ""

    # -- its guest

    @property
    def credentials(self) -> Credentials:
        """Who logs in to its guest."""
        return self.access.credentials

    @cached_property
    def console(self) -> Console:
        """Its serial console; opened by the first command."""
        virtctl = self.access.virtctl
        argv = virtctl.command("console", self.name, "--namespace", self.namespace)
        console = Console(
            str(self), argv, virtctl.environment, self.credentials, self.access.timeouts, explain=self._what_happened
        )
        SNAPSHOTS.add_source(f"console of {self}", console.transcript.text, self.namespace)
        look = partial(console.glance, SEEN_BY_GUEST, GLANCE)
        SNAPSHOTS.add_source(f"guest of {self}", look, self.namespace)
        return console

    @cached_property
    def guest(self) -> Guest:
        """Its guest, over the console."""
        return Guest(self.console, self.access.timeouts)

    def identity(self) -> Identity:
        """What VMI, guest and claims say of its addresses and MAC."""
        interface = self._first_interface()
        nic = self.guest.nic()
        claimed = tuple(address for claim in self.claims() for address in claim.addresses)
        mac = str(interface.get("mac", "")).lower()
        return Identity(addresses_of(interface), mac, tuple(nic.addresses), nic.mac, claimed)

    # -- its life

    def create(self, manifest: Object) -> None:
        """Create it; not awaited. The manifest is kept as evidence, without its secrets."""
        with step(f"create VM {self}"):
            attach(f"VM {self}", yaml.safe_dump(REDACTOR.object(manifest), sort_keys=False), YAML)
            self.api.create(manifest)
            boot.count()

    def wait_running(self) -> None:
        """Until its VMI is Running and Ready; raises ``TimedOut`` or ``BootFailed``."""
        with step(f"wait until VM {self} runs"):
            vmi = boot.wait_running(self.api, self.namespace, self.name)
        self._runs_on(str(vmi["status"].get("nodeName", "")))

    def wait_ready(self) -> None:
        """Until it runs, reports an address, and has answered a login on its console.

        Raises ``TimedOut`` with its status and the console's last lines, or ``BootFailed``.
        """
        self.wait_running()
        self._wait_guest()

    def wait_booted(self) -> None:
        """The same for a VM whose probes may never call it ready: until its VMI is Running, and a login answered."""
        with step(f"wait until VM {self} has booted"):
            phase = "vm-running", "phase Running"
            wait_until(self.api, VMIS, self.name, self.namespace, lambda vmi: phase_of(vmi) == "Running", *phase)
        self._wait_guest()

    def _wait_guest(self) -> None:
        with step(f"log in to {self}"):
            try:
                self.console.login()
            except LoginFailed as error:
                raise TimedOut(f"{error}; VM: {summary(self.vm())}; VMI: {summary(self.vmi())}") from error
        with step(f"wait for the address of {self}"):
            self.wait_address()
            if not self.guest.wait_address():
                note(f"{self}: the guest has no address on {self.guest.nic().name}")

    def wait_address(self) -> None:
        """Until its VMI reports an address; its guest may have none."""

        def reports(vmi: Object) -> bool:
            interfaces = vmi.get("status", {}).get("interfaces") or [{}]
            return bool(addresses_of(interfaces[0]))

        wait_until(self.api, VMIS, self.name, self.namespace, reports, "vm-address", "address in status.interfaces")

    def start(self) -> None:
        """``virtctl start``, until its VMI exists."""
        with step(f"virtctl start {self}"):
            self.access.virtctl.act("start", self.name, "--namespace", self.namespace, done=self._exists)
            boot.count()
            wait_until(self.api, VMIS, self.name, self.namespace, lambda _: True, "vm-created", "VMI")

    def stop(self) -> None:
        """``virtctl stop``, until its VMI is gone."""
        with step(f"virtctl stop {self}"):
            uid = self.vmi()["metadata"]["uid"]
            self.access.virtctl.act("stop", self.name, "--namespace", self.namespace, done=lambda: self._ends(uid))
            wait_gone(self.api, VMIS, self.name, self.namespace, "vm-stopped", uid=uid)
            self._forget_guest()

    def restart(self) -> None:
        """``virtctl restart``, until there is a new VMI; ``wait_ready`` waits for its guest."""
        with step(f"virtctl restart {self}"):
            uid = self.vmi()["metadata"]["uid"]
            self.access.virtctl.act("restart", self.name, "--namespace", self.namespace, done=lambda: self._ends(uid))
            boot.count()
            self._forget_guest()
            wait_until(
                self.api,
                VMIS,
                self.name,
                self.namespace,
                lambda vmi: vmi["metadata"]["uid"] != uid,
                "vm-stopped",
                "new VMI in place of the old",
            )

    def migrate(self, to: str | None = None) -> Migration:
        """Move it live to another node, ``to`` if given; raises ``MigrationFailed``."""
        name = f"{self.name}-move-{secrets.token_hex(3)}"
        with step(f"migrate {self}" + (f" to {to}" if to else "")):
            began = time.monotonic()
            self.api.create(migration_manifest(name, self.namespace, self.access.run_id, self.name, to))
            moved = follow_migration(self.api, self.namespace, name, self.name)
            # By the suite's clock: the timestamps in the VMI's status are whole seconds.
            figure(LIVE_MIGRATION, time.monotonic() - began, "s")
            # It led to the source. Closed here, no command can be on its way when it breaks.
            self._leave_console()
            self.api.delete(MIGRATIONS, name, self.namespace)
            self._runs_on(moved.target)
            return moved

    def fail_to_migrate(self) -> str:
        """Begin a live migration that its source gives up once the target is prepared; gives the reason told.

        Asked for by an annotation that KubeVirt has for its own tests. Raises ``Blocked`` when it moves all the same.
        """
        name = f"{self.name}-fail-{secrets.token_hex(3)}"
        with step(f"migrate {self}, to fail"):
            self.api.patch(VMIS, self.name, self.namespace, patches.annotation(FORCED_FAILURE, ""))
            try:
                self.api.create(migration_manifest(name, self.namespace, self.access.run_id, self.name))
                return follow_failure(self.api, self.namespace, name, self.name)
            finally:
                self.api.delete(MIGRATIONS, name, self.namespace)
                self.api.patch(VMIS, self.name, self.namespace, patches.annotation(FORCED_FAILURE, None))

    def refused_network(self) -> str:
        """The reason with which its pod gets no network; ``AssertionError`` when its container starts instead."""
        with step(f"wait until {self} is refused its network"):
            return boot.refused_network(self.api, self.namespace, self.name)

    def delete(self) -> None:
        """Delete it and wait until it is gone."""
        with step(f"delete VM {self}"):
            self._forget_guest()
            self.api.delete(VMS, self.name, self.namespace)
            wait_gone(self.api, VMS, self.name, self.namespace, "vm-gone")
            wait_gone(self.api, VMIS, self.name, self.namespace, "vm-gone")

    def close(self) -> None:
        """Keep the console's transcript as evidence, and leave the console."""
        if "console" in self.__dict__:
            attach(f"console of {self}", self.console.transcript.text())
            SNAPSHOTS.drop_source(f"console of {self}")
            SNAPSHOTS.drop_source(f"guest of {self}")
            self.console.close()

    # -- its traffic

    def stream_to(
        self, server: VirtualMachine, port: int = 5201, measured_on: VirtualMachine | None = None
    ) -> AbstractContextManager[Stream]:
        """A TCP session to ``server`` in which both sides send numbered lines all the time; see ``traffic.stream``."""
        return stream(self, server, port, measured_on)

    # -- inner

    def _runs_on(self, node: str) -> None:
        SNAPSHOTS.describe(self.namespace, f"node of {self.name}", node)

    def _exists(self) -> bool:
        return self.api.find(VMIS, self.name, self.namespace) is not None

    def _ends(self, uid: str) -> bool:
        """Whether the VMI with that UID is gone, or going."""
        vmi = self.api.find(VMIS, self.name, self.namespace)
        return vmi is None or vmi["metadata"]["uid"] != uid or "deletionTimestamp" in vmi["metadata"]

    def _leave_console(self) -> None:
        if "console" in self.__dict__:
            self.console.close()

    def _forget_guest(self) -> None:
        self._leave_console()
        if "guest" in self.__dict__:
            self.guest.forget()

    def _what_happened(self) -> str | None:
        """Why its console was cut, if the VM has to do with it."""
        vmi = self.api.find(VMIS, self.name, self.namespace)
        if vmi is None:
            return "the VM was stopped"
        status = vmi.get("status", {})
        if "deletionTimestamp" in vmi["metadata"] or status.get("phase") != "Running":
            return f"the VM is {status.get('phase')}"
        state = status.get("migrationState") or {}
        uid = str(state.get("migrationUid", ""))
        if uid and uid != self._migration_known:
            self._migration_known = uid
            return f"the VM moved from {state.get('sourceNode')} to {state.get('targetNode')}"
        return None
