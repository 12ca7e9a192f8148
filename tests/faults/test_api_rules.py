"""What faults take out of networks' kinds, and that they take nothing else."""

import json

import pytest

from lab.controllers import manifests
from lab.faults import definitions
from lab.faults.seams import Faults

KINDS = [obj for obj in manifests.load() if obj["kind"] == "CustomResourceDefinition"]
NETWORKS = [obj for obj in KINDS if obj["spec"]["group"] == "k8s.ovn.org"]


@pytest.fixture
def altered(tmp_path):
    def alter(fault, crd):
        definitions.lift_all(tmp_path)
        (tmp_path / "faults.json").write_text(json.dumps([fault]))
        return Faults(tmp_path).alter("api.CustomResourceDefinition", crd)

    return alter


@pytest.mark.parametrize(
    ("fault", "gone"),
    [
        ("network-editable", "immutable"),
        ("persistent-without-subnets", "Subnets is required with"),
        ("two-subnets-of-one-family", "different IP families"),
        ("malformed-subnets", "CIDR is invalid"),
        ("mtu-without-least", '"minimum": 576'),
        ("mtu-without-greatest", '"maximum": 65536'),
        ("any-role", '"Primary", "Secondary"'),
        ("any-topology", '"Layer2", "Layer3"'),
        ("topology-without-its-settings", "forbidden otherwise"),
    ],
)
@pytest.mark.parametrize("crd", NETWORKS, ids=lambda crd: crd["spec"]["names"]["kind"])
def test_the_rule_is_gone_from_both_kinds(altered, fault, gone, crd):
    before = json.dumps(crd)
    assert gone in before
    assert gone not in json.dumps(altered(fault, crd))
    assert json.dumps(crd) == before, "the manifest itself was changed"


@pytest.mark.parametrize("crd", [crd for crd in KINDS if crd not in NETWORKS], ids=lambda crd: crd["metadata"]["name"])
def test_other_kinds_stay_as_they_are(altered, crd):
    assert altered("network-editable", crd) == crd
