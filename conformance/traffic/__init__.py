"""Packets between machines: reachability, blocked paths, payload, sessions whose silences are measured."""

from conformance.traffic.blocked import assert_blocked
from conformance.traffic.exchange import exchange
from conformance.traffic.probe import NotReached, Reached, assert_reaches, reach
from conformance.traffic.source import source_seen_by
from conformance.traffic.stream import Stream, StreamFailed, stream

__all__ = [
    "NotReached",
    "Reached",
    "Stream",
    "StreamFailed",
    "assert_blocked",
    "assert_reaches",
    "exchange",
    "reach",
    "source_seen_by",
    "stream",
]
