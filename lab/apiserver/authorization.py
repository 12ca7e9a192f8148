"""Role-based access control, from the roles and bindings that are stored."""

from __future__ import annotations

from collections.abc import Iterator

from lab.apiserver.calls import User
from lab.apiserver.errors import ApiError, Object, forbidden
from lab.apiserver.paths import Target
from lab.apiserver.selectors import selects
from lab.apiserver.store import Store

MASTERS = "system:masters"
_GROUP = ".rbac.authorization.k8s.io"


class Authorization:
    """Tells what a user may do."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, user: User, target: Target) -> None:
        """Nothing, or ``ApiError`` 403."""
        if self.allows(user, target):
            return
        if not target.is_resource:
            message = f'forbidden: User "{user.name}" cannot {target.verb} path "{target.path}"'
            raise ApiError(403, message, details={})
        where = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
        why = (
            f'User "{user.name}" cannot {target.verb} resource "{target.full_resource}" '
            f'in API group "{target.group}" {where}'
        )
        raise forbidden(target.group, target.plural, target.name, why)

    def allows(self, user: User, target: Target) -> bool:
        """Whether a role that is bound to the user has a rule for the target."""
        return MASTERS in user.groups or any(_grants(rule, target) for rule in self.rules(user, target.namespace))

    def rules(self, user: User, namespace: str) -> Iterator[Object]:
        """The rules bound to a user in the cluster and in one namespace."""
        for binding in self._store.list("clusterrolebindings" + _GROUP):
            if _binds(binding, user, ""):
                yield from self._role_rules(binding["roleRef"], "")
        if namespace:
            for binding in self._store.list("rolebindings" + _GROUP, namespace):
                if _binds(binding, user, namespace):
                    yield from self._role_rules(binding["roleRef"], namespace)

    def _role_rules(self, reference: Object, namespace: str) -> Iterator[Object]:
        if reference["kind"] == "Role":
            role = self._store.get("roles" + _GROUP, namespace, reference["name"])
        else:
            role = self._store.get("clusterroles" + _GROUP, "", reference["name"])
        if role is None:
            return
        yield from role.get("rules") or []
        for selector in (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or []:
            for other in self._store.list("clusterroles" + _GROUP):
                if other is not role and selects(selector, other["metadata"].get("labels") or {}):
                    yield from other.get("rules") or []


def _binds(binding: Object, user: User, namespace: str) -> bool:
    return any(_is_subject(subject, user, namespace) for subject in binding.get("subjects") or [])


def _is_subject(subject: Object, user: User, namespace: str) -> bool:
    kind, name = subject.get("kind"), subject.get("name", "")
    if kind == "User":
        return name in (user.name, "*")
    if kind == "Group":
        return name in user.groups
    return user.name == f"system:serviceaccount:{subject.get('namespace') or namespace}:{name}"


def _grants(rule: Object, target: Target) -> bool:
    verbs = rule.get("verbs") or []
    if target.verb not in verbs and "*" not in verbs:
        return False
    if not target.is_resource:
        return any(_covers(pattern, target.path) for pattern in rule.get("nonResourceURLs") or [])
    groups, resources = rule.get("apiGroups") or [], rule.get("resources") or []
    if target.group not in groups and "*" not in groups:
        return False
    any_parent = f"*/{target.subresource}" if target.subresource else ""
    if not {"*", target.full_resource, any_parent} & set(resources):
        return False
    names = rule.get("resourceNames") or []
    return not names or target.name in names


def _covers(pattern: str, path: str) -> bool:
    return pattern == "*" or pattern == path or (pattern.endswith("*") and path.startswith(pattern[:-1]))
