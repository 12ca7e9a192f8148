"""Mutating and validating webhooks."""

from __future__ import annotations

import base64
import binascii
import copy
import ssl
from collections.abc import Iterator

import aiohttp
import jsonpatch
import orjson

from lab.apiserver.admission.matching import Event, rule_matches, selectors_match
from lab.apiserver.cel_support.programs import ExpressionError, evaluate
from lab.apiserver.errors import ApiError, Object
from lab.apiserver.store import Store
from lab.apiserver.upstreams import Services, bundle_context

_GROUP = "admissionregistration.k8s.io"
MUTATING = f"mutatingwebhookconfigurations.{_GROUP}"
VALIDATING = f"validatingwebhookconfigurations.{_GROUP}"


class CallFailed(Exception):
    """A webhook gave no usable answer."""


class Webhooks:
    """Calls the webhooks that are registered for a request."""

    def __init__(self, store: Store, services: Services, session: aiohttp.ClientSession) -> None:
        self._store = store
        self._services = services
        self._session = session

    async def mutate(self, event: Event) -> Object | None:
        """The object after all mutating webhooks; ``ApiError`` if one refuses, or fails and may not."""
        for webhook in self._about(MUTATING, event):
            response = await self._ask(webhook, event)
            if response is not None and response.get("patch"):
                event = Event(event.call, event.operation, _patched(webhook, response, event.obj), event.old)
        return event.obj

    async def review(self, event: Event) -> None:
        """Nothing, or ``ApiError`` if a validating webhook refuses, or fails and may not."""
        for webhook in self._about(VALIDATING, event):
            await self._ask(webhook, event)

    def _about(self, resource: str, event: Event) -> Iterator[Object]:
        if event.call.kind.group == _GROUP:
            return
        for configuration in self._store.list(resource):
            for webhook in configuration.get("webhooks") or []:
                rules = webhook.get("rules") or []
                if any(rule_matches(rule, event) for rule in rules) and selectors_match(self._store, webhook, event):
                    yield webhook

    async def _ask(self, webhook: Object, event: Event) -> Object | None:
        """The response of a webhook that allows; None if it is not concerned, or failed and may be ignored."""
        try:
            if not _conditions_hold(webhook, event):
                return None
            response = await self._call(webhook, event)
        except CallFailed as error:
            if webhook.get("failurePolicy") == "Ignore":
                return None
            message = f'Internal error occurred: failed calling webhook "{webhook["name"]}": {error}'
            raise ApiError(500, message) from error
        event.call.warnings.extend(response.get("warnings") or [])
        if not response.get("allowed"):
            raise _denied(webhook["name"], response.get("status") or {})
        return response

    async def _call(self, webhook: Object, event: Event) -> Object:
        client = webhook["clientConfig"]
        review = {
            "kind": "AdmissionReview",
            "apiVersion": "admission.k8s.io/v1",
            "request": {**event.request(), "object": event.obj, "oldObject": event.old},
        }
        try:
            url = self._url(client)
            async with self._session.post(
                url,
                data=orjson.dumps(review),
                headers={"Content-Type": "application/json"},
                ssl=bundle_context(client),
                timeout=aiohttp.ClientTimeout(total=webhook.get("timeoutSeconds", 10)),
            ) as answer:
                body = orjson.loads(await answer.read())
                response = body.get("response")
        except ApiError as error:
            raise CallFailed(f"failed to call webhook: {error.message}") from error
        except (TimeoutError, aiohttp.ClientError, ssl.SSLError, OSError, orjson.JSONDecodeError) as error:
            raise CallFailed(f"failed to call webhook: Post: {error or type(error).__name__}") from error
        if not isinstance(response, dict) or response.get("uid") != event.uid:
            raise CallFailed("the answer holds no response for this request")
        return response

    def _url(self, client: Object) -> str:
        if url := client.get("url"):
            return str(url)
        service = client["service"]
        address = self._services.address(service["namespace"], service["name"], int(service.get("port") or 443))
        return f"https://{address}{service.get('path') or '/'}"


def _conditions_hold(webhook: Object, event: Event) -> bool:
    variables = {"object": event.obj, "oldObject": event.old, "request": event.request()}
    try:
        return all(evaluate(c["expression"], variables) is True for c in webhook.get("matchConditions") or [])
    except ExpressionError as error:
        raise CallFailed(f"match condition resulted in error: {error}") from error


def _patched(webhook: Object, response: Object, obj: Object | None) -> Object:
    try:
        patch = jsonpatch.JsonPatch(orjson.loads(base64.b64decode(response["patch"])))
        patched = patch.apply(copy.deepcopy(obj))
    except (ValueError, binascii.Error, jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        message = f'Internal error occurred: patch of webhook "{webhook["name"]}" cannot be applied: {error}'
        raise ApiError(500, message) from error
    if not isinstance(patched, dict):
        raise ApiError(500, f'Internal error occurred: patch of webhook "{webhook["name"]}" leaves no object')
    return patched


def _denied(name: str, status: Object) -> ApiError:
    said = status.get("message") or status.get("reason")
    message = f'admission webhook "{name}" denied the request' + (f": {said}" if said else " without explanation")
    return ApiError(int(status.get("code") or 403), message, status.get("reason"), status.get("details"))
