"""What the cluster's name server knows, as files of its hosts directory: services, and pods by their address.

The schema is Kubernetes' "DNS-Based Service Discovery". A pod is known by its address on the default network, and so
are the endpoints of a headless service: the copies of EndpointSlices that primary networks have are not for DNS.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.controllers.networks.mirror import DEFAULT_SERVICE, SERVICE, is_mirror
from lab.controllers.placement import finished
from lab.controllers.runtime import Context, Controller, Key
from lab.fabric.dns import HOSTS, ZONE
from lab.resources import ENDPOINT_SLICES, PODS, SERVICES

Object = dict[str, Any]
Records = Mapping[str, Sequence[str]]


async def build(context: Context) -> Sequence[Controller]:
    """Two controllers: of services and of pods."""
    folder = context.config.state / HOSTS
    folder.mkdir(parents=True, exist_ok=True)
    names = _Names(context, folder)
    services = Controller("dns-services", names.reconcile_service)
    services.watch(context.informers.of(SERVICES))
    services.watch(context.informers.of(ENDPOINT_SLICES), keys=_service_of)
    pods = Controller("dns-pods", names.reconcile_pod).watch(context.informers.of(PODS))
    return [services, pods]


class _Names:
    def __init__(self, context: Context, folder: Path) -> None:
        self._faults = context.faults
        self._folder = folder
        self._services = context.informers.of(SERVICES)
        self._slices = context.informers.of(ENDPOINT_SLICES)
        self._pods = context.informers.of(PODS)

    async def reconcile_service(self, key: Key) -> None:
        """The names of one service."""
        service = self._services.get(key.namespace, key.name)
        records: Records = {}
        if service is not None and "deletionTimestamp" not in service["metadata"]:
            mirrored = [one for one in self._slices.list() if is_mirror(one) and key in _service_of(one)]
            own = [one for one in self._slices.list() if not is_mirror(one) and key in _service_of(one)]
            mine = self._faults.decide("dns.slices", own, mirrored=mirrored)
            records = self._faults.decide("dns.service", service_records(service, mine), service=str(key))
        await asyncio.to_thread(self._write, f"service.{key.namespace}.{key.name}", records)

    async def reconcile_pod(self, key: Key) -> None:
        """The names of one pod, one an address."""
        pod = self._pods.get(key.namespace, key.name)
        addresses = [entry["ip"] for entry in (pod or {}).get("status", {}).get("podIPs") or ()]
        records: Records = {}
        if pod is not None and not finished(pod):
            records = {f"{_dashed(address)}.{key.namespace}.pod.{ZONE}": (address,) for address in addresses}
        await asyncio.to_thread(self._write, f"pod.{key.namespace}.{key.name}", records)

    def _write(self, name: str, records: Records) -> None:
        path = self._folder / name
        text = "".join(f"{address} {host}\n" for host, addresses in records.items() for address in addresses)
        if not text:
            path.unlink(missing_ok=True)
        elif not path.exists() or path.read_text() != text:
            # The name server reads each file as soon as it is there: it must be whole.
            draft = self._folder.with_name(f"draft.{name}")
            draft.write_text(text)
            draft.replace(path)


def service_records(service: Object, slices: Iterable[Object]) -> dict[str, tuple[str, ...]]:
    """Names and addresses of a service; of a headless one, those of its endpoints that are ready."""
    metadata, spec = service["metadata"], service["spec"]
    name = f"{metadata['name']}.{metadata['namespace']}.svc.{ZONE}"
    if spec.get("clusterIP") != "None":
        return {name: tuple(spec.get("clusterIPs") or ())}
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for endpoint in [endpoint for one in slices for endpoint in one.get("endpoints") or ()]:
        if (endpoint.get("conditions") or {}).get("ready", True):
            for address in endpoint["addresses"]:
                found[name][address] = None
                found[f"{endpoint.get('hostname') or _dashed(address)}.{name}"][address] = None
    return {host: tuple(addresses) for host, addresses in found.items()}


def _dashed(address: str) -> str:
    return address.replace(".", "-").replace(":", "-")


def _service_of(endpoint_slice: Object) -> tuple[Key, ...]:
    labels = endpoint_slice["metadata"].get("labels") or {}
    name = labels.get(SERVICE if is_mirror(endpoint_slice) else DEFAULT_SERVICE)
    return (Key(endpoint_slice["metadata"]["namespace"], name),) if name else ()
