"""Reviews: questions about users and rights that are posted, answered and not stored."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from lab.apiserver import bodies
from lab.apiserver.authorization import MASTERS, Authorization
from lab.apiserver.calls import Call, User
from lab.apiserver.errors import Object, bad_request
from lab.apiserver.identity import now
from lab.apiserver.paths import Target
from lab.apiserver.resource_requests import respond
from lab.apiserver.server import Handler
from lab.apiserver.tokens import Tokens

ReviewMaker = Callable[[Call, Object], Object]

_EVERYTHING: Object = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
_EVERY_PAGE: Object = {"verbs": ["*"], "nonResourceURLs": ["*"]}


def _target(spec: Object) -> Target:
    if attributes := spec.get("resourceAttributes"):
        return Target(
            "",
            attributes.get("verb", ""),
            attributes.get("group", ""),
            attributes.get("version", ""),
            attributes.get("namespace", ""),
            attributes.get("resource", ""),
            attributes.get("name", ""),
            attributes.get("subresource", ""),
        )
    if attributes := spec.get("nonResourceAttributes"):
        return Target(attributes.get("path", ""), attributes.get("verb", ""))
    raise bad_request(
        "spec: Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified"
    )


class Reviews:
    """Answers the reviews of ``authorization.k8s.io`` and ``authentication.k8s.io``."""

    def __init__(self, authorization: Authorization, tokens: Tokens) -> None:
        self._authorization = authorization
        self._tokens = tokens

    def handlers(self) -> dict[str, Handler]:
        """By resource."""
        makers = {
            "selfsubjectaccessreviews.authorization.k8s.io": self._own_access,
            "subjectaccessreviews.authorization.k8s.io": self._access,
            "localsubjectaccessreviews.authorization.k8s.io": self._access,
            "selfsubjectrulesreviews.authorization.k8s.io": self._own_rules,
            "tokenreviews.authentication.k8s.io": self._token,
            "selfsubjectreviews.authentication.k8s.io": self._self,
        }
        return {resource: self._handler(maker) for resource, maker in makers.items()}

    def _handler(self, maker: ReviewMaker) -> Handler:
        async def handle(request: web.Request, call: Call) -> web.StreamResponse:
            review = bodies.decode(request.headers.get("Content-Type", ""), await request.read())
            status = maker(call, review.get("spec") or {})
            kind = call.kind
            metadata = {**(review.get("metadata") or {}), "creationTimestamp": now()}
            body = {**review, "apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "status": status}
            return respond(body, 201)

        return handle

    def _own_access(self, call: Call, spec: Object) -> Object:
        return {"allowed": self._authorization.allows(call.user, _target(spec))}

    def _access(self, call: Call, spec: Object) -> Object:
        user = User(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""))
        return {"allowed": self._authorization.allows(user, _target(spec))}

    def _own_rules(self, call: Call, spec: Object) -> Object:
        rules = list(self._authorization.rules(call.user, spec.get("namespace", "")))
        if MASTERS in call.user.groups:
            rules = [_EVERYTHING, _EVERY_PAGE, *rules]
        return {
            "resourceRules": [rule for rule in rules if rule.get("resources")],
            "nonResourceRules": [
                {"verbs": rule["verbs"], "nonResourceURLs": rule["nonResourceURLs"]}
                for rule in rules
                if rule.get("nonResourceURLs")
            ],
            "incomplete": False,
        }

    def _token(self, call: Call, spec: Object) -> Object:
        user = self._tokens.user(spec.get("token", ""))
        if user is None:
            return {"authenticated": False, "error": "the token is not valid here"}
        return {"authenticated": True, "user": user.info(), "audiences": spec.get("audiences") or []}

    def _self(self, call: Call, spec: Object) -> Object:
        return {"userInfo": call.user.info()}
