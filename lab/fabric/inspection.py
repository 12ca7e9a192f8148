"""What a node's switch remembers, tracks and counts, and the last lines that it and its controller wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lab.config import LabConfig
from lab.fabric.daemons import control

QUESTIONS = (
    ("dpctl/dump-flows", "--names"),
    ("dpctl/dump-conntrack",),
    ("upcall/show",),
    ("coverage/show",),
    ("tnl/ports/show",),
    ("tnl/neigh/show",),
    ("ovs/route/show",),
)
LOGS = ("ovs-vswitchd", "ovn-controller")
LINES = 50
#: A flow without wildcards names every field, also those that are nothing.
_NOTHING = re.compile(r"(?:skb_priority|skb_mark|ct_zone|ct_mark|ct_label|dp_hash)\(0\),|packet_type\(ns=0,id=0\),")


def inspect(config: LabConfig, node: str) -> str:
    """All of it as one text; what is not to be had says why."""
    return "\n".join(f"# {node}: {title}\n{text.rstrip()}\n" for title, text in _sections(config, node))


def _sections(config: LabConfig, node: str) -> Iterator[tuple[str, str]]:
    socket = config.state / "nodes" / node / "ovs-vswitchd.ctl"
    for question in QUESTIONS:
        try:
            answer = _shorter(control(socket, *question))
        except OSError as error:
            answer = f"not had: {error}"
        yield " ".join(question), answer
    for name in LOGS:
        log = config.state / "log" / f"{name}-{node}.log"
        try:
            lines = log.read_text(errors="replace").splitlines()
        except OSError as error:
            lines = [f"not had: {error}"]
        yield f"{log.name}, the last {LINES} lines", "\n".join(lines[-LINES:])


def _shorter(answer: str) -> str:
    """Without flows that only the packet has met for which they were made, and fields that are nothing."""
    lines = answer.splitlines()
    kept = [_NOTHING.sub("", line) for line in lines if "used:never" not in line]
    more = len(lines) - len(kept)
    return "\n".join([*kept, *([f"{more} more, of one packet each"] if more else [])])
