"""What a NetworkPolicy cannot do: connect networks."""

import pytest

from conformance import verifies
from conformance.kube.policy_manifests import allow_ingress, pods, pods_of_namespace
from conformance.traffic import EVERY_WAY, cells, matrix
from conformance.verdicts import Lifted

pytestmark = pytest.mark.xdist_group("policy")


@verifies("limits/policy-across-udns-ineffective")
def test_allowing_a_namespace_of_another_network_does_not_connect_it(guarded, other, stranger):
    spec = allow_ingress([pods(), pods_of_namespace(stranger[0].namespace)])
    with matrix([*guarded, *other, *stranger]) as traffic:
        neighbours = [*cells(guarded, guarded, EVERY_WAY, True), *cells(other, guarded, EVERY_WAY, True)]
        traffic.check([*neighbours, *cells(stranger, stranger, EVERY_WAY, True)], "each network by itself")
        with guarded.tenant.policy("let-strangers-in", spec):
            # Whom it does not name, it shuts out: so it is in force.
            traffic.check(cells(other, guarded, EVERY_WAY, False), "with let-strangers-in", "policy-effective")
            findings = traffic.look(cells(stranger, guarded, EVERY_WAY, False), "strangers with let-strangers-in")
    if connected := [finding for finding in findings if not finding.as_expected]:
        raise Lifted(f"a policy connects two networks: {connected[0]}")
