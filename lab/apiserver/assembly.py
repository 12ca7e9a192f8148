"""Puts the parts of one server together."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from lab.apiserver.admission.control import AdmissionControl
from lab.apiserver.admission.policies import Policies
from lab.apiserver.admission.webhooks import Webhooks
from lab.apiserver.applying import Applier
from lab.apiserver.authentication import Authentication
from lab.apiserver.authorization import Authorization
from lab.apiserver.behaviours import Behaviours
from lab.apiserver.calls import SYSTEM, Call
from lab.apiserver.crds import Definitions
from lab.apiserver.deleting import Deleter
from lab.apiserver.kinds import Registry, builtin_kinds, data
from lab.apiserver.managed_fields import Ownership
from lab.apiserver.openapi import OpenApi
from lab.apiserver.pages import Pages
from lab.apiserver.paths import Target
from lab.apiserver.pki import Pki
from lab.apiserver.proxy.aggregation import Aggregation
from lab.apiserver.proxy.availability import Availability
from lab.apiserver.proxy.forwarding import Forwarder
from lab.apiserver.proxy.kubelets import Kubelets
from lab.apiserver.proxy.portforward import PortForward
from lab.apiserver.reading import Reader
from lab.apiserver.resource_requests import ResourceRequests
from lab.apiserver.reviews import Reviews
from lab.apiserver.schema.builtin import BuiltinSchemas, cache_file
from lab.apiserver.schema.service import SchemaService
from lab.apiserver.server import Front
from lab.apiserver.store import Store
from lab.apiserver.subresources import Subresources
from lab.apiserver.tokens import Tokens
from lab.apiserver.upstreams import Services
from lab.apiserver.watching import Watcher
from lab.apiserver.writing import Writer
from lab.faults.seams import Faults


@dataclass(frozen=True)
class Server:
    """A server that is put together and not yet listening."""

    front: Front
    writer: Writer
    registry: Registry
    store: Store
    schemas: BuiltinSchemas

    async def bootstrap(self) -> None:
        """Create what a cluster has from its first moment on, unless it is there already."""
        for template in data("bootstrap"):
            kind = self.registry.of_object(template["apiVersion"], template["kind"])
            if kind is None:
                raise LookupError(f"data/bootstrap.yaml: no kind {template['apiVersion']} {template['kind']}")
            metadata = template["metadata"]
            namespace = metadata.get("namespace", "")
            if self.store.get(kind.resource, namespace, metadata["name"]) is None:
                target = Target("", "create", kind.group, kind.version, namespace, kind.plural)
                await self.writer.create(Call(target, kind, SYSTEM), copy.deepcopy(template))


def assemble(
    store: Store,
    pki: Pki,
    session: aiohttp.ClientSession,
    cache: Path,
    address: str,
    service_subnets: Sequence[str],
    faults: Faults,
) -> Server:
    """A server over this store; ``session`` is its client towards others, ``cache`` keeps derived schemas."""
    behaviours = Behaviours(service_subnets)
    registry = Registry()
    for kind in builtin_kinds():
        registry.add(kind)
    Definitions(store, registry).load()
    builtin = BuiltinSchemas(cache_file(cache))
    schemas = SchemaService(builtin)
    services = Services(store)
    aggregation = Aggregation(store, services, pki, session)
    Availability(store, aggregation)
    admission = AdmissionControl(Policies(store, registry), Webhooks(store, services, session))
    ownership = Ownership(schemas)
    reader = Reader(store)
    writer = Writer(store, schemas, admission, ownership, behaviours, faults)
    deleter = Deleter(store, admission, behaviours)
    tokens = Tokens(pki.token_key(), store)
    authorization = Authorization(store)
    handlers = {
        **Reviews(authorization, tokens).handlers(),
        **Subresources(reader, writer, deleter, schemas, tokens).handlers(),
        **Kubelets(store, reader, pki, Forwarder(session), PortForward(session)).handlers(),
    }
    resources = ResourceRequests(reader, Watcher(store), writer, deleter, Applier(store, writer, ownership), schemas)
    pages = Pages(registry, store, OpenApi(registry, builtin), aggregation, address)
    authentication = Authentication(tokens, authorization)
    front = Front(authentication, authorization, registry, resources, pages, aggregation, handlers)
    return Server(front, writer, registry, store, builtin)
