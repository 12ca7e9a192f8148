"""Server-side apply as a request: creates the object, or changes the fields that its manager speaks of."""

from __future__ import annotations

import copy
from dataclasses import replace

from lab.apiserver import bodies
from lab.apiserver.calls import Call
from lab.apiserver.errors import Object, bad_request
from lab.apiserver.identity import metadata_of
from lab.apiserver.managed_fields import Ownership
from lab.apiserver.store import Store
from lab.apiserver.writing import Writer


class Applier:
    """Carries out patches of type apply."""

    def __init__(self, store: Store, writer: Writer, ownership: Ownership) -> None:
        self._store = store
        self._writer = writer
        self._ownership = ownership

    async def apply(self, call: Call, body: bytes) -> tuple[Object, bool]:
        """The object as stored then, and whether it is new."""
        config = bodies.parse_yaml(body)
        if not isinstance(config, dict):
            raise bad_request("an apply patch must be an object")
        if not call.query.get("fieldManager"):
            raise bad_request(
                "PatchOptions.meta.k8s.io is invalid: fieldManager: Required value: is required for apply patch"
            )
        metadata = metadata_of(config)
        if metadata.get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        if metadata.setdefault("name", call.target.name) != call.target.name:
            raise bad_request(
                f"the name of the object ({metadata['name']}) does not match the name on the URL ({call.target.name})"
            )
        call = replace(call, applying=True)
        self._writer.check(call, copy.deepcopy(config))
        kind = call.kind
        config = {**config, "apiVersion": kind.stored_api_version, "kind": kind.kind}
        if self._store.get(kind.resource, call.namespace, call.target.name) is None:
            target = replace(call.target, name="", verb="create")
            new = self._ownership.apply(call, None, config)
            return await self._writer.create(replace(call, target=target), new), True
        return await self._writer.change(call, lambda live: self._ownership.apply(call, live, config)), False
