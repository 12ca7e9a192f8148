"""Tokens of service accounts: JSON Web Tokens signed with the lab's own key (RFC 7519, HS256)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from lab.apiserver.calls import User
from lab.apiserver.errors import Object
from lab.apiserver.store import Store

ISSUER = "https://kubernetes.default.svc.cluster.local"
AUTHENTICATED = "system:authenticated"
SHORTEST_SECONDS = 600
_HEADER = {"alg": "HS256", "typ": "JWT"}


@dataclass(frozen=True)
class Issued:
    """A token, and when it ends (seconds since the epoch)."""

    token: str
    expires: int


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Tokens:
    """Gives out tokens, and tells whose a token is."""

    def __init__(self, key: bytes, store: Store) -> None:
        self._key = key
        self._store = store

    def issue(self, account: Object, seconds: int, audiences: Sequence[str], bound_to: Object | None = None) -> Issued:
        """A token for a service account, good for ``seconds`` (at least ten minutes)."""
        issued = int(time.time())
        metadata = account["metadata"]
        private: Object = {
            "namespace": metadata["namespace"],
            "serviceaccount": {"name": metadata["name"], "uid": metadata["uid"]},
        }
        if bound_to:
            private[bound_to["kind"].lower()] = {"name": bound_to["name"], "uid": bound_to.get("uid", "")}
        claims: Object = {
            "iss": ISSUER,
            "aud": list(audiences) or [ISSUER],
            "iat": issued,
            "nbf": issued,
            "exp": issued + max(seconds, SHORTEST_SECONDS),
            "sub": f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}",
            "kubernetes.io": private,
        }
        text = f"{_encode(orjson.dumps(_HEADER))}.{_encode(orjson.dumps(claims))}"
        return Issued(f"{text}.{_encode(self._sign(text))}", int(claims["exp"]))

    def user(self, token: str) -> User | None:
        """The service account of a token, or None if the token is not (or no longer) good."""
        text, _, signature = token.rpartition(".")
        try:
            if not hmac.compare_digest(_decode(signature), self._sign(text)):
                return None
            claims = orjson.loads(_decode(text.partition(".")[2]))
        except (ValueError, binascii.Error):
            return None
        if claims["exp"] <= time.time():
            return None
        private = claims["kubernetes.io"]
        account, namespace = private["serviceaccount"], private["namespace"]
        stored = self._store.get("serviceaccounts", namespace, account["name"])
        if stored is None or stored["metadata"]["uid"] != account["uid"]:
            return None
        if not self._still_bound(private, namespace):
            return None
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
        return User(claims["sub"], groups, account["uid"])

    def _still_bound(self, private: Object, namespace: str) -> bool:
        for name, resource in (("pod", "pods"), ("secret", "secrets")):
            if (bound := private.get(name)) is not None:
                found = self._store.get(resource, namespace, bound["name"])
                if found is None or (bound["uid"] and found["metadata"]["uid"] != bound["uid"]):
                    return False
        return True

    def _sign(self, text: str) -> bytes:
        return hmac.new(self._key, text.encode(), hashlib.sha256).digest()
