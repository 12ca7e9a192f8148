"""Tenants go with the fixture or the test that made them."""

from __future__ import annotations

from tests.plugin.conftest import Suites

CONFTEST = '''
import pytest

from conformance.kube.errors import ApiError
from conformance.lifetimes import Lifetimes
from conformance.makers import MAKERS

LEDGER = []


class Ledger:
    """Notes who makes what, and what is let go."""

    def __init__(self):
        self.made = []

    def make(self, name):
        self.made.append((MAKERS.innermost(), name))
        LEDGER.append(f"+{name}")

    def let_go(self, maker):
        for each in [each for each in self.made if each[0] == maker]:
            self.made.remove(each)
            LEDGER.append(f"-{each[1]}")
            if each[1] == "stubborn":
                raise ApiError("the API is away")


@pytest.fixture(scope="session")
def tenants(pytestconfig):
    made = Ledger()
    pytestconfig.pluginmanager.register(Lifetimes(made))
    yield made
    LEDGER.append("end")


@pytest.fixture(scope="session")
def lasting(tenants):
    tenants.make("lasting")


@pytest.fixture(scope="module")
def scenario(tenants, lasting):
    tenants.make("scenario")


@pytest.fixture(params=["one", "other"])
def turn(request, tenants, scenario):
    tenants.make(request.param)


def pytest_unconfigure():
    print("\\nledger:", *LEDGER)
'''
TESTS = """
@verifies("primary-l2/mtu")
def test_first(turn, tenants):
    tenants.make("own")


@verifies("primary-l2/same-node")
def test_second(scenario, tenants):
    tenants.make("stubborn")
    raise AssertionError
"""
MORE_TESTS = """
@verifies("primary-l2/address-by-dhcp")
def test_third(lasting, tenants):
    tenants.make("third")
"""


def test_what_is_made_lives_as_long_as_its_maker(suites: Suites) -> None:
    (suites.folder / "conftest.py").write_text(CONFTEST)
    suites.write("test_a.py", TESTS)
    suites.write("test_b.py", MORE_TESTS)

    result = suites.run("-p", "no:randomly")

    assert result.status == 1, result.stdout
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("ledger:")]
    assert line.split()[1:] == [
        *("+lasting", "+scenario", "+one", "+own", "-own", "-one"),
        *("+other", "+own", "-own", "-other"),
        *("+stubborn", "-stubborn", "-scenario"),
        *("+third", "-third", "-lasting", "end"),
    ]
