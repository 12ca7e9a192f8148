"""The scenario of this profile: VMs on a primary network, beside those on the cluster network (fixture ``plain``)."""

from dataclasses import dataclass

import pytest

from conformance.kube.machine_manifests import asking
from conformance.machines.vm import VirtualMachine
from conformance.side_by_side import side_by_side
from conformance.tenancy.tenant import Tenant
from fixtures.plain import SSH


@dataclass(frozen=True)
class Caged:
    """A tenant with a primary network."""

    tenant: Tenant
    machine: VirtualMachine
    probed: VirtualMachine
    """Its probes ask its SSH server, as those of ``plain.open`` do."""


@pytest.fixture(scope="package")
def caged(tenants):
    """Two VMs on a primary network."""
    tenant = tenants.primary_layer2("caged")
    machine = tenant.machine("vm-caged")
    probed = tenant.machine("vm-probed", probes=asking(SSH))
    side_by_side([machine.wait_ready, probed.wait_booted])
    return Caged(tenant, machine, probed)
