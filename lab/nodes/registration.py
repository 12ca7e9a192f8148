"""The Node object: made when the agent starts, its heartbeat kept while it runs."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import platform
from typing import Any

import aiohttp

from lab.client import AlreadyExists, Refused
from lab.events import now
from lab.nodes.context import NodeContext
from lab.resources import NODES

Object = dict[str, Any]

ENDPOINT = "lab.udn/kubelet-endpoint"
VERSION = "v1.32.0+udn-lab"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"

_LOG = logging.getLogger(__name__)
_HEARTBEAT_SECONDS = 60.0
_PODS = 110


async def register(context: NodeContext, port: int) -> None:
    """Make the Node, or bring the one that is there up to date; :class:`Refused` if the API will not have it."""
    wanted = node_object(context, port)
    try:
        await context.client.create(NODES, wanted)
    except AlreadyExists:
        await context.client.patch(NODES, context.node.name, None, {"metadata": wanted["metadata"]})
    await _write_status(context, port)


async def keep_alive(context: NodeContext, port: int) -> None:
    """Renew the heartbeat until cancelled."""
    while True:
        await asyncio.sleep(_HEARTBEAT_SECONDS)
        try:
            await _write_status(context, port)
        except (Refused, aiohttp.ClientError, TimeoutError) as error:
            _LOG.warning("heartbeat of %s was not written: %s", context.node.name, error)


def node_object(context: NodeContext, port: int) -> Object:
    """The Node without its status."""
    node = context.node
    labels = {
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": _architecture(),
    }
    if node.control_plane:
        labels[CONTROL_PLANE] = ""
    else:
        labels |= {"node-role.kubernetes.io/worker": "", "kubevirt.io/schedulable": "true"}
    annotations = {
        ENDPOINT: f"https://127.0.0.1:{port}",
        "k8s.ovn.org/node-subnets": json.dumps({"default": node.host_subnets}),
        "k8s.ovn.org/node-chassis-id": node.name,
    }
    taints = [{"key": CONTROL_PLANE, "effect": "NoSchedule"}] if node.control_plane else []
    return {
        "metadata": {"name": node.name, "labels": labels, "annotations": annotations},
        "spec": {
            "podCIDR": node.host_subnet,
            "podCIDRs": list(node.host_subnets),
            **({"taints": taints} if taints else {}),
        },
    }


def node_status(context: NodeContext, port: int, before: Object) -> Object:
    """The Node's status; ``before`` is the one that it has."""
    capacity = {
        "cpu": str(os.cpu_count() or 1),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 1024}Ki",
        "pods": str(_PODS),
        "ephemeral-storage": "10Gi",
        "devices.kubevirt.io/kvm": "1k",
        "devices.kubevirt.io/tun": "1k",
        "devices.kubevirt.io/vhost-net": "1k",
    }
    known = {condition["type"]: condition for condition in before.get("conditions") or ()}
    facts = (
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    )
    return {
        "addresses": [
            *({"type": "InternalIP", "address": address} for address in context.node.addresses),
            {"type": "Hostname", "address": context.node.name},
        ],
        "capacity": capacity,
        "allocatable": capacity,
        "conditions": [_condition(known.get(type_), type_, *rest) for type_, *rest in facts],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        "nodeInfo": _node_info(context),
    }


async def _write_status(context: NodeContext, port: int) -> None:
    current = await context.client.get(NODES, context.node.name)
    status = node_status(context, port, current.get("status") or {})
    await context.client.patch(NODES, context.node.name, None, {"status": status}, subresource="status")


def _condition(before: Object | None, type_: str, status: str, reason: str, message: str) -> Object:
    same = before is not None and before.get("status") == status
    moment = now()
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": moment,
        "lastTransitionTime": before["lastTransitionTime"] if before is not None and same else moment,
    }


def _node_info(context: NodeContext) -> Object:
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return {
        "architecture": _architecture(),
        "bootID": _identity("/proc/sys/kernel/random/boot_id"),
        "containerRuntimeVersion": "udn-lab://1",
        "kernelVersion": platform.release(),
        "kubeProxyVersion": VERSION,
        "kubeletVersion": VERSION,
        "machineID": context.config.prefix + context.node.name,
        "operatingSystem": "linux",
        "osImage": system,
        "systemUUID": context.config.prefix + context.node.name,
    }


def _identity(path: str) -> str:
    with open(path) as file:
        return file.read().strip()


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
