"""ValidatingAdmissionPolicies and their bindings, evaluated in CEL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.apiserver.admission.matching import Event, constraints_match
from lab.apiserver.cel_support.programs import ExpressionError, evaluate
from lab.apiserver.errors import ApiError, Object, forbidden
from lab.apiserver.kinds import Registry
from lab.apiserver.selectors import selects
from lab.apiserver.store import Store

_GROUP = "admissionregistration.k8s.io"
POLICIES = f"validatingadmissionpolicies.{_GROUP}"
BINDINGS = f"validatingadmissionpolicybindings.{_GROUP}"
_CODES = {"Invalid": 422, "Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413}


@dataclass(frozen=True)
class Refusal:
    """A validation that did not hold, or that could not be evaluated."""

    message: str
    reason: str = "Invalid"


class Policies:
    """Asks every policy that is bound and about a request."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    def review(self, event: Event) -> None:
        """Nothing (and perhaps warnings), or ``ApiError`` if a policy denies."""
        if event.call.kind.group == _GROUP:
            return
        for binding in self._store.list(BINDINGS):
            policy = self._store.get(POLICIES, "", binding["spec"].get("policyName", ""))
            if policy is None or not self._is_about(policy, binding, event):
                continue
            actions = binding["spec"].get("validationActions") or ["Deny"]
            for refusal in self._refusals(policy, binding, event):
                self._act(actions, policy["metadata"]["name"], binding["metadata"]["name"], refusal, event)

    def _is_about(self, policy: Object, binding: Object, event: Event) -> bool:
        return constraints_match(self._store, policy["spec"].get("matchConstraints"), event) and constraints_match(
            self._store, binding["spec"].get("matchResources"), event
        )

    def _act(self, actions: list[str], policy: str, binding: str, refusal: Refusal, event: Event) -> None:
        if "Warn" in actions:
            event.call.warnings.append(
                f"Validation failed for ValidatingAdmissionPolicy '{policy}' with binding '{binding}': "
                f"{refusal.message}"
            )
        if "Deny" not in actions:
            return
        text = f"ValidatingAdmissionPolicy '{policy}' with binding '{binding}' denied request: {refusal.message}"
        kind = event.call.kind
        error = forbidden(kind.group, kind.plural, event.name, text, [{"message": text}])
        raise ApiError(_CODES.get(refusal.reason, 422), error.message, refusal.reason, error.details)

    def _refusals(self, policy: Object, binding: Object, event: Event) -> Iterator[Refusal]:
        spec = policy["spec"]
        fails = spec.get("failurePolicy", "Fail") == "Fail"
        for params in self._params(policy, binding, event):
            variables = self._variables(spec, params, event)
            try:
                if not all(evaluate(c["expression"], variables) is True for c in spec.get("matchConditions") or []):
                    continue
            except ExpressionError as error:
                if fails:
                    yield Refusal(f"match condition resulted in error: {error}")
                continue
            for validation in spec.get("validations") or []:
                refusal = _judge(validation, variables, fails)
                if refusal is not None:
                    yield refusal

    def _variables(self, spec: Object, params: Object | None, event: Event) -> Object:
        namespace = self._store.get("namespaces", "", event.namespace) if event.namespace else None
        variables: Object = {
            "object": event.obj,
            "oldObject": event.old,
            "request": event.request(),
            "params": params,
            "namespaceObject": namespace,
            "variables": {},
        }
        for variable in spec.get("variables") or []:
            try:
                value = evaluate(variable["expression"], variables)
            except ExpressionError:
                continue  # Whoever uses it fails; it may also never be used.
            variables["variables"] = {**variables["variables"], variable["name"]: value}
        return variables

    def _params(self, policy: Object, binding: Object, event: Event) -> list[Object | None]:
        """Each parameter object that the binding names; one None for a policy without parameters."""
        kind_of, reference = policy["spec"].get("paramKind"), binding["spec"].get("paramRef")
        if not kind_of or not reference:
            return [None]
        kind = self._registry.of_object(kind_of["apiVersion"], kind_of["kind"])
        if kind is None:
            return []
        namespace = (reference.get("namespace") or event.namespace) if kind.namespaced else ""
        if name := reference.get("name"):
            found = self._store.get(kind.resource, namespace, name)
            objects = [found] if found else []
        else:
            everything = self._store.list(kind.resource, namespace)
            objects = [o for o in everything if selects(reference.get("selector"), o["metadata"].get("labels") or {})]
        if not objects and reference.get("parameterNotFoundAction") == "Deny":
            error = "no params found for policy binding with `Deny` parameterNotFoundAction"
            raise forbidden(event.call.kind.group, event.call.kind.plural, event.name, error)
        return list(objects)


def _judge(validation: Object, variables: Object, fails: bool) -> Refusal | None:
    expression = validation["expression"]
    try:
        if evaluate(expression, variables) is True:
            return None
    except ExpressionError as error:
        return Refusal(f"expression '{expression.strip()}' resulted in error: {error}") if fails else None
    return Refusal(_message(validation, variables), validation.get("reason") or "Invalid")


def _message(validation: Object, variables: Object) -> str:
    if expression := validation.get("messageExpression"):
        try:
            found = evaluate(expression, variables)
        except ExpressionError:
            found = None
        if isinstance(found, str) and found.strip():
            return found
    return str(validation.get("message") or f"failed expression: {validation['expression'].strip()}")
