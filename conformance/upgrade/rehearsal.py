"""An upgrade from beginning to end within one run: prepared, played by the lab, verified by the run's tests."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from copy import copy
from pathlib import Path

from conformance.kube.api import Api
from conformance.options import UsageProblem
from conformance.preflight import PreflightFailed
from conformance.provider import Lab
from conformance.upgrade.making import Refusal, discard, make
from conformance.upgrade.place import place_of

NAME = "rehearsal"


def rehearse(values: argparse.Namespace, lab: Lab, base: Path, tell: Callable[[str], None]) -> None:
    """Prepare a baseline on the lab of a run, whose options ``values`` are, and have the lab play an upgrade.

    The run verifies that baseline afterwards. Raises PreflightFailed or ProviderFailed.
    """
    if values.udn_baseline is not None:
        raise UsageProblem("--baseline and --rehearse-upgrade exclude each other: a rehearsal has its own baseline")
    place = place_of(copy(values), NAME, "lab", base)
    tell("rehearsing an upgrade: preparing")
    discard(place.cluster.api, NAME)
    try:
        made = make(NAME, place, tell)
    except Refusal as error:
        raise PreflightFailed(f"no upgrade can be rehearsed: {error}") from error
    tell(f"{made}; now the upgrade")
    lab.upgrade()
    values.udn_baseline = NAME


def forget_rehearsal(values: argparse.Namespace) -> list[str]:
    """Remove the baseline of a rehearsal; one line for each thing that stays."""
    return discard(Api.connect(values.udn_kubeconfig, values.udn_context), NAME)
