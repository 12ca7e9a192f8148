"""The crash-loop back-off: a VM whose VMI ends before it ever ran is started again ever more slowly.

Delay in seconds: 10 x (failures in a row)², with up to half of that at random, at most 300.
Source: KubeVirt, ``status.startFailure`` and its virt-controller's behaviour.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from lab.controllers.kubevirt import conditions, phases

Object = dict[str, Any]

FIRST_DELAY = 10
LONGEST_DELAY = 300
_COUNTED_STRATEGIES = frozenset({"Always", "RerunOnFailure", "Once"})


def delay(failures: int) -> float:
    """Seconds to wait after so many failures in a row."""
    base = FIRST_DELAY * max(1, failures) ** 2
    return min(LONGEST_DELAY, base + random.uniform(0, base / 2))


def seconds_left(vm: Object) -> float:
    """Seconds until the VM may be started again; 0 when it may be now."""
    failure = (vm.get("status") or {}).get("startFailure")
    if not failure:
        return 0
    left = (conditions.moment_of(failure["retryAfterTimestamp"]) - datetime.now(UTC)).total_seconds()
    return max(0.0, left)


def record(status: Object, strategy: str, vmi: Object | None) -> None:
    """Count in ``status`` (a VM's) a VMI that failed early; forget all failures once one ran."""
    if phases.has_run(vmi) or strategy not in _COUNTED_STRATEGIES:
        status.pop("startFailure", None)
        return
    if vmi is None or not phases.is_final(vmi):
        return
    before = status.get("startFailure") or {}
    uid = vmi["metadata"]["uid"]
    if before.get("lastFailedVMIUID") == uid:
        return
    failures = int(before.get("consecutiveFailCount", 0)) + 1
    status["startFailure"] = {
        "consecutiveFailCount": failures,
        "lastFailedVMIUID": uid,
        "retryAfterTimestamp": conditions.timestamp(datetime.now(UTC) + timedelta(seconds=delay(failures))),
    }
