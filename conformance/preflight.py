"""What must hold before any test: a kubeconfig that leads to a cluster which answers and lets this user in."""

from __future__ import annotations

import argparse
from pathlib import Path

from conformance import options
from conformance.context import DEFAULTS
from conformance.evidence.redaction import REDACTOR, kubeconfig_secrets
from conformance.features.sight import Given, Sight
from conformance.kube.api import Api
from conformance.kube.errors import Refused, Unreachable
from conformance.kube.resources import NAMESPACES
from conformance.kube.transport import KubeconfigError
from conformance.timeouts import Timeouts


class PreflightFailed(Exception):
    """The run cannot begin; one line that says why and what to do."""


def enter_as_asked(values: argparse.Namespace, base: Path) -> Sight:
    """The cluster that the options name, relative to ``base``; raises PreflightFailed."""
    kubeconfig = (base / values.udn_kubeconfig).absolute()
    values.udn_kubeconfig = str(kubeconfig)
    REDACTOR.register(*kubeconfig_secrets(kubeconfig))
    given = Given(
        virtctl=values.udn_virtctl,
        outside=values.udn_outside,
        outside_name=values.udn_outside_name,
        outside_shell=values.udn_outside_shell,
        interface_binding=values.udn_interface_binding or "l2bridge",
        image=values.udn_image or DEFAULTS["image"],
        baseline=values.udn_baseline,
    )
    return enter(kubeconfig, values.udn_context, options.timeouts(values), given)


def enter(kubeconfig: Path, context: str | None, timeouts: Timeouts, given: Given) -> Sight:
    """The cluster of a kubeconfig, once it has answered and let this user in; raises PreflightFailed."""
    if not kubeconfig.exists():
        raise PreflightFailed(f"kubeconfig {kubeconfig} does not exist; name another with --kubeconfig")
    try:
        with kubeconfig.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        raise PreflightFailed(f"kubeconfig {kubeconfig} cannot be read: {error.strerror}") from error
    try:
        api = Api.connect(kubeconfig, context, timeouts)
    except KubeconfigError as error:
        raise PreflightFailed(str(error)) from error
    try:
        api.raw("/version")
        # A user without the right to make namespaces would fail at the first one; to list them is the least.
        api.list(NAMESPACES, labels="udn-conformance/run=preflight")
    except Unreachable as error:
        raise PreflightFailed(str(error)) from error
    except Refused as error:
        raise PreflightFailed(with_hint(api, error)) from error
    return Sight(api, given)


def with_hint(api: Api, error: Refused) -> str:
    """A refusal with the cluster that gave it and what to do, in one line."""
    hints = {
        401: "the kubeconfig's credentials are not accepted; log in again",
        403: "this user is not allowed to; be a cluster administrator, or have the rights of deploy/rbac.yaml",
    }
    return f"{api.server}: {error}; {hints.get(error.code, 'is this a Kubernetes API server?')}"
