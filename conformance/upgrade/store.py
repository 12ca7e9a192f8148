"""Where a baseline is kept: in the cluster itself, so that another machine finds it after the upgrade.

The record is a ConfigMap without secrets; who logs in to the guests is a Secret beside it.
"""

from __future__ import annotations

import base64

from conformance.kube.api import Api, Object
from conformance.kube.manifests import labelled
from conformance.kube.manifests import namespace as namespace_manifest
from conformance.kube.resources import CONFIG_MAPS, NAMESPACES, SECRETS
from conformance.machines.access import Credentials
from conformance.upgrade.baseline import Baseline
from conformance.upgrade.names import LABEL, namespace, run_id

RECORD, KEY = "baseline", "baseline.json"
LOGIN = "guests"


class NoBaseline(Exception):
    """There is no baseline, or more than one; one line that says what to do."""


class Store:
    """The baselines of a cluster."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def names(self) -> list[str]:
        """The baselines that there are, finished or not."""
        found = self._api.list(NAMESPACES, labels=LABEL)
        return sorted(each["metadata"]["labels"][LABEL] for each in found)

    def find(self, name: str) -> Baseline | None:
        """A finished baseline; None where there is none. Raises BadBaseline."""
        record = self._api.find(CONFIG_MAPS, RECORD, namespace(name))
        return Baseline.from_json((record.get("data") or {}).get(KEY, "")) if record else None

    def only(self, name: str | None) -> Baseline:
        """The baseline of that name, or the only one that there is; raises NoBaseline or BadBaseline."""
        names = self.names()
        wanted = [each for each in names if name in (None, each)]
        if len(wanted) > 1:
            raise NoBaseline(f"there are several baselines: {', '.join(wanted)}; name one with --baseline")
        if not wanted:
            other = f"; there are: {', '.join(names)}" if names else ""
            raise NoBaseline(f"the cluster holds no baseline{f' {name}' if name else ''} from before an upgrade{other}")
        found = self.find(wanted[0])
        if found is None:
            raise NoBaseline(f"baseline {wanted[0]} is not finished: its preparation broke off, or goes on")
        return found

    def reserve(self, name: str, login: Credentials) -> None:
        """Make the place for a record, and keep who logs in; raises AlreadyExists for a name that is taken."""
        self._api.create(namespace_manifest(namespace(name), run_id(name), primary_udn=False, labels={LABEL: name}))
        coded = {
            key: base64.b64encode(value.encode()).decode()
            for key, value in (("user", login.user), ("password", login.password or ""))
        }
        head = labelled(SECRETS, LOGIN, run_id(name), namespace(name))
        self._api.create({**head, "type": "Opaque", "data": coded})

    def save(self, baseline: Baseline) -> None:
        """Keep the record: the baseline is finished."""
        head = labelled(CONFIG_MAPS, RECORD, run_id(baseline.name), namespace(baseline.name))
        self._api.create({**head, "data": {KEY: baseline.to_json()}})

    def login(self, name: str) -> Credentials:
        """Who logs in to the guests of a baseline; raises ``Refused``."""
        data: Object = self._api.get(SECRETS, LOGIN, namespace(name)).get("data") or {}
        plain = {key: base64.b64decode(value).decode() for key, value in data.items()}
        return Credentials(plain["user"], plain.get("password") or None)
