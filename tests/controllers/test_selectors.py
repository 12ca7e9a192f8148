"""Label selectors."""

from __future__ import annotations

from typing import Any

import pytest

from lab.controllers.selectors import selects

LABELS = {"team": "blue", "tier": "7"}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({}, True),
        (None, False),
        ({"matchLabels": {"team": "blue"}}, True),
        ({"matchLabels": {"team": "blue", "zone": "a"}}, False),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["red", "blue"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["red"]}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["blue"]}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "Gt", "values": ["6"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "Lt", "values": ["6"]}]}, False),
        (
            {
                "matchLabels": {"team": "blue"},
                "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["7"]}],
            },
            False,
        ),
    ],
)
def test_selects(selector: dict[str, Any] | None, selected: bool) -> None:
    assert selects(selector, LABELS) is selected


def test_an_unknown_operator_is_an_error() -> None:
    with pytest.raises(ValueError, match="no such operator: Like"):
        selects({"matchExpressions": [{"key": "team", "operator": "Like"}]}, LABELS)
