"""What the cluster and the guests looked like when a test failed.

Bounded in time and in size. Whatever cannot be had becomes a note: a snapshot never fails a test, nor hides why
it failed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from conformance.evidence import cluster_view, pod_logs
from conformance.evidence.recorder import TEXT, YAML, attach, note
from conformance.kube.api import Api
from conformance.makers import MAKERS

#: Seconds for the whole of it; a failing cluster answers slowly, and the tests behind must not wait for it.
SECONDS = 60.0
#: Characters of one attachment; what is longer loses its middle.
LARGEST = 400_000
#: Characters of all of a test's together; what comes after that is left out, with a note.
ALTOGETHER = 4_000_000

Source = Callable[[], str]


@dataclass(frozen=True)
class _Text:
    """A text of this process, such as a console's transcript, and the namespace whose snapshots it belongs to."""

    read: Source
    namespace: str | None


@dataclass
class Snapshots:
    """Knows which namespaces and which texts (consoles, guests) there are, and which fixture or test made them."""

    _namespaces: dict[str, set[Hashable]] = field(default_factory=dict)
    _sources: dict[str, _Text] = field(default_factory=dict)
    _facts: dict[str, dict[str, str]] = field(default_factory=dict)

    def add_namespace(self, name: str) -> None:
        """Take this namespace into snapshots, from its creation on."""
        self._namespaces[name] = MAKERS.all()

    def drop_namespace(self, name: str) -> None:
        """Leave it out again, once it is deleted."""
        self._namespaces.pop(name, None)
        self._facts.pop(name, None)

    def describe(self, namespace: str, what: str, value: str) -> None:
        """Say what a namespace is like, such as its ``topology``, or where ``vm-a`` runs."""
        self._facts.setdefault(namespace, {})[what] = value

    def add_source(self, name: str, read: Source, namespace: str | None = None) -> None:
        """Take a text into snapshots, those of ``namespace`` if one is given; another thread calls ``read``."""
        self._sources[name] = _Text(read, namespace)

    def drop_source(self, name: str) -> None:
        """Leave it out again."""
        self._sources.pop(name, None)

    def namespaces_of(self, makers: Collection[Hashable]) -> list[str]:
        """The namespaces that one of these made, in the order of their making."""
        return [name for name, by in self._namespaces.items() if by.intersection(makers)]

    def facts_of(self, namespaces: Collection[str]) -> dict[str, list[str]]:
        """What was said of these namespaces; each value once."""
        facts: dict[str, dict[str, None]] = {}
        for name in namespaces:
            for what, value in self._facts.get(name, {}).items():
                facts.setdefault(what, {})[value] = None
        return {what: list(values) for what, values in facts.items()}

    def take(self, api: Api | None, namespaces: Collection[str], span: float, seconds: float = SECONDS) -> None:
        """Attach what there is of these namespaces to the test that runs now; logs from ``span`` seconds ago on."""
        tasks: dict[str, tuple[str, Source]] = {
            name: (TEXT, text.read)
            for name, text in list(self._sources.items())
            if text.namespace is None or text.namespace in namespaces
        }
        if api is not None and namespaces:
            tasks |= _of_cluster(api, namespaces, max(1, round(span)))
        if tasks:
            _run(tasks, seconds)

    def take_at_once(self) -> None:
        """Attach what belongs to no namespace, before the test that fails lets go of what it has set up."""
        self.take(None, (), 0.0)


SNAPSHOTS = Snapshots()


def _of_cluster(api: Api, namespaces: Collection[str], span: int) -> dict[str, tuple[str, Source]]:
    """What is asked, the most telling first: it is attached in this order, until time or room is used up."""
    tasks: dict[str, tuple[str, Source]] = {}
    for name in namespaces:
        tasks[f"namespace {name}"] = (YAML, partial(cluster_view.objects, api, name))
        tasks[f"events of {name}"] = (TEXT, partial(cluster_view.events, api, name))
    for name in namespaces:
        tasks[f"logs of {name}"] = (TEXT, partial(pod_logs.of_namespace, api, name, span))
    tasks["cluster"] = (YAML, partial(cluster_view.cluster, api))
    tasks["OVN's ports"] = (TEXT, partial(pod_logs.ovn_ports, api, namespaces))
    tasks["logs of OVN-Kubernetes"] = (TEXT, partial(pod_logs.of_ovn_kubernetes, api, namespaces, span))
    return tasks


def _run(tasks: dict[str, tuple[str, Source]], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    room = ALTOGETHER
    pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="snapshot")
    futures: dict[str, Future[str]] = {name: pool.submit(read) for name, (_, read) in tasks.items()}
    for name, future in futures.items():
        try:
            text = _bounded(future.result(timeout=max(0.0, deadline - time.monotonic())))
        except Late:
            note(f"snapshot: {name}: not had within {seconds:g} s")
            continue
        except Exception as error:
            # Whatever a console or an API does wrong here, the test has already failed for its own reason.
            note(f"snapshot: {name}: {type(error).__name__}: {error}")
            continue
        if len(text) > room:
            note(f"snapshot: {name}: left out, the test has {ALTOGETHER - room} characters of evidence already")
            continue
        room -= len(text)
        if text:
            attach(name, text, tasks[name][0])
    # Not waited for: a thread that hangs in the network must not hold the run up.
    pool.shutdown(wait=False, cancel_futures=True)
    _let_go()


def _let_go() -> None:
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


def connect(kubeconfig: Path, context: str | None) -> Api | None:
    """An API for snapshots; None, with a note, when there is none to be had."""
    try:
        return Api.connect(kubeconfig, context)
    except Exception as error:
        note(f"snapshot: no connection: {error}")
        return None
