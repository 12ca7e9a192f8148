"""The facts of a whole run that stand in its report beside the tests' records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from conformance.catalog.index import Index
from conformance.features.model import FeatureSet
from conformance.options import Selection
from conformance.results.records import TestRecord

STATEMENTS = {
    "lab": "This run was made on the lab: it proves the suite, not OVN-Kubernetes or KubeVirt.",
    "cluster": "This run was made on a cluster, and tells what was seen there.",
}


@dataclass(frozen=True)
class Ending:
    """How the run came to its end."""

    exit_status: int
    interrupted: bool = False
    preflight: str | None = None


@dataclass(frozen=True)
class Environment:
    """Where the run was made."""

    kind: str
    server: str | None = None
    context: str | None = None
    features: FeatureSet = field(default_factory=FeatureSet)
    versions: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def statement(self) -> str:
        """What the run's results are worth, and what its cluster said of itself when it was brought up."""
        return " ".join([STATEMENTS[self.kind], *self.remarks]) if self.kind in STATEMENTS else ""


def environment_kind(said: str, versions: Mapping[str, str]) -> str:
    """``lab`` or ``cluster``: what the run was told, unless KubeVirt is of a lab that came as a kubeconfig."""
    return "lab" if versions.get("kubevirt", "").endswith("+lab") else said


@dataclass(frozen=True)
class Plan:
    """What was to be run: pytest's ids of the tests, and why the others were not among them.

    ``planned`` is empty while nothing has been collected; ``selection`` is known before that. ``stops_early`` tells
    that the user wants an end at the first failures (``-x``).
    """

    planned: frozenset[str] = frozenset()
    left_out_by: str = ""
    broken_files: Mapping[str, str] = field(default_factory=dict)
    stops_early: bool = False
    selection: Selection = field(default_factory=Selection)


@dataclass(frozen=True)
class Run:
    """One run, ended."""

    id: str
    started: datetime
    seconds: float
    environment: Environment
    plan: Plan
    index: Index
    records: tuple[TestRecord, ...]
    unfinished: tuple[TestRecord, ...]
    ending: Ending
    rerun: tuple[str, ...] = ("udn-conformance", "run")
