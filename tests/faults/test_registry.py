"""The faults as such: complete, well formed, each with something that it does."""

import re

import pytest

from conformance.catalog.index import scan
from conformance.catalog.loader import catalog
from conformance.cli import suites_folder
from lab.faults import definitions, registry, seams

ALL = definitions.all_faults()
#: Profiles whose every requirement with a test has a fault that it is proved to catch.
PROVED = ("udn-api", "primary-l2", "persistence", "primary-cudn", "primary-l3", "default-network", "upgrade")
#: Features that the lab has not: what needs them is not applicable there, and cannot be broken.
LACKING = {"passt", "ipv6", "jumbo-frames"}


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.name)
def test_it_breaks_what_there_is(fault):
    assert fault.breaks, "it breaks nothing"
    assert set(fault.breaks) <= set(catalog().ids)
    assert not re.search(fault.message, ""), "its pattern matches anything"


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.name)
def test_it_does_something(fault):
    names = {fault.name, fault.during_upgrade.name}
    assert any(names & set(functions) for functions in seams._REGISTRY.values())


def test_every_requirement_with_a_test_has_a_fault():
    index = scan(suites_folder(), catalog())
    known = catalog()
    tested = {id for id in known.ids if index.of(id) and id.partition("/")[0] in PROVED}
    tested -= {id for id in tested if LACKING & set(known[id].needs)}
    assert tested - {id for fault in ALL for id in fault.breaks} == set()


def test_names_are_given_once_and_patterns_are_checked():
    taken = ALL[0].name
    with pytest.raises(ValueError, match=f"two faults {taken}"):
        registry.fault(taken, "says", "udn-api/immutable", message="x")
    with pytest.raises(ValueError, match="is no pattern"):
        registry.fault("never-defined", "says", "udn-api/immutable", message="(")


def test_planting_and_lifting_are_written_down(tmp_path):
    one, two = "label-not-required", "udp-lost"
    definitions.plant(tmp_path, one)
    definitions.plant(tmp_path, two)
    definitions.plant(tmp_path, one)
    assert definitions.planted(tmp_path) == [two, one]
    assert definitions.changes(tmp_path) == 2
    definitions.lift(tmp_path, two)
    with pytest.raises(definitions.NotPlanted, match=f"{two} is not planted; planted: {one}"):
        definitions.lift(tmp_path, two)
    with pytest.raises(definitions.UnknownFault, match="there is no fault nonsense"):
        definitions.plant(tmp_path, "nonsense")
    definitions.lift_all(tmp_path)
    definitions.lift_all(tmp_path)
    assert definitions.planted(tmp_path) == []
    assert definitions.changes(tmp_path) == 4


def test_a_planted_fault_works_at_once_and_no_longer_than_it_is_planted(tmp_path):
    faults = seams.Faults(tmp_path)
    assert faults.decide("udn.label-required", True, namespace="any") is True
    definitions.plant(tmp_path, "label-not-required")
    assert faults.decide("udn.label-required", True, namespace="any") is False
    definitions.lift_all(tmp_path)
    assert faults.decide("udn.label-required", True, namespace="any") is True


def test_a_fault_that_waits_for_an_upgrade_acts_while_one_is_played(tmp_path):
    point, facts = "addresses.keep-on-migration", {"network": "n", "namespace": "ns", "pod": "p"}
    asked = seams.Faults(tmp_path)
    definitions.plant(tmp_path, "upgrade-changes-one-address")
    assert asked.decide(point, True, port="vm-a", **facts) is True
    with definitions.played(tmp_path):
        assert asked.decide(point, True, port="vm-a", **facts) is False
        assert asked.decide(point, True, port="vm-b", **facts) is True
    assert asked.decide(point, True, port="vm-a", **facts) is True
    assert definitions.planted(tmp_path) == ["upgrade-changes-one-address"]
