"""Finds and removes what runs left in a cluster, by the label that every object of a run carries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conformance.context import RunContext
from conformance.kube.api import RUN_LABEL, Api
from conformance.kube.errors import ApiError, NotFound, Refused, Unreachable
from conformance.kube.resources import (
    CUDNS,
    IPAM_CLAIMS,
    MIGRATIONS,
    NADS,
    NAMESPACES,
    NETWORK_POLICIES,
    PODS,
    SECRETS,
    SERVICES,
    UDNS,
    VMS,
    Resource,
)
from conformance.kube.waits import TimedOut, wait_gone

#: Kinds outside a run's own namespaces come first, namespaces before the cluster-wide networks that they use.
KINDS = (MIGRATIONS, VMS, PODS, SERVICES, NETWORK_POLICIES, SECRETS, UDNS, NADS, IPAM_CLAIMS, NAMESPACES, CUDNS)


_FORBIDDEN = 403


@dataclass(frozen=True)
class Leftover:
    """One object of a run."""

    resource: Resource
    name: str
    namespace: str | None
    run_id: str

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.resource.kind} {place} of run {self.run_id}"


def leftovers(api: Api, run_id: str | None = None) -> list[Leftover]:
    """What one run, or every run, left; objects that go with their namespace are not listed. Raises ApiError."""
    labels = f"{RUN_LABEL}={run_id}" if run_id else RUN_LABEL
    found = [leftover for resource in KINDS for leftover in _of(api, resource, labels)]
    going = {leftover.name for leftover in found if leftover.resource is NAMESPACES}
    return [leftover for leftover in found if leftover.namespace not in going]


def _of(api: Api, resource: Resource, labels: str) -> Iterator[Leftover]:
    try:
        objects = api.list(resource, labels=labels)
    except NotFound:
        if resource is NAMESPACES:
            raise  # every cluster has them: this is none
        return  # the cluster does not have this kind
    except Refused as error:
        if error.code != _FORBIDDEN or resource is NAMESPACES:
            raise
        return  # what one may not look for, one has not made; and it goes with its namespace
    for each in objects:
        metadata = each["metadata"]
        yield Leftover(resource, metadata["name"], metadata.get("namespace"), metadata["labels"][RUN_LABEL])


def remove(api: Api, found: Sequence[Leftover], wait: bool = True) -> list[str]:
    """Delete them, and wait until they are gone; one line for each that stays."""
    problems = []
    asked = []
    for leftover in found:
        try:
            api.delete(leftover.resource, leftover.name, leftover.namespace)
            asked.append(leftover)
        except Refused as error:
            problems.append(f"{leftover} cannot be deleted: {error}")
    for leftover in asked if wait else ():
        timeout = "namespace-gone" if leftover.resource is NAMESPACES else "object-gone"
        try:
            wait_gone(api, leftover.resource, leftover.name, leftover.namespace, timeout=timeout)
        except Unreachable as error:
            # Each of the others would be waited for as long, for nothing.
            problems.append(f"{leftover} was deleted, as the others; whether they are gone cannot be seen: {error}")
            break
        except (TimedOut, ApiError) as error:
            problems.append(f"{leftover} is not gone: {error}")
    return problems


def sweep(run: RunContext) -> list[str]:
    """Remove what fixtures could not, because a worker was killed or interrupted; one line for each problem."""
    try:
        api = Api.connect(run.cluster.kubeconfig, run.cluster.context, run.timeouts)
        found = leftovers(api, run.run_id)
        return [f"removing {leftover}" for leftover in found] + remove(api, found)
    except ApiError as error:
        return [f"could not look for leftovers ({error}); later: udn-conformance clean --run-id {run.run_id}"]
