"""The record of a baseline: the same after it was kept, and refused in one line when it is damaged."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.upgrade.baseline import BadBaseline, Baseline
from conformance.upgrade.names import is_name, namespace, run_id
from tests.upgrade.conftest import baseline


@given(st.lists(st.ip_addresses().map(str), max_size=3).map(tuple), st.text(max_size=20))
def test_what_is_kept_is_what_was_recorded(addresses: tuple[str, ...], mac: str) -> None:
    made = baseline(addresses, mac)
    assert Baseline.from_json(made.to_json()) == made


@given(st.data())
def test_a_record_that_was_damaged_is_refused(data: st.DataObject) -> None:
    text = baseline().to_json()
    kind = data.draw(st.sampled_from(["cut", "without", "other format", "machine"]))
    plain = json.loads(text)
    if kind == "cut":
        text = text[: data.draw(st.integers(0, len(text) - 1))]
    elif kind == "without":
        del plain[data.draw(st.sampled_from(sorted(plain)))]
        text = json.dumps(plain)
    elif kind == "other format":
        text = json.dumps(plain | {"format": 2})
    else:
        machine = plain["machines"][0]
        del machine[data.draw(st.sampled_from(sorted(machine)))]
        text = json.dumps(plain)
    with pytest.raises(BadBaseline) as refused:
        Baseline.from_json(text)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=25))
def test_a_name_that_is_taken_makes_valid_names_of_objects(name: str) -> None:
    if not is_name(name):
        return
    for made in (namespace(name), run_id(name)):
        assert len(made) <= 40
        assert made.replace("-", "").isalnum()
        assert made == made.lower().strip("-")


def test_it_tells_itself_in_one_line() -> None:
    assert str(baseline()) == (
        "baseline default of 2025-01-02T03:04:05+00:00: 1 VMs, 2 paths, 1 sessions; Kubernetes v1.33.0 then"
    )
