"""What is there of the baseline that was prepared before the upgrade."""

import pytest

from conformance.upgrade.after import After


@pytest.fixture(scope="package")
def after(cluster, run):
    """The baseline's VMs."""
    after = After.of(cluster, run.baseline)
    yield after
    after.close()
