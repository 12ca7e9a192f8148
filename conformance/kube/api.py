"""The Kubernetes API as the suite uses it: dicts in, dicts out, errors in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from conformance.kube.errors import Call, NotFound, Refused, Unreachable, refusal
from conformance.kube.resources import PODS, Resource, resource_of
from conformance.kube.transport import Request, Transport
from conformance.timeouts import Timeouts

Object = dict[str, Any]
Objects = list[Object]  # Api.list would shadow the builtin in annotations
Propagation = Literal["Foreground", "Background", "Orphan"]

RUN_LABEL = "udn-conformance/run"
PAGE = 500
USER_AGENT = "udn-conformance"

_PATCHES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}


@dataclass(frozen=True)
class Change:
    """One event of a watch: ``ADDED``, ``MODIFIED``, ``DELETED`` or ``BOOKMARK``."""

    type: str
    object: Object


@dataclass(frozen=True)
class Selection:
    """Which objects of a kind are meant."""

    namespace: str | None = None
    labels: str | None = None
    fields: str | None = None

    def query(self) -> dict[str, str]:
        """As parameters of a list or watch."""
        chosen = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {key: value for key, value in chosen.items() if value}


class Api:
    """One cluster, as one user. Safe to use from several threads.

    ``kubeconfig`` and ``context`` are kept for the programs that have to be given them (virtctl).
    """

    def __init__(self, transport: Transport, timeouts: Timeouts, kubeconfig: Path | None, context: str | None) -> None:
        self._transport = transport
        self.timeouts = timeouts
        self.kubeconfig = kubeconfig
        self.context = context

    @classmethod
    def connect(
        cls, kubeconfig: Path | str | None = None, context: str | None = None, timeouts: Timeouts | None = None
    ) -> Api:
        """The cluster of a kubeconfig; sends nothing yet. Raises ``KubeconfigError``."""
        path = Path(kubeconfig) if kubeconfig else None
        limits = timeouts or Timeouts.load()
        return cls(Transport.from_kubeconfig(path, context, limits, USER_AGENT), limits, path, context)

    @property
    def server(self) -> str:
        """URL of the API server."""
        return self._transport.server

    @property
    def configuration(self) -> Any:
        """TLS and credentials as the official client keeps them, for calls that are no plain requests."""
        return self._transport.configuration

    def raw(self, path: str) -> Object:
        """GET of any path: ``/version``, ``/apis/kubevirt.io``…"""
        return self._transport.send(Request(Call("get", None, path=path), "GET", path))

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        """One object; raises ``NotFound``."""
        call = Call("get", resource, namespace, name)
        return self._transport.send(Request(call, "GET", resource.path(namespace, name)))

    def find(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        """One object, or ``None`` when it is not there."""
        try:
            return self.get(resource, name, namespace)
        except NotFound:
            return None

    def list(
        self, resource: Resource, namespace: str | None = None, labels: str | None = None, fields: str | None = None
    ) -> Objects:
        """All objects that match, each with ``apiVersion`` and ``kind``."""
        return self.snapshot(resource, Selection(namespace, labels, fields))[0]

    def snapshot(self, resource: Resource, selection: Selection) -> tuple[Objects, str]:
        """All objects that match, and the resource version to watch from."""
        call = Call("list", resource, selection.namespace)
        items: Objects = []
        query = selection.query() | {"limit": str(PAGE)}
        while True:
            page = self._transport.send(Request(call, "GET", resource.path(selection.namespace), query))
            items += page.get("items") or []
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                break
            query["continue"] = metadata["continue"]
        for item in items:
            item.setdefault("apiVersion", resource.api_version)
            item.setdefault("kind", resource.kind)
        return items, str(metadata.get("resourceVersion", ""))

    def log(self, namespace: str, pod: str, container: str, seconds: int, lines: int) -> str:
        """What a container wrote in the last ``seconds``, at most its last ``lines``; raises ``ApiError``."""
        call = Call("read the log of", PODS, namespace, f"{pod}/{container}")
        query = {"container": container, "sinceSeconds": str(seconds), "tailLines": str(lines), "timestamps": "true"}
        request = Request(call, "GET", PODS.path(namespace, pod, "log"), query)
        with self._transport.stream(request, idle=self.timeouts["api-request"]) as chunks:
            return b"".join(chunks).decode("utf-8", "replace")

    def create(self, obj: Object, namespace: str | None = None, dry_run: bool = False) -> Object:
        """Create the object; its kind says where. Raises ``AlreadyExists``, ``Refused``.

        When an attempt was cut off and the next is refused, an object of that name counts as ours if it carries the
        same run label, for nobody else makes objects with it: the first attempt was carried out.
        """
        resource = resource_of(obj)
        metadata = obj["metadata"]
        namespace = namespace or metadata.get("namespace")
        name = metadata.get("name")
        call = Call("create", resource, namespace, name or metadata.get("generateName"))
        request = Request(
            call, "POST", resource.path(namespace), _dry(dry_run), body=obj, repeatable=bool(name and _run(obj))
        )
        try:
            return self._transport.send(request)
        except Refused as error:
            there = self.find(resource, name, namespace) if error.repeated and name and not dry_run else None
            if there is not None and _run(there) == _run(obj):
                return there
            raise

    def ask(self, review: Object) -> Object:
        """The status of a review: a question that is posted, answered, and not stored (``authorization.k8s.io``)."""
        resource = resource_of(review)
        request = Request(Call("create", resource), "POST", resource.path(), body=review, repeatable=True)
        status: Object = self._transport.send(request).get("status") or {}
        return status

    def replace(self, obj: Object, subresource: str | None = None, dry_run: bool = False) -> Object:
        """Write the whole object; raises ``Conflict`` when it changed meanwhile."""
        resource = resource_of(obj)
        name, namespace = obj["metadata"]["name"], obj["metadata"].get("namespace")
        path = resource.path(namespace, name, subresource)
        return self._transport.send(
            Request(Call("replace", resource, namespace, name), "PUT", path, _dry(dry_run), body=obj)
        )

    def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str | None,
        body: object,
        type: Literal["merge", "json", "strategic"] = "merge",
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Change an object; a merge patch may be sent twice when an attempt was cut off."""
        call = Call("patch", resource, namespace, name)
        path = resource.path(namespace, name, subresource)
        request = Request(call, "PATCH", path, _dry(dry_run), body, _PATCHES[type], repeatable=type == "merge")
        return self._transport.send(request)

    def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        grace: int | None = None,
        propagation: Propagation | None = None,
        uid: str | None = None,
        missing_ok: bool = True,
    ) -> None:
        """Ask for an object's deletion; ``wait_gone`` tells when it is done. ``grace`` in seconds."""
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if propagation is not None:
            options["propagationPolicy"] = propagation
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        call = Call("delete", resource, namespace, name)
        request = Request(call, "DELETE", resource.path(namespace, name), body=options, repeatable=True)
        try:
            self._transport.send(request)
        except NotFound as error:
            if not missing_ok and not error.repeated:
                raise

    def watch(
        self, resource: Resource, selection: Selection, resource_version: str, seconds: float
    ) -> Iterator[Change]:
        """Changes after ``resource_version``; ends when the server ends it, or after ``seconds`` of silence.

        Raises ``Expired`` when that version is gone, ``Unreachable`` when the connection breaks: list again.
        """
        call = Call("watch", resource, selection.namespace)
        query: Mapping[str, str] = selection.query() | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(max(1, round(seconds))),
        }
        request = Request(call, "GET", resource.path(selection.namespace), query)
        with self._transport.stream(request, idle=seconds) as chunks:
            for line in _lines(chunks):
                event = _event(line, call, self.server)
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise refusal(int(status.get("code", 500)), status, call)
                yield Change(event["type"], event["object"])


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Whole lines of a stream; a last line that was cut off is dropped."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line.strip())


def _event(line: bytes, call: Call, server: str) -> Object:
    try:
        event: Object = json.loads(line)
    except ValueError as error:
        raise Unreachable(call, server, f"a watch gave a line that is not JSON: {line[:80]!r}") from error
    return event


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def _run(obj: Object) -> str | None:
    labels = obj.get("metadata", {}).get("labels") or {}
    value = labels.get(RUN_LABEL)
    return str(value) if value else None


__all__ = ["RUN_LABEL", "Api", "Change", "Object", "Propagation", "Refused", "Selection"]
