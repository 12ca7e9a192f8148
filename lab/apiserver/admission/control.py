"""Admission control as the writing pipeline sees it."""

from __future__ import annotations

from lab.apiserver.admission.matching import Event
from lab.apiserver.admission.policies import Policies
from lab.apiserver.admission.webhooks import Webhooks
from lab.apiserver.calls import Call
from lab.apiserver.errors import Object


class AdmissionControl:
    """Mutating webhooks first; policies and validating webhooks on the outcome."""

    def __init__(self, policies: Policies, webhooks: Webhooks) -> None:
        self._policies = policies
        self._webhooks = webhooks

    async def mutate(self, call: Call, operation: str, obj: Object, old: Object | None) -> Object:
        """The object as the webhooks leave it."""
        return await self._webhooks.mutate(Event(call, operation, obj, old)) or obj

    async def review(self, call: Call, operation: str, obj: Object | None, old: Object | None) -> None:
        """Nothing, or ``ApiError`` if a policy or webhook refuses."""
        event = Event(call, operation, obj, old)
        self._policies.review(event)
        await self._webhooks.review(event)
