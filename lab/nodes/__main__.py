"""``python -m lab.nodes --state DIR``: one agent a node, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

import aiohttp

from lab import netns
from lab.client import Refused
from lab.config import LabConfig
from lab.nodes import images
from lab.nodes.agent import NodeAgent


def main() -> int:
    """Parse the command line and run; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lab.nodes", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="the lab's state directory (holds lab.json)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_run(LabConfig.load(options.state)))
    except FileNotFoundError as error:
        print(f"nodes: cannot run at {options.state}: {error}", file=sys.stderr)
        return 10
    except (OSError, Refused, aiohttp.ClientError) as error:
        print(f"nodes: cannot run for {options.state}: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(config: LabConfig) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    image = images.prepare(config.state)
    # An agent that was killed leaves namespaces of pods whose processes died with it.
    for path in netns.FOLDER.glob(f"{config.prefix}-p-*"):
        netns.remove(path.name)
    agents = [NodeAgent(config, node, image) for node in config.nodes]
    started = asyncio.create_task(_start(agents))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({started, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if started.done():
            await started
        await stopped
    finally:
        stopped.cancel()
        started.cancel()
        await asyncio.gather(*(agent.stop() for agent in agents))


async def _start(agents: list[NodeAgent]) -> None:
    async with asyncio.TaskGroup() as group:
        for agent in agents:
            group.create_task(agent.start())


if __name__ == "__main__":
    sys.exit(main())
