"""How long tenants live: as long as the fixture or the test that made them.

A run's VMs need not all fit on the cluster at once, and what is taken away beside the next scenario is not waited for.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import pytest

from conformance.evidence import note
from conformance.kube.errors import ApiError
from conformance.makers import of_fixture
from conformance.tenancy import Tenants


@dataclass(eq=False)  # pytest keeps its plugins in sets
class Lifetimes:
    """pytest plugin of a process that runs tests, for as long as it has tenants."""

    tenants: Tenants

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[object]) -> None:
        """A fixture is over."""
        self._let_go(of_fixture(fixturedef))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """A test is over; its fixtures follow."""
        self._let_go(item.nodeid)

    def _let_go(self, maker: Hashable) -> None:
        try:
            self.tenants.let_go(maker)
        except ApiError as error:
            # What is left is deleted again when the session ends, and an error is the run's there.
            note(f"cannot be removed yet: {error}")
