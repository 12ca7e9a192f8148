"""What is wrong with an object, and the answer to an admission review that says so.

Wordings are those a user of KubeVirt sees: tests of clusters rely on them.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

Object = dict[str, Any]

INVALID = "FieldValueInvalid"
REQUIRED = "FieldValueRequired"
DUPLICATE = "FieldValueDuplicate"
NOT_SUPPORTED = "FieldValueNotSupported"
_SHOWN = 10


@dataclass(frozen=True)
class Cause:
    """One thing that is wrong, and where."""

    reason: str
    message: str
    field: str = ""

    def as_dict(self) -> Object:
        """The form of a Status' cause."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


def allowed(warnings: Sequence[str] = (), patch: Sequence[Object] = ()) -> Object:
    """The response that lets a request through, with a JSON patch if one is given."""
    response: Object = {"allowed": True}
    if warnings:
        response["warnings"] = list(warnings)
    if patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(orjson.dumps(list(patch))).decode()
    return response


def refused(causes: Sequence[Cause]) -> Object:
    """The response (422) that names up to ten causes."""
    messages = [cause.message for cause in causes[:_SHOWN]]
    if len(causes) > _SHOWN:
        messages.append(f"and {len(causes) - _SHOWN} more validation errors")
    status = {
        "status": "Failure",
        "message": ", ".join(messages),
        "reason": "Invalid",
        "code": 422,
        "details": {"causes": [cause.as_dict() for cause in causes[:_SHOWN]]},
    }
    return {"allowed": False, "status": status}


def bad(message: str) -> Object:
    """The response (400) with a plain message."""
    return {"allowed": False, "status": {"status": "Failure", "message": message, "code": 400}}


def judged(causes: Sequence[Cause], warnings: Sequence[str] = ()) -> Object:
    """Refused when there is a cause, else allowed."""
    return refused(causes) if causes else allowed(warnings)
