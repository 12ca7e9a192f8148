"""Reads a kubeconfig: which server, and the TLS context that proves who we are to it."""

from __future__ import annotations

import base64
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import documents


@dataclass(frozen=True)
class Access:
    """A server's address and what opens its door; ``tls`` is None for plain HTTP."""

    server: str
    tls: ssl.SSLContext | None
    token: str | None


def load_access(path: Path) -> Access:
    """Access of the current context. ``FileNotFoundError`` without the file, ``ValueError`` if it lacks an entry."""
    config = documents.read(path.read_text())
    context = _entry(config, "contexts", "context", str(config.get("current-context")), path)
    cluster = _entry(config, "clusters", "cluster", str(context.get("cluster")), path)
    user = _entry(config, "users", "user", str(context.get("user")), path)
    server = str(cluster["server"]).rstrip("/")
    tls = _tls(cluster, user, path.parent) if server.startswith("https:") else None
    return Access(server, tls, user.get("token"))


def _entry(config: dict[str, Any], collection: str, key: str, name: str, path: Path) -> dict[str, Any]:
    for entry in config.get(collection) or ():
        if entry.get("name") == name:
            return dict(entry.get(key) or {})
    raise ValueError(f"{path}: no entry {name!r} under {collection}; check current-context")


def _tls(cluster: dict[str, Any], user: dict[str, Any], folder: Path) -> ssl.SSLContext:
    authority = _pem(cluster, "certificate-authority", folder)
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = _pem(user, "client-certificate", folder), _pem(user, "client-key", folder)
    if certificate and key:
        # OpenSSL takes a client's pair from a file only; the file is private (0600) and gone at once.
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
