"""Puts the parts of one server together."""

from __future__ import annotations

from lab.apiserver.authentication import Authentication
from lab.apiserver.calls import Call, User
from lab.apiserver.crds import Definitions
from lab.apiserver.deleting import Deleter
from lab.apiserver.errors import Cause, Object
from lab.apiserver.kinds import Registry, builtin_kinds
from lab.apiserver.pages import Pages
from lab.apiserver.paths import Target
from lab.apiserver.reading import Reader
from lab.apiserver.resource_requests import ResourceRequests
from lab.apiserver.server import Front
from lab.apiserver.store import Store
from lab.apiserver.watching import Watcher
from lab.apiserver.writing import Writer


class _NoSchemas:
    def admit(self, call: Call, obj: Object) -> None: ...

    def faults(self, call: Call, obj: Object, old: Object | None) -> list[Cause]:
        return []


class _NoAdmission:
    async def mutate(self, call: Call, operation: str, obj: Object, old: Object | None) -> Object:
        return obj

    async def review(self, call: Call, operation: str, obj: Object | None, old: Object | None) -> None: ...


class _Everybody:
    def check(self, user: User, target: Target) -> None: ...


def assemble(store: Store, address: str) -> Front:
    """A server over this store."""
    registry = Registry()
    for kind in builtin_kinds():
        registry.add(kind)
    definitions = Definitions(store, registry)
    definitions.load()
    admission = _NoAdmission()
    writer = Writer(store, _NoSchemas(), admission)
    resources = ResourceRequests(Reader(store), Watcher(store), writer, Deleter(store, admission))
    pages = Pages(registry, store, address)
    return Front(Authentication(), _Everybody(), registry, resources, pages, {})
