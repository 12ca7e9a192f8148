"""The lab's certificates and kubeconfigs, made once for a state directory.

``pki/`` holds, each as ``<name>.crt`` and ``<name>.key``: ``ca`` (signs everything below), ``apiserver``, the clients
``admin``, ``controllers``, ``nodes`` and ``kubelet-client`` (the server towards nodes), the serving pairs ``kubelet``
and ``service`` (aggregated servers and webhooks); and ``front-proxy-ca`` with ``front-proxy-client``, by which an
aggregated server recognises this one. ``service-account.key`` signs tokens. Keys are mode 0600.
"""

from __future__ import annotations

import base64
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab import documents

if TYPE_CHECKING:
    import trustme

LOOPBACK = ("127.0.0.1", "localhost")
SERVICE_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "10.96.0.1")
MASTERS = "system:masters"


@dataclass(frozen=True)
class ClientIdentity:
    """Who a client certificate says its bearer is: CN and O."""

    name: str
    user: str
    group: str


CLIENTS = (
    ClientIdentity("admin", "kubernetes-admin", MASTERS),
    ClientIdentity("controllers", "system:lab:controllers", MASTERS),
    ClientIdentity("nodes", "system:lab:nodes", MASTERS),
    ClientIdentity("kubelet-client", "kube-apiserver-kubelet-client", MASTERS),
)
SERVERS = {
    "apiserver": (*LOOPBACK, *SERVICE_NAMES),
    "kubelet": LOOPBACK,
    "service": (*LOOPBACK, "*.svc", "*.kubevirt.svc", "*.kube-system.svc", "*.default.svc"),
}


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)


class Pki:
    """Where the certificates of one state directory are; makes those that are missing."""

    def __init__(self, state: Path) -> None:
        self.directory = state / "pki"
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Keys and certificates belong together: all of them, or none, are of one making.
        if not self.path("complete").exists():
            self._make()

    def path(self, name: str) -> Path:
        """A file of this name, e.g. ``ca.crt``."""
        return self.directory / name

    def token_key(self) -> bytes:
        """The key that signs service account tokens."""
        return self.path("service-account.key").read_bytes()

    def kubeconfig(self, server: str, client: str) -> str:
        """A kubeconfig for one of the clients, with everything inline."""

        def inline(name: str) -> str:
            return base64.b64encode(self.path(name).read_bytes()).decode()

        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "lab",
            "clusters": [
                {"name": "lab", "cluster": {"server": server, "certificate-authority-data": inline("ca.crt")}}
            ],
            "users": [
                {
                    "name": client,
                    "user": {
                        "client-certificate-data": inline(f"{client}.crt"),
                        "client-key-data": inline(f"{client}.key"),
                    },
                }
            ],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": client}}],
        }
        return documents.write(config)

    def write_kubeconfigs(self, state: Path, server: str) -> None:
        """``kubeconfig`` of the administrator, and ``pki/<client>.kubeconfig`` of the lab's own processes."""
        write_private(state / "kubeconfig", self.kubeconfig(server, "admin").encode())
        for name in ("controllers", "nodes"):
            write_private(self.path(f"{name}.kubeconfig"), self.kubeconfig(server, name).encode())

    def _make(self) -> None:
        import trustme  # Late: only the first start of a lab needs it.

        authority = trustme.CA(organization_name="udn-lab")
        write_private(self.path("ca.crt"), authority.cert_pem.bytes())
        write_private(self.path("ca.key"), authority.private_key_pem.bytes())
        for client in CLIENTS:
            pair = authority.issue_cert(f"{client.name}.lab", organization_name=client.group, common_name=client.user)
            self._write_pair(client.name, pair)
        for name, addresses in SERVERS.items():
            self._write_pair(name, authority.issue_cert(*addresses, common_name=name))
        proxy_authority = trustme.CA(organization_name="udn-lab front proxy")
        write_private(self.path("front-proxy-ca.crt"), proxy_authority.cert_pem.bytes())
        pair = proxy_authority.issue_cert("front-proxy.lab", common_name="front-proxy-client")
        self._write_pair("front-proxy-client", pair)
        write_private(self.path("service-account.key"), secrets.token_bytes(32))
        write_private(self.path("complete"), b"")

    def _write_pair(self, name: str, pair: trustme.LeafCert) -> None:
        write_private(self.path(f"{name}.crt"), b"".join(blob.bytes() for blob in pair.cert_chain_pems))
        write_private(self.path(f"{name}.key"), pair.private_key_pem.bytes())
