"""Which families and cluster addresses the API server gives to a Service, on clusters of one family and of both."""

from __future__ import annotations

import copy
from ipaddress import ip_address

import pytest

from lab.apiserver.behaviours.services import ServiceBehaviour
from lab.apiserver.store import Store
from lab.config import SERVICE_SUBNETS

PORTS = [{"port": 80}]
BOTH = ["IPv4", "IPv6"]


def made(dual, **spec):
    """A Service after its creation, and the fields in which it is wrong."""
    behaviour = ServiceBehaviour(SERVICE_SUBNETS if dual else SERVICE_SUBNETS[:1])
    service = {"metadata": {"name": "s", "namespace": "n", "uid": "u"}, "spec": {"ports": copy.deepcopy(PORTS), **spec}}
    behaviour.prepare_create(Store(), service)
    return service, [cause.field for cause in behaviour.faults(service, None)]


def families(service):
    spec = service["spec"]
    given = [f"IPv{ip_address(address).version}" for address in spec["clusterIPs"]]
    assert given == spec["ipFamilies"]
    assert spec["clusterIP"] == spec["clusterIPs"][0]
    return given


@pytest.mark.parametrize(
    ("dual", "asked", "given", "policy"),
    [
        (False, {}, ["IPv4"], "SingleStack"),
        (True, {}, ["IPv4"], "SingleStack"),
        (False, {"ipFamilyPolicy": "PreferDualStack"}, ["IPv4"], "PreferDualStack"),
        (True, {"ipFamilyPolicy": "PreferDualStack"}, BOTH, "PreferDualStack"),
        (True, {"ipFamilyPolicy": "RequireDualStack"}, BOTH, "RequireDualStack"),
        (False, {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": BOTH}, ["IPv4"], "PreferDualStack"),
        (True, {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6"]}, BOTH[::-1], "PreferDualStack"),
        (True, {"ipFamilies": BOTH[::-1]}, BOTH[::-1], "RequireDualStack"),
        (True, {"ipFamilies": ["IPv6"]}, ["IPv6"], "SingleStack"),
        (True, {"clusterIP": "fd00:10:96::9"}, ["IPv6"], "SingleStack"),
        (True, {"clusterIP": "10.96.0.9", "ipFamilyPolicy": "PreferDualStack"}, BOTH, "PreferDualStack"),
    ],
)
def test_families_given(dual, asked, given, policy):
    service, faults = made(dual, **asked)
    assert faults == []
    assert families(service) == given
    assert service["spec"]["ipFamilyPolicy"] == policy
    assert asked.get("clusterIP", service["spec"]["clusterIP"]) == service["spec"]["clusterIP"]


@pytest.mark.parametrize(
    ("dual", "asked", "wrong"),
    [
        (False, {"ipFamilyPolicy": "RequireDualStack"}, "spec.ipFamilyPolicy"),
        (False, {"ipFamilies": ["IPv6"]}, "spec.ipFamilies[0]"),
        (False, {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6"]}, "spec.ipFamilies[0]"),
        (True, {"ipFamilyPolicy": "SingleStack", "ipFamilies": BOTH}, "spec.ipFamilyPolicy"),
        (True, {"clusterIP": "10.96.0.9", "ipFamilies": ["IPv6"]}, "spec.clusterIPs[0]"),
    ],
)
def test_what_cannot_be_given_is_refused(dual, asked, wrong):
    assert wrong in made(dual, **asked)[1]


def test_the_policy_of_a_service_may_change():
    behaviour = ServiceBehaviour(SERVICE_SUBNETS)
    old, _ = made(True)
    new = copy.deepcopy(old)
    new["spec"]["ipFamilyPolicy"] = "PreferDualStack"
    behaviour.prepare_update(Store(), "", new, old)
    assert families(new) == BOTH
    assert new["spec"]["clusterIP"] == old["spec"]["clusterIP"]
    again = copy.deepcopy(new)
    again["spec"]["ipFamilyPolicy"] = "SingleStack"
    behaviour.prepare_update(Store(), "", again, new)
    assert families(again) == ["IPv4"]
    assert behaviour.faults(again, new) == []
