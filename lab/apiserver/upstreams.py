"""Other servers that this one calls: where a Service's endpoints are, and TLS towards them."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lab.apiserver.errors import ApiError, Object
from lab.apiserver.store import Store


@dataclass(frozen=True)
class Address:
    """Where to connect."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def unavailable(message: str) -> ApiError:
    """503: who should answer is not there."""
    return ApiError(503, message)


class Services:
    """Resolves Services by their Endpoints, as a node's proxy would."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def address(self, namespace: str, name: str, port: int) -> Address:
        """An endpoint of a Service's port; ``ApiError`` 503 if it has none."""
        service = self._store.get("services", namespace, name)
        endpoints = self._store.get("endpoints", namespace, name)
        if service is None:
            raise unavailable(f"service {namespace}/{name} does not exist")
        wanted = next((entry for entry in service["spec"].get("ports") or [] if entry.get("port") == port), None)
        for subset in (endpoints or {}).get("subsets") or []:
            ports = subset.get("ports") or []
            found = [entry for entry in ports if wanted is None or entry.get("name", "") == wanted.get("name", "")]
            addresses = subset.get("addresses") or []
            if addresses and (found or len(ports) == 1):
                return Address(addresses[0]["ip"], int((found or ports)[0]["port"]))
        raise unavailable(f'no endpoints available for service "{name}" in namespace {namespace}, port {port}')


@lru_cache(maxsize=64)
def _context(authority: str, certificate: str, key: str) -> ssl.SSLContext:
    # Endpoints of the lab are loopback addresses, so a certificate's authority is checked and its names are not.
    context = ssl.create_default_context(cadata=authority) if authority else ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if authority else ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def bundle_context(spec: Object, certificate: Path | None = None) -> ssl.SSLContext:
    """TLS towards a server whose authority is in ``caBundle``; shows the certificate (its key lies beside it)."""
    bundle = spec.get("caBundle") or ""
    if not bundle and not spec.get("insecureSkipTLSVerify"):
        raise unavailable("neither caBundle nor insecureSkipTLSVerify is set")
    try:
        authority = base64.b64decode(bundle).decode()
        return _context(authority, *_pair(certificate))
    except (ValueError, ssl.SSLError) as error:
        raise unavailable(f"caBundle cannot be read: {error}") from error


def authority_context(authority: Path, certificate: Path) -> ssl.SSLContext:
    """TLS towards a server of a known authority."""
    return _context(authority.read_text(), *_pair(certificate))


def _pair(certificate: Path | None) -> tuple[str, str]:
    return (str(certificate), str(certificate.with_suffix(".key"))) if certificate else ("", "")
