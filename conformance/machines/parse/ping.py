"""The output of ping: busybox's and iputils'. Counts are read from it; its exit status says too little."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import ip_address

_REPLY = re.compile(
    r"^\d+ bytes from (?:\S+ \()?(?P<source>[0-9a-fA-F.:]+?)\)?: (?:icmp_)?seq=(?P<seq>\d+)(?: ttl=(?P<ttl>\d+))?.*?"
    r"(?P<dup>\(DUP!\))?$",
    re.MULTILINE,
)
_COUNTS = re.compile(r"^(?P<sent>\d+) packets transmitted, (?P<received>\d+) (?:packets )?received", re.MULTILINE)
_TOO_LONG = re.compile(r"message too long|Message too long|[Ff]rag(?:mentation)? needed|Packet needs to be fragmented")
_PROBLEM = re.compile(
    r"^(?:From \S+.*|.*(?:[Mm]essage too long.*|sendto: .*|connect: .*|bad address.*|"
    r"Operation not permitted.*|[Ii]nvalid argument.*|unreachable.*))$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Ping:
    """What a ping found.

    ``sent`` counts what the guest tried to send; ``received`` counts requests that were answered, without
    duplicates. ``too_long`` tells that the guest, or a router, refused a packet for its length.
    """

    sent: int
    received: int
    ttls: tuple[int, ...] = ()
    replies_from: tuple[str, ...] = ()
    duplicates: int = 0
    problems: tuple[str, ...] = ()
    too_long: bool = False

    @property
    def all_answered(self) -> bool:
        """Whether something was sent and all of it was answered."""
        return 0 < self.sent == self.received

    def __str__(self) -> str:
        text = f"{self.received} of {self.sent} replies" if self.sent or self.replies_from else "no reply"
        if self.replies_from:
            text += f" from {', '.join(dict.fromkeys(self.replies_from))}"
        if self.duplicates:
            text += f", {self.duplicates} duplicates"
        return text + (f": {'; '.join(dict.fromkeys(self.problems))}" if self.problems else "")

    def answers_of(self, address: str) -> Ping:
        """The same as far as ``address`` itself answered: a reply from any other source takes one from ``received``."""
        own = tuple(source for source in self.replies_from if _is(source, address))
        others = [source for source in self.replies_from if not _is(source, address)]
        said = tuple(f"reply from {source}, which was not asked" for source in others)
        received = max(self.received - len(others), 0)
        return replace(self, received=received, replies_from=own, problems=(*self.problems, *said))

    def fragmented(self) -> Ping:
        """The same attempt when the guest had to cut its packets: none of the size asked for left it."""
        return replace(self, received=0, too_long=True, problems=(*self.problems, "cut into fragments by the guest"))


def _is(source: str, address: str) -> bool:
    try:
        return ip_address(source) == ip_address(address)
    except ValueError:  # a name, or half an address: not what was asked
        return False


def parse_ping(text: str) -> Ping:
    """Read a ping's output. One that sent nothing (no route, bad address) gives 0 of 0 and its problem."""
    counts = _COUNTS.search(text)
    replies = list(_REPLY.finditer(text))
    # iputils marks a duplicate only in its counts when another host answers: the sequence number tells.
    numbers = [reply["seq"] for reply in replies]
    return Ping(
        sent=int(counts["sent"]) if counts else 0,
        received=int(counts["received"]) if counts else 0,
        ttls=tuple(int(reply["ttl"]) for reply in replies if reply["ttl"]),
        replies_from=tuple(reply["source"] for reply in replies),
        duplicates=len(numbers) - len(set(numbers)),
        problems=tuple(" ".join(problem.group().split()) for problem in _PROBLEM.finditer(text)),
        too_long=_TOO_LONG.search(text) is not None,
    )
