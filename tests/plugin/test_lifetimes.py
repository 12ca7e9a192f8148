"""Tenants go with the fixture or the test that made them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.plugin.conftest import environment

CONFTEST = '''
from contextlib import contextmanager

import pytest

from conformance.kube.errors import ApiError
from conformance.lifetimes import Lifetimes

LEDGER = []


class Ledger:
    """Notes who makes what, and what is let go."""

    def __init__(self):
        self.makers, self.made = [], []

    @contextmanager
    def made_by(self, maker):
        self.makers.append(maker)
        yield
        self.makers.pop()

    def make(self, name):
        self.made.append((self.makers[-1], name))
        LEDGER.append(f"+{name}")

    def let_go(self, maker):
        for each in [each for each in self.made if each[0] is maker]:
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
def test_first(turn, tenants):
    tenants.make("own")


def test_second(scenario, tenants):
    tenants.make("stubborn")
    raise AssertionError
"""


def test_what_is_made_lives_as_long_as_its_maker(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_a.py").write_text(TESTS)
    (tmp_path / "test_b.py").write_text("def test_third(lasting, tenants):\n    tenants.make('third')\n")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:randomly", "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
        check=False,
    )

    assert "1 failed, 3 passed" in done.stdout, done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("ledger:")]
    assert line.split()[1:] == [
        *("+lasting", "+scenario", "+one", "+own", "-own", "-one"),
        *("+other", "+own", "-own", "-other"),
        *("+stubborn", "-stubborn", "-scenario"),
        *("+third", "-third", "-lasting", "end"),
    ]
