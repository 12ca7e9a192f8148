"""The API's own rules for networks: what it refuses, in which words, and what it accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.controllers.manifests import load
from lab.refusals import Refused
from lab.resources import CUDNS, UDNS, Resource
from tests.controllers.cluster import Cluster
from tests.controllers.conftest import Run

Object = dict[str, Any]

CASES = yaml.safe_load(Path(__file__).with_name("refusals.yaml").read_text())


def network(case: Object) -> tuple[Resource, Object]:
    if case.get("cluster"):
        return CUDNS, {"metadata": {"name": "case"}, "spec": {"namespaceSelector": {}, "network": case["network"]}}
    return UDNS, {"metadata": {"name": "case", "namespace": "default"}, "spec": case["network"]}


async def dry_run(cluster: Cluster, resource: Resource, obj: Object) -> None:
    body = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
    path = resource.path(obj["metadata"].get("namespace"))
    await cluster.client.request("POST", path, body, params={"dryRun": "All"})


async def dry_change(cluster: Cluster, name: str, spec: Object) -> None:
    body = [{"op": "replace", "path": "/spec", "value": spec}]
    path = UDNS.path("d-change", name)
    await cluster.client.request("PATCH", path, body, {"dryRun": "All"}, "application/json-patch+json")


def test_what_is_refused(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        wrong = []
        for case in CASES["refused"]:
            try:
                await dry_run(cluster, *network(case))
            except Refused as error:
                if error.code != 422 or case["says"] not in error.message:
                    wrong.append(f"{case['network']}: {error}")
            else:
                wrong.append(f"{case['network']}: accepted, though: {case['says']}")
        assert wrong == []

    run(story)


def test_what_is_accepted(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        for case in CASES["accepted"]:
            await dry_run(cluster, *network(case))

    run(story)


def test_what_may_change(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("d-change", labelled=False)
        for number, case in enumerate(CASES["changes"]):
            place = {"name": f"case-{number}", "namespace": "d-change"}
            await cluster.client.create(UDNS, {"metadata": place, "spec": case["from"]})
            if not case["says"]:
                await dry_change(cluster, place["name"], case["to"])
                continue
            with pytest.raises(Refused) as refused:
                await dry_change(cluster, place["name"], case["to"])
            assert refused.value.code == 422
            assert case["says"] in refused.value.message

    run(story)


def test_kinds_without_a_place_are_told(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("kind: Deployment\nmetadata: {name: a}\n")
    with pytest.raises(ValueError, match=r"other\.yaml: no place is known for kind Deployment"):
        load(tmp_path)
