"""One request about a resource, as the parts of the server hand it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.apiserver.errors import Object, bad_request
from lab.apiserver.kinds import Kind
from lab.apiserver.paths import Target


@dataclass(frozen=True)
class User:
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, list[str]] = field(default_factory=dict, hash=False)

    def info(self) -> Object:
        """As ``userInfo`` in reviews."""
        info: Object = {"username": self.name, "groups": list(self.groups)}
        if self.uid:
            info["uid"] = self.uid
        if self.extra:
            info["extra"] = dict(self.extra)
        return info


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))
SYSTEM = User("system:apiserver", ("system:masters",))


@dataclass(frozen=True)
class Call:
    """A request about one kind: what is asked, by whom, with which options; collects warnings for its answer."""

    target: Target
    kind: Kind
    user: User
    query: Mapping[str, str] = field(default_factory=dict, hash=False)
    user_agent: str = ""
    warnings: list[str] = field(default_factory=list, hash=False)
    applying: bool = False

    @property
    def namespace(self) -> str:
        """Namespace of the objects concerned; empty for the whole cluster."""
        return self.target.namespace if self.kind.namespaced else ""

    @property
    def dry_run(self) -> bool:
        """Whether nothing may be stored; ``ApiError`` 400 for a value other than All."""
        value = self.query.get("dryRun", "")
        if value not in ("", "All"):
            raise bad_request(f'dryRun: Unsupported value: "{value}": supported values: "All"')
        return value == "All"

    @property
    def field_validation(self) -> str:
        """Strict, Warn or Ignore."""
        value = self.query.get("fieldValidation", "") or "Warn"
        if value not in ("Strict", "Warn", "Ignore"):
            raise bad_request(
                f'fieldValidation: Unsupported value: "{value}": supported values: "Ignore", "Strict", "Warn"'
            )
        return value

    @property
    def field_manager(self) -> str:
        """Who is recorded as the owner of the fields that are set."""
        return self.query.get("fieldManager") or self.user_agent.split("/")[0] or "unknown"

    def flag(self, name: str) -> bool:
        """A yes/no option of the query."""
        return self.query.get(name, "").lower() in ("1", "true")

    def number(self, name: str) -> int | None:
        """A numeric option of the query; ``ApiError`` 400 if it is no number."""
        text = self.query.get(name, "")
        if not text:
            return None
        if not text.lstrip("-").isdigit():
            raise bad_request(f'{name}: Invalid value: "{text}": must be a number')
        return int(text)
