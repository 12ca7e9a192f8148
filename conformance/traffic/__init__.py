"""Packets between machines: reachability, blocked paths, payload, sessions whose silences are measured."""

from conformance.traffic.cells import EVERY_WAY, ICMP, Cell, Destination, Way, cells, tcp, udp
from conformance.traffic.exchange import exchange
from conformance.traffic.matrix import Matrix, assert_matrix, matrix
from conformance.traffic.names import assert_resolves, published
from conformance.traffic.probe import NotReached, Reached, assert_reaches, reach
from conformance.traffic.source import source_seen_by
from conformance.traffic.stream import Stream, StreamFailed, stream
from conformance.traffic.tls import assert_vouched_for

__all__ = [
    "EVERY_WAY",
    "ICMP",
    "Cell",
    "Destination",
    "Matrix",
    "NotReached",
    "Reached",
    "Stream",
    "StreamFailed",
    "Way",
    "assert_matrix",
    "assert_reaches",
    "assert_resolves",
    "assert_vouched_for",
    "cells",
    "exchange",
    "matrix",
    "published",
    "reach",
    "source_seen_by",
    "stream",
    "tcp",
    "udp",
]
