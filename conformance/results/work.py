"""What a run cost: the VMs that booted and moved for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from conformance.machines.boot import BOOT
from conformance.machines.migration import LIVE_MIGRATION
from conformance.results.records import TestRecord
from conformance.results.requirements import Judged
from conformance.verdicts import Verdict

_VERIFIED = frozenset({Verdict.PASSED, Verdict.FAILED, Verdict.CONFIRMED, Verdict.LIFTED})


def line(records: Iterable[TestRecord], judged: Sequence[Judged]) -> str:
    """Boots and migrations, and boots per requirement that got a verdict; empty when none got one."""
    names = [figure.name for record in records for figure in record.figures]
    boots, moves = names.count(BOOT), names.count(LIVE_MIGRATION)
    verified = sum(each.verdict in _VERIFIED for each in judged)
    if not verified:
        return ""
    each = f"{boots / verified:.2f} boots each"
    return f"{boots} VM boots and {moves} live migrations for {verified} requirements verified: {each}"
