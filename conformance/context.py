"""What a run is: its id, its cluster, its guests, its limits. One frozen value that fixtures build on."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.features.model import FeatureSet
from conformance.limits import Limits
from conformance.options import limits, on_failure, timeouts
from conformance.timeouts import Timeouts

PASSWORD_VARIABLE = "UDN_GUEST_PASSWORD"
DEFAULTS = {
    "image": "quay.io/kubevirt/alpine-with-test-tooling-container-disk:v1.6.0",
    "pod_image": "registry.k8s.io/e2e-test-images/agnhost:2.53",
}


@dataclass(frozen=True)
class ClusterAccess:
    """How the cluster is reached."""

    kubeconfig: Path
    context: str | None = None


@dataclass(frozen=True)
class GuestChoice:
    """What runs as VM and pod, and how one logs in.

    The password is the user's, or a random one of this run that cloud-init sets.
    """

    image: str
    user: str
    password: str = field(repr=False)
    pod_image: str = ""
    interface_binding: str = "l2bridge"


@dataclass(frozen=True)
class RunContext:
    """One run on one cluster.

    ``environment`` is ``lab`` or ``cluster``; only the report tells them apart, no test does.
    """

    run_id: str
    environment: str
    out: Path
    cluster: ClusterAccess
    guest: GuestChoice
    timeouts: Timeouts
    limits: Limits
    features: FeatureSet
    virtctl: str | None = None
    outside: str | None = None
    outside_name: str | None = None
    outside_shell: str | None = None
    on_failure: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keep: bool = False
    baseline: str | None = None


@dataclass(frozen=True)
class Shared:
    """What the controller decides and every worker must know.

    ``options`` are pytest's as the controller has them, the lab's suggestions and the places of results included:
    xdist gives its workers the command line alone.
    """

    run_id: str
    environment: str
    password: str = field(repr=False)
    features: FeatureSet = field(default_factory=FeatureSet)
    options: Mapping[str, Any] = field(default_factory=dict)
    progress: str = ""
    """Where workers tell what they are at; empty where nobody listens."""

    def to_json(self) -> str:
        """One string, as xdist passes it on."""
        plain: dict[str, Any] = {
            "run_id": self.run_id,
            "environment": self.environment,
            "password": self.password,
            "features": self.features.to_list(),
            "options": dict(self.options),
            "progress": self.progress,
        }
        return json.dumps(plain)

    @classmethod
    def from_json(cls, text: str) -> Shared:
        """What :meth:`to_json` gave."""
        plain = json.loads(text)
        return cls(**plain | {"features": FeatureSet.from_list(plain["features"])})


def new_run_id() -> str:
    """A short random id that is a valid label and part of a name."""
    letters = string.ascii_lowercase + string.digits
    return secrets.choice(string.ascii_lowercase) + "".join(secrets.choice(letters) for _ in range(5))


def new_password(environment: Mapping[str, str] = os.environ) -> str:
    """The guest's password: the user's, or a random one for this run."""
    return environment.get(PASSWORD_VARIABLE) or secrets.token_urlsafe(12)


def build(values: argparse.Namespace, shared: Shared, base: Path) -> RunContext:
    """The run that the options and the controller's decisions describe; paths are taken from ``base``."""
    if values.udn_kubeconfig is None:
        raise RuntimeError("the run has no cluster yet: this is known once the session has started")
    return RunContext(
        run_id=shared.run_id,
        environment=shared.environment,
        out=out_folder(values, base),
        cluster=ClusterAccess((base / values.udn_kubeconfig).absolute(), values.udn_context),
        guest=GuestChoice(
            image=values.udn_image or DEFAULTS["image"],
            user=values.udn_guest_user or "root",
            password=shared.password,
            pod_image=values.udn_pod_image or DEFAULTS["pod_image"],
            interface_binding=values.udn_interface_binding or "l2bridge",
        ),
        timeouts=timeouts(values),
        limits=limits(values),
        features=shared.features,
        virtctl=values.udn_virtctl,
        outside=values.udn_outside,
        outside_name=values.udn_outside_name,
        outside_shell=values.udn_outside_shell,
        on_failure=on_failure(values),
        keep=values.udn_keep,
        baseline=values.udn_baseline,
    )


def out_folder(values: argparse.Namespace, base: Path) -> Path:
    """Where results go."""
    return (base / (values.udn_out or "out")).absolute()


def keep_results_apart(values: argparse.Namespace, base: Path) -> None:
    """Put JUnit's and Allure's results where the run's are, unless the user named another place."""
    out = out_folder(values, base)
    values.udn_out = str(out)
    if values.xmlpath is None:
        values.xmlpath = str(out / "junit.xml")
    if values.allure_report_dir is None:
        values.allure_report_dir = str(out / "allure-results")
