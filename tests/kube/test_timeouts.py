"""Names of time limits, and their scale."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from conformance import timeouts
from conformance.timeouts import Timeouts, UnknownTimeout

NAMED = re.compile(r"""timeouts\[f?["']([a-z-]+)["']\]|timeout(?:: str(?: \| float)?)? ?= ?["']([a-z-]+)["']""")


def test_every_limit_is_positive_and_says_why():
    entries = yaml.safe_load(timeouts.FILE.read_text())
    for name, entry in entries.items():
        assert set(entry) == {"seconds", "why"}, name
        assert entry["seconds"] > 0
        assert len(entry["why"]) > 20, name


def test_limits_are_scaled_and_replaced_by_name():
    limits = Timeouts.load(scale=2, overrides={"login": 1})
    assert limits["login"] == 2
    assert limits["vm-running"] == 2 * Timeouts.load()["vm-running"]


def test_unknown_names_are_refused_with_those_that_come_near():
    with pytest.raises(UnknownTimeout, match=r"unknown time-out 'vm-runing'; did you mean vm-running"):
        Timeouts.load()["vm-runing"]
    with pytest.raises(UnknownTimeout, match="vm-runing"):
        Timeouts.load(overrides={"vm-runing": 3})


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), True, "5"])
def test_values_that_are_no_seconds_are_refused(value):
    with pytest.raises(ValueError, match=r"time-out (login|scale) must be a positive number"):
        Timeouts.load(overrides={"login": value})


@pytest.mark.parametrize("scale", [0, -1, float("inf"), float("nan")])
def test_scales_that_are_no_numbers_are_refused(scale):
    with pytest.raises(ValueError, match="scale"):
        Timeouts.load(scale=scale)


def test_every_name_in_the_library_exists():
    known = Timeouts.load()
    for path in Path(timeouts.__file__).parent.rglob("*.py"):
        for match in NAMED.finditer(path.read_text()):
            name = match[1] or match[2]
            assert name in known, f"{path.name} names time-out {name}"
