"""When a fault counts as found, and a requirement as sound again."""

import re

import pytest

from conformance.prove.judging import catches, holds
from conformance.prove.runs import Finding
from conformance.verdicts import Verdict

MESSAGE = re.compile(r"icmp \S+ -> \S+: lost")


def failing(reason: str, verdict: Verdict = Verdict.FAILED) -> Finding:
    return Finding(verdict, (("test_paths.py::test_one", verdict, reason),))


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.LIFTED])
def test_a_failure_that_names_what_broke_is_a_proof(verdict):
    judged = catches(failing("icmp a/b -> c/d: lost 5 of 5", verdict), MESSAGE)
    assert (judged.proved, judged.why) == (True, "icmp a/b -> c/d: lost 5 of 5")


def test_one_test_of_several_is_enough():
    reasons = (
        ("test_one", Verdict.FAILED, "something else"),
        ("test_two", Verdict.FAILED, "icmp a -> b: lost"),
        ("test_three", Verdict.BLOCKED, "set-up broke"),
    )
    assert catches(Finding(Verdict.FAILED, reasons), MESSAGE).proved


@pytest.mark.parametrize(
    ("finding", "why"),
    [
        (None, "says nothing"),
        (Finding(Verdict.PASSED), "passed, not failed"),
        (Finding(Verdict.EXCLUDED), "excluded, not failed"),
        (failing("set-up broke: icmp a -> b: lost", Verdict.BLOCKED), "blocked, not failed: set-up broke"),
        (failing("another reason"), "does not match .*: another reason"),
        (failing("AttributeError: icmp a -> b: lost"), "the test itself crashed: AttributeError"),
        (failing("KeyError: 'binding'"), "crashed"),
    ],
)
def test_anything_else_is_none(finding, why):
    judged = catches(finding, MESSAGE)
    assert not judged.proved
    assert re.search(why, judged.why), judged.why


def test_an_error_of_the_suites_own_kind_is_no_crash():
    assert catches(failing("MigrationFailed: icmp a -> b: lost"), MESSAGE).proved


@pytest.mark.parametrize("verdict", [Verdict.PASSED, Verdict.CONFIRMED])
def test_without_the_fault_a_requirement_holds(verdict):
    assert holds(Finding(verdict)).proved


@pytest.mark.parametrize("finding", [None, Finding(Verdict.EXCLUDED), failing("icmp"), failing("x", Verdict.BLOCKED)])
def test_without_the_fault_all_else_is_trouble(finding):
    assert not holds(finding).proved
