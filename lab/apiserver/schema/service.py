"""What the writing pipeline asks of schemas, for built-in and custom kinds alike."""

from __future__ import annotations

from collections.abc import Mapping

from lab.apiserver.calls import Call
from lab.apiserver.errors import ApiError, Cause, Object, bad_request, invalid, invalid_value
from lab.apiserver.kinds import Kind
from lab.apiserver.names import label_causes
from lab.apiserver.schema.builtin import BuiltinSchemas
from lab.apiserver.schema.rules import ABSENT, rule_causes
from lab.apiserver.schema.structure import drop_nulls, fill_defaults, prune, resolve
from lab.apiserver.schema.types import type_faults
from lab.apiserver.schema.values import value_causes

UNCHECKED = Cause(
    "<nil>",
    "FieldValueInvalid",
    'Invalid value: "null": some validation rules were not checked because the object was invalid; '
    "correct the existing errors to complete validation",
)


class SchemaService:
    """Prunes, defaults and validates objects by the schemas of their kinds."""

    def __init__(self, builtin: BuiltinSchemas) -> None:
        self._builtin = builtin

    @property
    def components(self) -> Mapping[str, Object]:
        """What ``$ref`` refers to."""
        return self._builtin.components

    async def ready(self) -> None:
        """Wait until the schemas of built-in kinds are there."""
        await self._builtin.ready()

    def schema_of(self, kind: Kind) -> Object:
        """The kind's schema; empty if it has none, or none that is loaded yet."""
        return kind.schema if kind.custom else self._builtin.of_kind(kind) or {}

    def admit(self, call: Call, obj: Object) -> None:
        """Prune or refuse unknown fields and fill in defaults, in place."""
        self.check(call, obj)
        if call.kind.custom:
            drop_nulls(call.kind.schema, obj)
            fill_defaults(call.kind.schema, obj)

    def check(self, call: Call, obj: Object) -> None:
        """Prune or refuse unknown fields, in place; ``ApiError`` 400 for them (strict) and for wrong types."""
        kind = call.kind
        schema = self.schema_of(kind)
        if not schema:
            return
        if not kind.custom:
            self._check_types(kind, schema, obj)
        unknown = [f'unknown field "{path}"' for path in prune(schema, obj, self.components)]
        if unknown and call.field_validation == "Strict":
            raise _strict(call, f"strict decoding error: {', '.join(unknown)}")
        if unknown and call.field_validation == "Warn":
            call.warnings.extend(unknown)

    def faults(self, call: Call, obj: Object, old: Object | None) -> list[Cause]:
        """Everything wrong with an object: its labels, its values, and (custom kinds) its CEL rules."""
        causes = label_causes(obj["metadata"])
        kind = call.kind
        if not kind.custom:
            return causes
        found = list(value_causes(kind.schema, obj, ""))
        if old is not None and found:
            # Faults that an unchanged value had before do not stand in an update's way.
            known = {str(cause) for cause in value_causes(kind.schema, old, "")}
            found = [cause for cause in found if str(cause) not in known]
        if any(cause.blocks_rules for cause in found):
            return [*causes, *found, UNCHECKED]
        return [*causes, *found, *rule_causes(kind.schema, obj, ABSENT if old is None else old)]

    def field_schema(self, kind: Kind) -> Object:
        """The kind's schema with its reference resolved, for walks that need list keys."""
        return resolve(self.schema_of(kind), self.components)

    def _check_types(self, kind: Kind, schema: Object, obj: Object) -> None:
        for fault in type_faults(schema, obj, self.components, kind.kind):
            message = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {fault}'
            raise bad_request(message)


def _strict(call: Call, message: str) -> ApiError:
    kind = call.kind
    if call.target.verb == "patch":
        return invalid(kind.group, kind.kind, call.target.name, [invalid_value("patch", "the patch", message)])
    return bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {message}')
