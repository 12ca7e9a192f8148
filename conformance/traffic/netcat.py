"""Which netcat a guest has, and how it is told what to do. The dialects are data: ``netcat.yaml``."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

import yaml

from conformance.machines.guest import Guest
from conformance.machines.tools import NETCATS, Tools
from conformance.verdicts import NotApplicable

Transport = Literal["tcp", "udp"]
Action = Literal["answer", "listen", "connect"]


def command(guest: Guest, transport: Transport, action: Action, port: int, host: str = "", family: int = 4) -> str:
    """The command line of sh by which ``guest`` does ``action``.

    Raises ``NotApplicable`` when the guest has no netcat that knows ``transport``.
    """
    if host:
        family = ip_address(host).version
    for program in NETCATS:
        dialect = dialect_of(guest.tools, program)
        if dialect is not None and transport in dialect:
            line: str = dialect[transport][action]
            return line.format(nc=program, family=f"-{family}", host=host, port=port)
    found = [f"{name} ({dialect['name']})" for name in NETCATS if (dialect := dialect_of(guest.tools, name))]
    what = f"it has {', '.join(found)}" if found else "it has no netcat at all"
    raise NotApplicable(f"guest-{transport}", f"{guest}: no program in the guest sends {transport.upper()}: {what}")


def dialect_of(tools: Tools, program: str) -> dict[str, Any] | None:
    """The dialect that a program speaks, or ``None`` when it is not there, or unknown."""
    said = tools.help.get(program, "")
    for name, dialect in _dialects().items():
        knows = all(text in said for text in dialect.get("needs", []))
        if said and knows and any(text in said for text in dialect["said"]):
            return {"name": name, **dialect}
    return None


@cache
def _dialects() -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("netcat.yaml").read_text())
    return loaded
