"""The rights that a run needs, from the manifest that grants them, and those that this user lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from conformance.kube.api import Api
from conformance.kube.errors import ApiError
from conformance.kube.resources import SELF_ACCESS_REVIEWS

Object = dict[str, Any]

#: Beside the package, in the repository and where it is installed.
MANIFEST = Path(__file__).parents[2] / "deploy" / "rbac.yaml"
AT_ONCE = 16


@dataclass(frozen=True)
class Right:
    """One verb on one kind of object; ``name`` only where the right is to one object alone."""

    verb: str
    group: str
    resource: str
    subresource: str = ""
    name: str = ""

    @property
    def what(self) -> str:
        """What the verb is on, as kubectl writes it."""
        kind = self.resource + (f".{self.group}" if self.group else "")
        return kind + (f"/{self.subresource}" if self.subresource else "") + (f" {self.name}" if self.name else "")

    def review(self) -> Object:
        """The question whether the user that asks has it, in every namespace."""
        attributes = {"verb": self.verb, "group": self.group, "resource": self.resource}
        attributes |= {"subresource": self.subresource} if self.subresource else {}
        attributes |= {"name": self.name} if self.name else {}
        return {
            "apiVersion": SELF_ACCESS_REVIEWS.api_version,
            "kind": SELF_ACCESS_REVIEWS.kind,
            "spec": {"resourceAttributes": attributes},
        }


def needed(manifest: Path = MANIFEST) -> list[Right]:
    """Every right of the manifest's ClusterRoles. Raises OSError, or ValueError when it grants none."""
    documents = [each for each in yaml.safe_load_all(manifest.read_text(encoding="utf-8")) if each]
    rules = [rule for each in documents if each.get("kind") == "ClusterRole" for rule in each.get("rules") or []]
    rights = list(dict.fromkeys(right for rule in rules for right in _of_rule(rule)))
    if not rights:
        raise ValueError(f"{manifest}: no ClusterRole in it grants anything")
    return rights


def _of_rule(rule: Object) -> Iterator[Right]:
    for group in rule["apiGroups"]:
        for full in rule["resources"]:
            resource, _, subresource = full.partition("/")
            for name in rule.get("resourceNames") or [""]:
                yield from (Right(verb, group, resource, subresource, name) for verb in rule["verbs"])


def lacking(api: Api, rights: Iterable[Right]) -> list[Right]:
    """Those that the user of ``api`` has not, by the API's own word. Raises the API's errors."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = threads.map(lambda right: (right, api.ask(right.review()).get("allowed")), rights)
        try:
            return [right for right, allowed in answers if allowed is not True]
        except ApiError:
            # What one question meets, the others would meet as well, each after its retries.
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def told(rights: Iterable[Right]) -> str:
    """A list of rights by what they are on: ``create, delete pods; get pods/exec``."""
    verbs: dict[str, list[str]] = {}
    for right in rights:
        verbs.setdefault(right.what, []).append(right.verb)
    return "; ".join(f"{', '.join(each)} {what}" for what, each in verbs.items())
