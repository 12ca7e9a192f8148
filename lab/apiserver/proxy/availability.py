"""Writes the condition Available of APIServices whenever what it depends on changes."""

from __future__ import annotations

from lab.apiserver.behaviours import API_SERVICES
from lab.apiserver.proxy.aggregation import Aggregation
from lab.apiserver.store import Change, Store


class Availability:
    """Follows APIServices, Services and Endpoints."""

    def __init__(self, store: Store, aggregation: Aggregation) -> None:
        self._store = store
        self._aggregation = aggregation
        store.listen(self._changed)

    def _changed(self, change: Change) -> None:
        if change.resource == API_SERVICES:
            if change.new is not None:
                self._judge(change.key[1])
        elif change.resource in ("services", "endpoints"):
            for api_service in self._store.list(API_SERVICES):
                service = api_service["spec"].get("service")
                if service and (service["namespace"], service["name"]) == change.key:
                    self._judge(api_service["metadata"]["name"])

    def _judge(self, name: str) -> None:
        api_service = self._store.get(API_SERVICES, "", name)
        if api_service is None:
            return
        found = self._aggregation.availability(api_service)
        known = (api_service.get("status") or {}).get("conditions") or []
        if any((c["type"], c["status"], c["reason"]) == ("Available", found["status"], found["reason"]) for c in known):
            return
        others = [condition for condition in known if condition["type"] != "Available"]
        self._store.put(API_SERVICES, {**api_service, "status": {"conditions": [*others, found]}})
