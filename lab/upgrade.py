"""Plays an upgrade on a lab that is up: its parts are restarted one after the other, then every machine moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from lab.client import Client, Informer
from lab.config import LabConfig
from lab.faults.definitions import played
from lab.orders import give
from lab.resources import MIGRATIONS, VMIS

MOVE_LIMIT = 120.0  # seconds
_FINAL = ("Succeeded", "Failed")


class UpgradeFailed(Exception):
    """The lab did not come through; one line that says at what."""


def upgrade(config: LabConfig, tell: Callable[[str], None]) -> None:
    """Restart API server, controllers, each node's switch and OVN controller; then move every machine that can move.

    ``tell`` gets a line for each step. Raises :class:`UpgradeFailed`, or ``OrderFailed``.
    """
    with played(config.state):
        for step in give(config.state, "renew"):
            tell(step)
        asyncio.run(_move_all(config, tell))


async def _move_all(config: LabConfig, tell: Callable[[str], None]) -> None:
    async with Client.from_kubeconfig(config.kubeconfig, "upgrade") as client:
        migrations = Informer(client, MIGRATIONS)
        await migrations.start()
        for vmi in (await client.list(VMIS))["items"]:
            if _may_move(vmi):
                tell(await _move(client, migrations, vmi["metadata"]))
        await migrations.stop()


async def _move(client: Client, migrations: Informer, vmi: dict[str, Any]) -> str:
    """Move one machine; gives a line with both nodes."""
    namespace, name = vmi["namespace"], f"{vmi['name']}-upgrade"
    await client.create(
        MIGRATIONS, {"metadata": {"name": name, "namespace": namespace}, "spec": {"vmiName": vmi["name"]}}
    )
    try:
        async with asyncio.timeout(MOVE_LIMIT):
            done = await migrations.wait_for(namespace, name, lambda found: _phase(found) in _FINAL)
    except TimeoutError as error:
        raise UpgradeFailed(f"{namespace}/{vmi['name']} has not moved within {MOVE_LIMIT:g} s") from error
    finally:
        await client.delete(MIGRATIONS, name, namespace)
    if done is None or _phase(done) != "Succeeded":
        raise UpgradeFailed(f"{namespace}/{vmi['name']} could not move: {(done or {}).get('status')}")
    state = (done.get("status") or {}).get("migrationState") or {}
    return f"{namespace}/{vmi['name']} moved from {state.get('sourceNode')} to {state.get('targetNode')}"


def _may_move(vmi: dict[str, Any]) -> bool:
    conditions = (vmi.get("status") or {}).get("conditions") or []
    return any(each["type"] == "LiveMigratable" and each["status"] == "True" for each in conditions)


def _phase(migration: dict[str, Any] | None) -> str:
    return str(((migration or {}).get("status") or {}).get("phase", ""))
