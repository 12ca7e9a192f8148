"""Whether a policy or webhook is about a request: its rules and selectors."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.apiserver.calls import Call
from lab.apiserver.errors import Object
from lab.apiserver.kinds import Kind
from lab.apiserver.selectors import selects
from lab.apiserver.store import Store


@dataclass(frozen=True)
class Event:
    """What admission is asked about: an operation on an object."""

    call: Call
    operation: str
    obj: Object | None
    old: Object | None
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def subject(self) -> Object:
        """The object, or what it was if it is being deleted."""
        return self.obj if self.obj is not None else self.old or {}

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.subject.get("metadata", {}).get("name", "")) or self.call.target.name

    @property
    def namespace(self) -> str:
        """The namespace that the request is about; for a Namespace, itself."""
        if self.call.kind.resource == "namespaces":
            return self.name
        return str(self.subject.get("metadata", {}).get("namespace", ""))

    def request(self) -> Object:
        """As the ``request`` of an AdmissionReview, without the objects."""
        kind = self.call.kind
        group_version_kind = {"group": kind.group, "version": kind.version, "kind": kind.kind}
        resource = {"group": kind.group, "version": kind.version, "resource": kind.plural}
        request: Object = {
            "uid": self.uid,
            "kind": group_version_kind,
            "resource": resource,
            "requestKind": group_version_kind,
            "requestResource": resource,
            "name": self.name,
            "operation": self.operation,
            "userInfo": self.call.user.info(),
            "dryRun": self.call.dry_run,
            "options": {},
        }
        if self.namespace:
            request["namespace"] = self.namespace
        if self.call.target.subresource:
            request["subResource"] = request["requestSubResource"] = self.call.target.subresource
        return request


def rule_matches(rule: Object, event: Event) -> bool:
    """Whether a rule (operations, apiGroups, apiVersions, resources, scope, resourceNames) is about an event."""
    kind = event.call.kind
    return (
        _names(rule.get("operations"), event.operation)
        and _names(rule.get("apiGroups"), kind.group)
        and _names(rule.get("apiVersions"), kind.version)
        and _resource(rule.get("resources") or [], event.call)
        and _scope(rule.get("scope") or "*", kind)
        and (not rule.get("resourceNames") or event.name in rule["resourceNames"])
    )


def _names(choices: Sequence[str] | None, value: str) -> bool:
    return value in (choices or []) or "*" in (choices or [])


def _resource(choices: Sequence[str], call: Call) -> bool:
    plural, subresource = call.kind.plural, call.target.subresource
    for choice in choices:
        parent, _, child = choice.partition("/")
        if parent not in ("*", plural):
            continue
        if choice == "*/*" or child == subresource or (child == "*" and subresource):
            return True
    return False


def _scope(scope: str, kind: Kind) -> bool:
    return scope == "*" or (scope == "Namespaced") == kind.namespaced


def selectors_match(store: Store, constraints: Object, event: Event) -> bool:
    """Whether namespaceSelector and objectSelector let an event through."""
    if selector := constraints.get("namespaceSelector"):
        labels = _namespace_labels(store, event)
        if labels is not None and not selects(selector, labels):
            return False
    if not (selector := constraints.get("objectSelector")):
        return True
    states = [state for state in (event.obj, event.old) if state is not None]
    return any(selects(selector, state.get("metadata", {}).get("labels") or {}) for state in states)


def _namespace_labels(store: Store, event: Event) -> dict[str, str] | None:
    """Labels of the namespace concerned; None for other objects of the cluster, which every selector lets through."""
    if event.call.kind.resource == "namespaces":
        return event.subject["metadata"].get("labels") or {}
    if not event.namespace:
        return None
    namespace = store.get("namespaces", "", event.namespace)
    return (namespace or {"metadata": {}})["metadata"].get("labels") or {}


def constraints_match(store: Store, constraints: Object | None, event: Event) -> bool:
    """Whether ``matchConstraints`` or ``matchResources`` let an event through; absent ones do."""
    if constraints is None:
        return True
    rules = constraints.get("resourceRules")
    if rules is not None and not any(rule_matches(rule, event) for rule in rules):
        return False
    if any(rule_matches(rule, event) for rule in constraints.get("excludeResourceRules") or []):
        return False
    return selectors_match(store, constraints, event)
