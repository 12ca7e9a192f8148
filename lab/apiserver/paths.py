"""What a request's path and method ask for."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

_WRITES = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True)
class Target:
    """The object, collection or other page that a request is about, and the verb as RBAC knows it."""

    path: str
    verb: str
    group: str = ""
    version: str = ""
    namespace: str = ""
    plural: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""

    @property
    def is_resource(self) -> bool:
        """Whether the path names a resource rather than a page such as ``/version``."""
        return bool(self.plural)

    @property
    def full_resource(self) -> str:
        """``pods`` or ``pods/log``, as in a role's rules."""
        return f"{self.plural}/{self.subresource}" if self.subresource else self.plural


def parse(method: str, raw_path: str, watch: bool) -> Target:
    """The target of a request; paths that fit no resource give one without a plural."""
    parts = [unquote(part) for part in raw_path.split("/") if part]
    page = Target(raw_path, method.lower())
    if parts[:1] == ["api"] and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return page
    namespace = ""
    if rest[0] == "namespaces" and len(rest) >= 2:
        # /namespaces/x, /namespaces/x/status and /namespaces/x/finalize are about the namespace itself.
        namespace = rest[1]
        if len(rest) > 2 and not (group == "" and len(rest) == 3 and rest[2] in ("status", "finalize")):
            rest = rest[2:]
    plural, name, subresource, *more = [*rest, "", "", ""][: max(len(rest), 3)]
    verb = _WRITES.get(method) or ("watch" if watch else "get" if name else "list")
    if verb == "delete" and not name:
        verb = "deletecollection"
    return Target(raw_path, verb, group, version, namespace, plural, name, subresource, "/".join(m for m in more if m))
