"""``python -m lab.controllers --state DIR``: every controller of the lab in one process.

Ready means: manifests installed, all informers synced, all controllers at work, the default network in the northbound
database. It is told by the file ``ready/controllers`` in the state directory and by a line on standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from lab.client import Client
from lab.config import LabConfig
from lab.controllers import (
    dns,
    garbage,
    kubevirt,
    load_balancers,
    manifests,
    namespaces,
    networks,
    scheduling,
    services,
)
from lab.controllers.runtime import Build, Context, Controller, Informers
from lab.faults.seams import Faults

_ROOMS: Sequence[Build] = (
    namespaces.build,
    scheduling.build,
    services.build,
    load_balancers.build,
    dns.build,
    networks.build,
    kubevirt.build,
    garbage.build,  # last: it asks for all kinds, those included that virt-api serves
)


async def run(state: Path) -> None:
    """Run all controllers until SIGTERM or SIGINT, then let them end what they are at."""
    config = LabConfig.load(state)
    faults = Faults(state)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    ready = state / "ready" / "controllers"
    ready.unlink(missing_ok=True)
    access = state / "pki" / "controllers.kubeconfig"
    async with Client.from_kubeconfig(access, user_agent="controllers", faults=faults) as client:
        await manifests.install(client)
        context = Context(client, config, faults, Informers(client))
        controllers: list[Controller] = []
        for build in _ROOMS:
            controllers.extend(await build(context))
        await context.informers.start()
        for controller in controllers:
            controller.start()
        ready.parent.mkdir(exist_ok=True)
        ready.touch()
        print("controllers ready", flush=True)
        await ended.wait()
        ready.unlink(missing_ok=True)
        await asyncio.gather(*(controller.stop() for controller in controllers))
        await context.informers.stop()
        for close in reversed(context.closers):
            await close()


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m lab.controllers", description="the controllers of a lab")
    parser.add_argument("--state", type=Path, required=True, help="the lab's state directory")
    parser.add_argument("--verbose", action="store_true", help="log every step")
    arguments = parser.parse_args()
    level = logging.DEBUG if arguments.verbose else logging.INFO
    logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(run(arguments.state))


if __name__ == "__main__":
    main()
