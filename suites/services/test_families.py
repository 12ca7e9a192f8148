"""The address families of services."""

from ipaddress import ip_address

import pytest

from conformance import verifies
from conformance.kube.errors import refusal_of

pytestmark = pytest.mark.xdist_group("services")

SELECTOR = {"app": "nobody"}


def families_of(service):
    """The families of a service's cluster addresses, which its spec must name in the same order."""
    spec = service.read()["spec"]
    given = [f"IPv{ip_address(address).version}" for address in service.addresses]
    assert given == spec["ipFamilies"], f"{service}: addresses {service.addresses}, families {spec['ipFamilies']}"
    assert spec["clusterIP"] == service.address, f"{service}: clusterIP {spec['clusterIP']} of {service.addresses}"
    return given


@verifies("services/ip-family-policy")
def test_the_family_policy_is_kept(bare, run):
    dual = run.features.has("ipv6")
    ask = bare.service

    [first] = families_of(ask("default", SELECTOR))
    policies = {"SingleStack": [first], "PreferDualStack": sorted(("IPv4", "IPv6"), key=first.__ne__)}
    for policy, families in policies.items():
        service = ask(policy.lower(), SELECTOR, ipFamilyPolicy=policy)
        expected = families if dual else [first]
        assert families_of(service) == expected, f"{service}, {policy}: {families_of(service)}, expected {expected}"
        assert service.read()["spec"]["ipFamilyPolicy"] == policy, f"{service}: {policy} became something else"


@verifies("services/ip-family-policy")
def test_families_come_in_the_order_asked_for(bare, run):
    ask = bare.service
    [first] = families_of(ask("lone", SELECTOR))
    orders = (["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"]) if run.features.has("ipv6") else ([first],)
    for number, order in enumerate(orders):
        policy = "RequireDualStack" if len(order) > 1 else "SingleStack"
        service = ask(f"ordered-{number}", SELECTOR, ipFamilyPolicy=policy, ipFamilies=order)
        assert families_of(service) == order, f"{service}: {families_of(service)}, asked for {order}"


@verifies("services/ip-family-policy")
def test_what_cannot_be_given_is_refused(bare, run):
    ask = bare.service
    refused(ask, "ipFamilyPolicy", ipFamilies=["IPv4", "IPv6"], ipFamilyPolicy="SingleStack")
    if run.features.has("ipv6"):
        return
    [first] = families_of(ask("alone", SELECTOR))
    other = {"IPv4": "IPv6", "IPv6": "IPv4"}[first]
    refused(ask, "not configured for dual-stack", ipFamilyPolicy="RequireDualStack")
    refused(ask, "not configured", ipFamilies=[other])
    refused(ask, "", ipFamilies=[first, other], ipFamilyPolicy="RequireDualStack")


def refused(ask, reason, **spec):
    """The API does not take such a service, and says why."""
    refusal = refusal_of(lambda: ask("refused", SELECTOR, **spec))
    assert refusal is not None, f"the API takes a service with {spec}"
    assert reason in str(refusal), f"a service with {spec} is refused, but not as {reason!r}: {refusal}"
