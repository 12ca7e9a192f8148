"""Reads a kubeconfig, as client-go does: KUBECONFIG or ``~/.kube/config`` unless one is named."""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab import documents


class Unusable(Exception):
    """The kubeconfig does not lead to a cluster; the message says why."""


@dataclass(frozen=True)
class Access:
    """A server, what opens its door, and the namespace meant when none is named."""

    server: str
    tls: ssl.SSLContext | None
    token: str | None
    namespace: str


def load(path: str | None, context: str | None, namespace: str | None) -> Access:
    """Access of a context; ``Unusable`` when the file or an entry of it is missing or wrong."""
    file = Path(path or os.environ.get("KUBECONFIG", "").split(os.pathsep)[0] or Path.home() / ".kube" / "config")
    try:
        config = documents.read(file.read_text()) or {}
    except (OSError, yaml.YAMLError) as error:
        raise Unusable(f"{file}: {error}") from error
    wanted = context or config.get("current-context")
    chosen = _entry(config, "contexts", wanted, f"context {wanted!r} does not exist in {file}")["context"]
    cluster = _entry(config, "clusters", chosen.get("cluster"), f"{file} lacks the cluster of {wanted!r}")["cluster"]
    user = _entry(config, "users", chosen.get("user"), f"{file} lacks the user of {wanted!r}").get("user") or {}
    server = str(cluster["server"]).rstrip("/")
    tls = _tls(cluster, user, file.parent) if server.startswith("https:") else None
    return Access(server, tls, _token(user, file.parent), namespace or chosen.get("namespace") or "default")


def _entry(config: dict[str, Any], collection: str, name: str | None, complaint: str) -> dict[str, Any]:
    for entry in config.get(collection) or ():
        if entry.get("name") == name:
            return dict(entry)
    raise Unusable(complaint)


def _token(user: dict[str, Any], folder: Path) -> str | None:
    if user.get("tokenFile"):
        return (folder / str(user["tokenFile"])).read_text().strip()
    token = user.get("token")
    return str(token) if token else None


def _tls(cluster: dict[str, Any], user: dict[str, Any], folder: Path) -> ssl.SSLContext:
    authority = _pem(cluster, "certificate-authority", folder)
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = _pem(user, "client-certificate", folder), _pem(user, "client-key", folder)
    if certificate and key:
        # OpenSSL reads a client's pair from a file only; this one is private and gone at once.
        with tempfile.NamedTemporaryFile(suffix=".pem") as pair:
            pair.write(certificate + b"\n" + key)
            pair.flush()
            context.load_cert_chain(pair.name)
    return context


def _pem(entry: dict[str, Any], key: str, folder: Path) -> bytes | None:
    if data := entry.get(f"{key}-data"):
        return base64.b64decode(data)
    if file := entry.get(key):
        return (folder / str(file)).read_bytes()
    return None
