"""The scenarios of this profile."""

import pytest


@pytest.fixture(scope="package")
def pair(tenants):
    """Two VMs on different nodes of one network with persistent addresses; tests move them."""
    return tenants.primary_layer2("moving").pair().ready()


@pytest.fixture(scope="package")
def subject(tenants):
    """Two VMs on different nodes; the first is rebooted, restarted and stopped by the tests."""
    return tenants.primary_layer2("living").pair().ready()
