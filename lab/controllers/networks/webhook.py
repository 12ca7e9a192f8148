"""What virt-launcher pods are given at their creation: the claim and the address of their machine.

A mutating admission webhook, as KubeVirt's ipam-extensions has it: the annotation is in the pod before anybody can see
the pod, so that no allocation can come before it. Served over HTTPS on loopback, with the lab's serving certificate.
"""

from __future__ import annotations

import base64
import json
import ssl
from pathlib import Path
from typing import Any

from aiohttp import web

from lab.client import Client, NotFound
from lab.controllers.manifests import MUTATING_WEBHOOKS, ensure
from lab.controllers.networks.claims import claim_name
from lab.controllers.networks.definition import Attachment, attachment_of
from lab.controllers.networks.workloads import (
    DEFAULT_NETWORK,
    DOMAIN,
    LAUNCHER_LABELS,
    PRIMARY_CLAIM,
    SECONDARY_NETWORKS,
    secondary_requests,
)
from lab.resources import NADS, VMIS

Object = dict[str, Any]

NAME = "ipam-claims"
PATH = "/mutate-pods"
ADDRESSES = "network.kubevirt.io/addresses"


class LauncherWebhook:
    """The webhook's server and its registration."""

    def __init__(self, client: Client, pki: Path) -> None:
        """``pki`` holds ``service.crt``, ``service.key`` and ``ca.crt``."""
        self._client = client
        self._pki = pki
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port of loopback and register there."""
        application = web.Application()
        application.router.add_post(PATH, self._review)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(self._pki / "service.crt", self._pki / "service.key")
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls).start()
        port = self._runner.addresses[0][1]
        authority = base64.b64encode((self._pki / "ca.crt").read_bytes()).decode()
        await ensure(self._client, MUTATING_WEBHOOKS, configuration(f"https://127.0.0.1:{port}{PATH}", authority))

    async def stop(self) -> None:
        """Close the server."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _review(self, request: web.Request) -> web.Response:
        review = await request.json()
        asked = review["request"]
        response: Object = {"uid": asked["uid"], "allowed": True}
        pod, namespace = asked["object"], asked["namespace"]
        annotations = pod["metadata"].get("annotations") or {}
        if DEFAULT_NETWORK in annotations:
            message = f'multus default network annotation "{DEFAULT_NETWORK}" is not allowed on pod creation'
            response.update(allowed=False, status={"code": 403, "reason": "Forbidden", "message": message})
        elif DOMAIN in annotations:
            added = await self._annotations(pod, namespace, annotations[DOMAIN])
            if added:
                patch = [{"op": "add", "path": "/metadata/annotations", "value": {**annotations, **added}}]
                response["patchType"] = "JSONPatch"
                response["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
        return web.json_response({**review, "response": response})

    async def _annotations(self, pod: Object, namespace: str, machine: str) -> dict[str, str]:
        # Asked of the API, not of an informer: a network that was there before the pod must be seen.
        nads = (await self._client.list(NADS, namespace)).get("items") or []
        attachments = [found for nad in nads if (found := attachment_of(nad)) is not None]
        added: dict[str, str] = {}
        primary = next((one for one in attachments if one.definition.primary), None)
        if primary is not None:
            added.update(await self._primary(primary, namespace, machine))
        placed = {"metadata": {**pod["metadata"], "namespace": namespace}}
        added.update(_with_claims(placed, attachments, machine))
        return added

    async def _primary(self, primary: Attachment, namespace: str, machine: str) -> dict[str, str]:
        try:
            vmi = await self._client.get(VMIS, machine, namespace)
        except NotFound:
            vmi = {"metadata": {}, "spec": {}}
        claim = claim_name(machine, primary.definition.network) if primary.definition.persistent else None
        asked = static_request(vmi)
        added = {PRIMARY_CLAIM: claim} if claim else {}
        if asked:
            item = {"name": "default", "namespace": "ovn-kubernetes", **asked}
            if claim:
                item["ipam-claim-reference"] = claim
            if asked.get("ips"):
                item["ips"] = _with_prefix(asked["ips"], primary)
            added[DEFAULT_NETWORK] = json.dumps([item], separators=(",", ":"))
        return added


def configuration(url: str, authority: str) -> Object:
    """The webhook's registration."""
    return {
        "metadata": {"name": NAME},
        "webhooks": [
            {
                "name": f"{NAME}.k8s.ovn.org",
                "clientConfig": {"url": url, "caBundle": authority},
                "rules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["pods"],
                        "scope": "Namespaced",
                    }
                ],
                "objectSelector": {"matchLabels": LAUNCHER_LABELS},
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 10,
            }
        ],
    }


def static_request(vmi: Object) -> Object:
    """The address and MAC that a machine asks for on its primary network: ``{ips, mac}``, each if asked for."""
    spec = vmi["spec"]
    pod_networks = [network["name"] for network in spec.get("networks") or () if "pod" in network]
    interfaces = (spec.get("domain", {}).get("devices") or {}).get("interfaces") or ()
    name = pod_networks[0] if pod_networks else None
    interface: Object = next((one for one in interfaces if one["name"] == name), {})
    asked: Object = {}
    addresses = json.loads((vmi["metadata"].get("annotations") or {}).get(ADDRESSES) or "{}")
    if addresses.get(name):
        asked["ips"] = list(addresses[name])
    if interface.get("macAddress"):
        asked["mac"] = interface["macAddress"]
    return asked


def _with_prefix(addresses: list[str], primary: Attachment) -> list[str]:
    prefixes = {":" in subnet: subnet.split("/")[1] for subnet in primary.definition.subnets}
    return [address if "/" in address else f"{address}/{prefixes.get(':' in address, '32')}" for address in addresses]


def _with_claims(pod: Object, attachments: list[Attachment], machine: str) -> dict[str, str]:
    """The secondary networks' annotation with references to the machine's claims on those that persist."""
    text = str((pod["metadata"].get("annotations") or {}).get(SECONDARY_NETWORKS) or "")
    if not text.startswith("["):
        return {}
    persistent = {one.key: one.definition.network for one in attachments if one.definition.persistent}
    items = json.loads(text)
    for item, (place, request) in zip(items, secondary_requests(pod), strict=True):
        if place in persistent and not request.claim:
            item["ipam-claim-reference"] = claim_name(machine, persistent[place])
    changed = json.dumps(items, separators=(",", ":"))
    return {SECONDARY_NETWORKS: changed} if changed != text else {}
