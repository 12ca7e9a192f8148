"""The rights of ``deploy/rbac.yaml``, asked of the lab's API server with an account that real kubectl made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.doctor import rights
from conformance.doctor.rights import MANIFEST, Right, lacking, needed, told
from conformance.kube.api import Api
from tests.apiserver.conftest import Kubectl, Server, kubectl, namespace, server  # noqa: F401


def role() -> dict[str, Any]:
    """The ClusterRole of the manifest."""
    found: dict[str, Any] = yaml.safe_load(MANIFEST.read_text())
    return found


def signed_in(server: Server, kubectl: Kubectl, namespace: str, granted: dict[str, Any], folder: Path) -> Api:  # noqa: F811
    """The API as a service account that has this ClusterRole and nothing else."""
    name = f"run-{namespace}"
    kubectl.apply(granted | {"metadata": {"name": name}})
    kubectl("create", "serviceaccount", "runner", "-n", namespace)
    kubectl("create", "clusterrolebinding", name, f"--clusterrole={name}", f"--serviceaccount={namespace}:runner")
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": kubectl("create", "token", "runner", "-n", namespace).strip()}
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return Api.connect(file)


def test_who_has_the_manifests_role_lacks_nothing(
    server: Server,  # noqa: F811
    kubectl: Kubectl,  # noqa: F811
    namespace: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    assert lacking(signed_in(server, kubectl, namespace, role(), tmp_path), needed()) == []


def test_what_was_taken_away_is_named(
    server: Server,  # noqa: F811
    kubectl: Kubectl,  # noqa: F811
    namespace: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    granted = role()
    taken = {"pods/exec", "configmaps"}
    for rule in granted["rules"]:
        rule["resources"] = [resource for resource in rule["resources"] if resource not in taken]
    granted["rules"] = [rule for rule in granted["rules"] if rule["resources"]]
    missing = lacking(signed_in(server, kubectl, namespace, granted, tmp_path), needed())
    assert {right.what.partition(" ")[0] for right in missing} == taken
    assert "get, create pods/exec" in told(missing)


def test_an_administrator_lacks_nothing(server: Server) -> None:  # noqa: F811
    assert lacking(Api.connect(server.kubeconfig), needed()) == []


def test_rights_are_read_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "role.yaml"
    rule = {"apiGroups": ["a.b"], "resources": ["things/part"], "resourceNames": ["one"], "verbs": ["get", "list"]}
    file.write_text(yaml.safe_dump({"kind": "ClusterRole", "rules": [rule, rule]}))
    assert needed(file) == [Right(verb, "a.b", "things", "part", "one") for verb in ("get", "list")]
    assert told(needed(file)) == "get, list things.a.b/part one"


def test_a_manifest_that_grants_nothing_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "role.yaml"
    file.write_text("kind: ConfigMap\n")
    with pytest.raises(ValueError, match=r"no ClusterRole in it grants anything"):
        needed(file)
    assert rights.MANIFEST.is_file()
