"""The tempo of a lab, as it is written on the command line."""

from __future__ import annotations

import pytest

from lab.config import Conduct, Families, LabConfig, Start
from lab.pace import Pace


@pytest.mark.parametrize(
    ("text", "pace"),
    [
        ("", Pace()),
        ("boot=40s,migrate=15s,api=50ms", Pace(40, 15, 0.05)),
        ("boot=1.5m", Pace(boot=90)),
        ("api=50ms, boot=2s", Pace(boot=2, api=0.05)),
    ],
)
def test_paces(text: str, pace: Pace) -> None:
    assert Pace.parse(text) == pace
    assert Pace.parse(str(pace)) == pace


@pytest.mark.parametrize("text", ["boot", "boot=40", "walk=3s", "boot=-1s", "boot=fast"])
def test_what_is_no_pace_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="write api, boot, migrate = a time such as 40s or 50ms"):
        Pace.parse(text)


def test_a_lab_keeps_its_conduct(tmp_path) -> None:
    conduct = Conduct(Start.COLD, Pace(boot=3), 7, Families.IPV4)
    LabConfig.new("blue", 1, tmp_path, conduct).save()
    assert LabConfig.load(tmp_path).conduct == conduct
