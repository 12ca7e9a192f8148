"""What the containers of one pod share: the pod, its sandbox, its folder and its image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

from lab.nodes import images
from lab.nodes.context import NodeContext
from lab.nodes.sandbox import Sandbox

Object = dict[str, Any]

LAUNCHER = ("kubevirt.io", "virt-launcher")
_API = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
_RESOLV = (
    "search {namespace}.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"
)


@dataclass(frozen=True)
class PodHome:
    """One pod on its node."""

    context: NodeContext
    pod: Object
    sandbox: Sandbox
    image: Path
    changed: Callable[[], None]
    """To be called when a container's state has changed."""

    @property
    def folder(self) -> Path:
        """The pod's own files: logs, ``etc/``, the mount point of its containers."""
        return folder_of(self.context, self.sandbox.uid)

    @property
    def is_launcher(self) -> bool:
        """Whether the virt-handler runs what is in this pod."""
        return is_launcher(self.pod)

    @property
    def hostname(self) -> str:
        """The pod's host name."""
        return str(self.pod["spec"].get("hostname") or self.pod["metadata"]["name"])[:63].rstrip("-.")

    def write_files(self) -> None:
        """``etc/hosts``, ``etc/hostname`` and ``etc/resolv.conf``."""
        etc = self.folder / "etc"
        etc.mkdir(parents=True, exist_ok=True)
        nics = self.sandbox.interfaces
        own = "".join(f"{ip_interface(ip).ip}\t{self.hostname}\n" for ip in (nics[0].ips if nics else ()))
        (etc / "hosts").write_text(f"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n{own}")
        (etc / "hostname").write_text(f"{self.hostname}\n")
        (etc / "resolv.conf").write_text(_RESOLV.format(namespace=self.pod["metadata"]["namespace"]))

    def log_path(self, container: str) -> Path:
        """Where a container's log is."""
        return self.folder / f"{container}.log"

    def environment(self, container: Object) -> dict[str, str]:
        """The variables of a container: the cluster's, the image's, then its own."""
        values = {"PATH": images.PATH, "HOME": "/root", "HOSTNAME": self.hostname, **_API}
        if container.get("tty"):
            values["TERM"] = "xterm"
        for variable in container.get("env") or ():
            field = ((variable.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath")
            value = self._field(field) if field else str(variable.get("value") or "")
            values[variable["name"]] = expanded(value, values)
        return values

    def _field(self, path: str) -> str:
        nics = self.sandbox.interfaces
        special = {
            "spec.nodeName": self.context.node.name,
            "status.hostIP": self.context.node.address,
            "status.podIP": str(ip_interface(nics[0].ips[0]).ip) if nics and nics[0].ips else "",
        }
        if path in special:
            return special[path]
        value: Any = self.pod
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return "" if value is None else str(value)


def expanded(text: str, values: dict[str, str]) -> str:
    """``text`` with each ``$(NAME)`` replaced, where there is a variable of that name."""
    for name, value in values.items():
        text = text.replace(f"$({name})", value)
    return text


def folder_of(context: NodeContext, pod_uid: str) -> Path:
    """A pod's folder in the state directory."""
    return context.config.state / "pods" / pod_uid


def is_launcher(pod: Object) -> bool:
    """Whether a pod is a virt-launcher."""
    key, value = LAUNCHER
    return bool((pod["metadata"].get("labels") or {}).get(key) == value)
