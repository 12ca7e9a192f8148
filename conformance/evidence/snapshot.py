"""What the cluster and the guests looked like when a test failed.

Bounded in time and in size. Whatever cannot be had becomes a note: a snapshot never fails a test, nor hides why
it failed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from conformance.evidence.recorder import TEXT, YAML, attach, note
from conformance.evidence.redaction import REDACTOR
from conformance.kube.api import Api
from conformance.kube.errors import ApiError, NotFound
from conformance.kube.resources import (
    CUDNS,
    EVENTS,
    IPAM_CLAIMS,
    MIGRATIONS,
    NADS,
    NAMESPACES,
    NETWORK_POLICIES,
    NODES,
    PODS,
    SERVICES,
    UDNS,
    VMIS,
    VMS,
    Resource,
)

#: Seconds for the whole of it; a failing cluster answers slowly, and the tests behind must not wait for it.
SECONDS = 20.0
#: Characters of one attachment; what is longer loses its middle.
LARGEST = 400_000
IN_NAMESPACE = (VMS, VMIS, MIGRATIONS, PODS, UDNS, NADS, IPAM_CLAIMS, SERVICES, NETWORK_POLICIES)
OF_CLUSTER = (NODES, CUDNS)

Source = Callable[[], str]


class Snapshots:
    """Knows which namespaces and which texts (consoles, logs) belong to the tests of this process."""

    def __init__(self) -> None:
        self._namespaces: dict[str, None] = {}
        self._sources: dict[str, Source] = {}

    def add_namespace(self, name: str) -> None:
        """Take this namespace into snapshots, from its creation on."""
        self._namespaces[name] = None

    def drop_namespace(self, name: str) -> None:
        """Leave it out again, once it is deleted."""
        self._namespaces.pop(name, None)

    def add_source(self, name: str, read: Source) -> None:
        """Take a text into snapshots, such as a console's transcript; ``read`` is called from another thread."""
        self._sources[name] = read

    def drop_source(self, name: str) -> None:
        """Leave it out again."""
        self._sources.pop(name, None)

    def take(self, api: Api | None, seconds: float = SECONDS) -> None:
        """Attach everything to the test that runs now."""
        tasks: dict[str, tuple[str, Source]] = {
            f"console {name}": (TEXT, read) for name, read in list(self._sources.items())
        }
        if api is not None:
            for namespace in self._namespaces:
                tasks[f"namespace {namespace}"] = (YAML, partial(_objects, api, namespace))
                tasks[f"events of {namespace}"] = (TEXT, partial(_events, api, namespace))
            if self._namespaces:
                tasks["cluster"] = (YAML, partial(_cluster, api))
        if tasks:
            _run(tasks, seconds)


SNAPSHOTS = Snapshots()


def _run(tasks: dict[str, tuple[str, Source]], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="snapshot")
    futures: dict[str, Future[str]] = {name: pool.submit(read) for name, (_, read) in tasks.items()}
    for name, future in futures.items():
        try:
            text = future.result(timeout=max(0.0, deadline - time.monotonic()))
        except Late:
            note(f"snapshot: {name}: not had within {seconds:g} s")
            continue
        except Exception as error:
            # Whatever a console or an API does wrong here, the test has already failed for its own reason.
            note(f"snapshot: {name}: {type(error).__name__}: {error}")
            continue
        attach(name, _bounded(text), tasks[name][0])
    # Not waited for: a thread that hangs in the network must not hold the run up.
    pool.shutdown(wait=False, cancel_futures=True)
    _let_go(pool)


def _let_go(pool: ThreadPoolExecutor) -> None:
    """Keep the interpreter from joining threads that hang when it exits."""
    with suppress(ImportError, AttributeError):
        from concurrent.futures import thread

        for each in [worker for worker in threading.enumerate() if worker.name.startswith("snapshot")]:
            thread._threads_queues.pop(each, None)  # type: ignore[attr-defined]


def _bounded(text: str) -> str:
    if len(text) <= LARGEST:
        return text
    half = LARGEST // 2
    return f"{text[:half]}\n… {len(text) - LARGEST} characters left out …\n{text[-half:]}"


def _objects(api: Api, namespace: str) -> str:
    found = [_plain(api.get(NAMESPACES, namespace))]
    for resource in IN_NAMESPACE:
        found += _list(api, resource, namespace)
    return yaml.safe_dump_all(REDACTOR.object(found), sort_keys=False, allow_unicode=True)


def _cluster(api: Api) -> str:
    found = [each for resource in OF_CLUSTER for each in _list(api, resource, None)]
    return yaml.safe_dump_all(REDACTOR.object(found), sort_keys=False, allow_unicode=True)


def _list(api: Api, resource: Resource, namespace: str | None) -> list[dict[str, Any]]:
    try:
        return [_plain(each) for each in api.list(resource, namespace)]
    except NotFound:
        return []
    except ApiError as error:
        return [{"kind": f"{resource.kind}List", "notHad": str(error)}]


def _plain(obj: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in (obj.get("metadata") or {}).items() if key != "managedFields"}
    return obj | {"metadata": metadata}


def _events(api: Api, namespace: str) -> str:
    events = sorted(api.list(EVENTS, namespace), key=_when)
    return "\n".join(_event_lines(events)) + "\n"


def _when(event: dict[str, Any]) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")


def _event_lines(events: Iterable[dict[str, Any]]) -> Iterable[str]:
    for event in events:
        about = event.get("involvedObject") or {}
        said = " ".join(str(event.get("message", "")).split())
        kind = f"{about.get('kind')}/{about.get('name')}"
        yield f"{_when(event)} {event.get('type', '')} {event.get('reason', '')} {kind}: {said}"


def connect(kubeconfig: Path, context: str | None) -> Api | None:
    """An API for snapshots; None, with a note, when there is none to be had."""
    try:
        return Api.connect(kubeconfig, context)
    except Exception as error:
        note(f"snapshot: no connection: {error}")
        return None
