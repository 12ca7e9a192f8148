"""What a NetworkPolicy cannot do: connect networks."""

import pytest

from conformance import verifies
from conformance.kube.policy_manifests import allow_ingress, pods, pods_of_namespace
from conformance.traffic import EVERY_WAY, cells, matrix
from conformance.verdicts import Lifted

pytestmark = pytest.mark.xdist_group("policy")


@verifies("limits/policy-across-udns-ineffective")
def test_allowing_a_namespace_of_another_network_does_not_connect_it(guarded, stranger):
    spec = allow_ingress([pods(), pods_of_namespace(stranger[0].namespace)])
    within = [*cells(guarded, guarded, EVERY_WAY, True), *cells(stranger, stranger, EVERY_WAY, True)]
    with matrix([*guarded, *stranger]) as traffic, guarded.tenant.policy("let-strangers-in", spec):
        traffic.check(within, "each network by itself")
        between = cells(stranger, guarded, EVERY_WAY, False)
        findings = traffic.look([*within, *between], "with let-strangers-in")
    wrong = [finding for finding in findings if not finding.as_expected]
    if connected := [finding for finding in wrong if not finding.cell.allowed]:
        raise Lifted(f"a policy connects two networks: {connected[0]}")
    assert not wrong, wrong[0]
