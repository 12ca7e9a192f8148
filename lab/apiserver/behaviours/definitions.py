"""CustomResourceDefinitions: their defaults, their own rules, and the conditions that say they are served."""

from __future__ import annotations

from collections.abc import Iterator

from lab.apiserver.behaviours.base import Behaviour
from lab.apiserver.cel_support.programs import ExpressionError, compile_expression
from lab.apiserver.errors import Cause, Object, invalid_value, required
from lab.apiserver.identity import now
from lab.apiserver.schema.rules import RULES
from lab.apiserver.store import Store

CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


class DefinitionBehaviour(Behaviour):
    """A definition is established as soon as it is stored."""

    def prepare_create(self, store: Store, obj: Object) -> None:
        metadata = obj["metadata"]
        metadata["finalizers"] = sorted({*(metadata.get("finalizers") or []), CLEANUP_FINALIZER})
        obj.pop("status", None)
        self._complete(obj, {})

    def prepare_update(self, store: Store, subresource: str, new: Object, old: Object) -> None:
        self._complete(new, new.get("status") or old.get("status") or {})

    def faults(self, obj: Object, old: Object | None) -> list[Cause]:
        spec = obj.get("spec") or {}
        names = spec.get("names") or {}
        causes = [required(f"spec.{field}") for field in ("group", "scope", "versions") if not spec.get(field)]
        causes += [required(f"spec.names.{field}") for field in ("plural", "kind") if not names.get(field)]
        if causes:
            return causes
        wanted = f"{names['plural']}.{spec['group']}"
        if obj["metadata"].get("name") != wanted:
            causes.append(
                invalid_value("metadata.name", obj["metadata"].get("name"), 'must be spec.names.plural+"."+spec.group')
            )
        if sum(bool(version.get("storage")) for version in spec["versions"]) != 1:
            causes.append(
                invalid_value("spec.versions", "array", "must have exactly one version marked as storage version")
            )
        for index, version in enumerate(spec["versions"]):
            schema = (version.get("schema") or {}).get("openAPIV3Schema")
            where = f"spec.versions[{index}].schema.openAPIV3Schema"
            if not schema:
                causes.append(required(where, "schemas are required"))
            elif old is None or version not in old["spec"]["versions"]:
                causes += rule_faults(schema, where)
        return causes

    @staticmethod
    def _complete(obj: Object, status: Object) -> None:
        spec = obj.get("spec")
        if not isinstance(spec, dict) or not isinstance(spec.get("names"), dict):
            return
        names, versions = spec["names"], spec.get("versions") or []
        if kind := names.get("kind"):
            names.setdefault("singular", kind.lower())
            names.setdefault("listKind", f"{kind}List")
        spec.setdefault("conversion", {"strategy": "None"})
        stored = [version["name"] for version in versions if version.get("storage")]
        known = {condition["type"]: condition for condition in status.get("conditions") or []}
        conditions = [
            _condition(known, "NamesAccepted", "NoConflicts", "no conflicts found"),
            _condition(known, "Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ]
        obj["status"] = {
            "conditions": conditions,
            "acceptedNames": names,
            "storedVersions": list(dict.fromkeys([*(status.get("storedVersions") or []), *stored])),
        }


def rule_faults(schema: Object, path: str) -> Iterator[Cause]:
    """CEL rules in a schema that cannot be compiled."""
    for index, rule in enumerate(schema.get(RULES) or []):
        for field in ("rule", "messageExpression"):
            try:
                if text := rule.get(field):
                    compile_expression(text)
            except ExpressionError as error:
                yield invalid_value(f"{path}.{RULES}[{index}].{field}", text, f"compilation failed: {error}")
    for name, inner in (schema.get("properties") or {}).items():
        yield from rule_faults(inner, f"{path}.properties[{name}]")
    for field in ("items", "additionalProperties"):
        if isinstance(inner := schema.get(field), dict):
            yield from rule_faults(inner, f"{path}.{field}")


def _condition(known: dict[str, Object], name: str, reason: str, message: str) -> Object:
    since = known.get(name, {}).get("lastTransitionTime") or now()
    return {"type": name, "status": "True", "lastTransitionTime": since, "reason": reason, "message": message}
