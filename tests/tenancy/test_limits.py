"""Limits are data; what cannot be meant is refused with a hint."""

import pytest

from conformance.limits import Limits, UnknownLimit


def test_defaults_and_overrides():
    assert Limits.load().migration_silence == 2.0
    assert Limits.load(["migration-silence=0.5"]).migration_silence == 0.5


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("migration-silense=1", "did you mean migration-silence"),
        ("migration-silence", "no positive number"),
        ("migration-silence=-1", "no positive number"),
        ("migration-silence=nan", "no positive number"),
        ("migration-silence=soon", "no positive number"),
    ],
)
def test_what_cannot_be_meant_is_refused(override, says):
    with pytest.raises(UnknownLimit, match=says):
        Limits.load([override])
