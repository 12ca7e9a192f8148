"""Which faults are planted in a go."""

import re

import pytest

from conformance.prove import plan
from conformance.prove.faults import Fault
from conformance.prove.plan import Part, of_part, part, proofs


def fault(name: str, *breaks: str) -> Fault:
    return Fault(name, f"{name} is wrong", breaks, re.compile("x"))


FAULTS = [
    fault("leak", "l2/isolated"),
    fault("lost", "l2/mtu", "l2/udp"),
    fault("late", "move/silence", "untested/one"),
]
TESTED = ["l2/isolated", "l2/mtu", "l2/udp", "move/silence"]


def names(planned):
    return {each.fault.name: each.requirements for each in planned}


def test_all_are_planned_and_what_has_no_test_is_left_out():
    everything = {"leak": ("l2/isolated",), "lost": ("l2/mtu", "l2/udp"), "late": ("move/silence",)}
    assert names(proofs(FAULTS, TESTED, [])) == everything


def test_patterns_name_requirements_or_faults():
    assert names(proofs(FAULTS, TESTED, ["*/mtu"])) == {"lost": ("l2/mtu",)}
    assert names(proofs(FAULTS, TESTED, ["lo*"])) == {"lost": ("l2/mtu", "l2/udp")}
    assert names(proofs(FAULTS, TESTED, ["leak", "move/*"])) == {"leak": ("l2/isolated",), "late": ("move/silence",)}


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_parts_are_the_whole(count):
    planned = proofs(FAULTS, TESTED, [])
    visited = [each for index in range(1, count + 1) for each in of_part(planned, Part(index, count))]
    assert sorted(each.fault.name for each in visited) == sorted(each.fault.name for each in planned)


def test_a_part_is_said_in_full():
    assert part("2/3") == Part(2, 3)
    for wrong in ("0/3", "4/3", "3", "a/b", "1/0", "auto/0", "auto/x"):
        with pytest.raises(ValueError, match=r"part .* is none|invalid literal"):
            part(wrong)


def test_the_automatic_part_moves_on_with_the_runs_of_a_ci(monkeypatch):
    visited = set()
    for number in range(7, 7 + 4):
        monkeypatch.setenv("GITHUB_RUN_NUMBER", str(number))
        visited.add(part("auto/4").index)
    assert visited == {1, 2, 3, 4}


def test_without_a_ci_the_day_decides(monkeypatch):
    for name in plan._RUN_NUMBERS:
        monkeypatch.delenv(name, raising=False)
    assert 1 <= part("auto").index <= plan.AUTO_PARTS


def test_rehearsals_of_an_upgrade_begin_first():
    planned = proofs(
        [fault("a", "primary-l2/mtu"), fault("b", "upgrade/sessions-during"), fault("c", "policy/default-deny")],
        ["primary-l2/mtu", "upgrade/sessions-during", "policy/default-deny"],
        [],
    )
    assert [each.fault.name for each in plan.longest_first(planned)] == ["b", "a", "c"]
