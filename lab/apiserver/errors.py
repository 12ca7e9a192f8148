"""Answers that refuse a request, in the shape and the words of Kubernetes' own ``Status``.

Source of reasons, codes and wordings: the API conventions of Kubernetes and kube-apiserver 1.32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

Object = dict[str, Any]

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class ApiError(Exception):
    """A request that is refused: becomes a ``Status`` with this code, reason, message and details."""

    def __init__(self, code: int, message: str, reason: str | None = None, details: Object | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason if reason is not None else _REASONS.get(code, "Unknown")
        self.details = details or {}

    def status(self) -> Object:
        """The body of the answer."""
        body: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            body["details"] = self.details
        return body


@dataclass(frozen=True)
class Cause:
    """One thing wrong with one field: ``spec.mtu: Invalid value: 5: …``."""

    field: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"

    @property
    def blocks_rules(self) -> bool:
        """Whether CEL rules cannot be trusted to run on an object with this fault."""
        return self.reason in _BLOCKING


_BLOCKING = {
    "FieldValueRequired",
    "FieldValueNotSupported",
    "FieldValueTooLong",
    "FieldValueTooMany",
    "FieldValueTypeInvalid",
}


def shown(value: Any) -> str:
    """A value as Kubernetes quotes it in a message."""
    return orjson.dumps(value, default=str).decode()


def invalid_value(field: str, value: Any, message: str, reason: str = "FieldValueInvalid") -> Cause:
    """The value of a field breaks a rule."""
    return Cause(field, reason, f"Invalid value: {shown(value)}: {message}")


def required(field: str, message: str = "") -> Cause:
    """A field is missing."""
    return Cause(field, "FieldValueRequired", f"Required value: {message}" if message else "Required value")


def forbidden_field(field: str, message: str) -> Cause:
    """A field may not be set, or not be changed."""
    return Cause(field, "FieldValueForbidden", f"Forbidden: {message}")


def unsupported(field: str, value: Any, allowed: Sequence[Any]) -> Cause:
    """A value is not one of those allowed."""
    listed = ", ".join(shown(choice) for choice in allowed)
    return Cause(field, "FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {listed}")


def qualified(group: str, name: str) -> str:
    """``pods``, or ``userdefinednetworks.k8s.ovn.org``."""
    return f"{name}.{group}" if group else name


def _details(group: str, plural: str, name: str) -> Object:
    details = {"name": name, "kind": plural}
    return {**details, "group": group} if group else details


def bad_request(message: str) -> ApiError:
    """400: the request itself cannot be understood."""
    return ApiError(400, message)


def not_found(group: str, plural: str, name: str) -> ApiError:
    """404: no such object."""
    return ApiError(404, f'{qualified(group, plural)} "{name}" not found', details=_details(group, plural, name))


def no_such_page() -> ApiError:
    """404: no such resource or path at all."""
    return ApiError(404, "the server could not find the requested resource", details={})


def already_exists(group: str, plural: str, name: str) -> ApiError:
    """409: the name is taken."""
    message = f'{qualified(group, plural)} "{name}" already exists'
    return ApiError(409, message, "AlreadyExists", _details(group, plural, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(group: str, plural: str, name: str, why: str = MODIFIED) -> ApiError:
    """409: somebody else was first."""
    message = f'Operation cannot be fulfilled on {qualified(group, plural)} "{name}": {why}'
    return ApiError(409, message, "Conflict", _details(group, plural, name))


def forbidden(group: str, plural: str, name: str, why: str, causes: Sequence[Object] = ()) -> ApiError:
    """403: the request is understood and not allowed."""
    subject = qualified(group, plural)
    shown_name = f'{subject} "{name}"' if name else subject
    details = _details(group, plural, name)
    if causes:
        details["causes"] = list(causes)
    return ApiError(403, f"{shown_name} is forbidden: {why}", details=details)


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """422: the object breaks the rules of its kind."""
    texts = list(dict.fromkeys(str(cause) for cause in causes))
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    listed = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
    details = {**_details(group, kind, name), "causes": listed}
    return ApiError(422, f'{qualified(group, kind)} "{name}" is invalid: {joined}', details=details)


def gone(message: str) -> ApiError:
    """410: the history that is asked for has been thrown away."""
    return ApiError(410, message)
