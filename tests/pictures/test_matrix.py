"""The picture of a matrix: every path stands in it twice, and what is wrong is marked and told."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from conformance.pictures import draw, standalone
from conformance.pictures.matrix import alternative
from conformance.pictures.names import labels

NAMES = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=60)
ENDS = st.builds(dict, name=NAMES, address=st.sampled_from(["10.0.0.1", "10.0.0.2", "fd00::1"]), node=NAMES)
PATHS = st.builds(
    dict,
    client=ENDS,
    server=ENDS,
    protocol=st.sampled_from(["icmp", "tcp", "udp"]),
    port=st.none() | st.integers(1, 65535),
    expected=st.sampled_from(["reached", "blocked"]),
    observed=st.sampled_from(["reached", "arrived", "blocked"]),
    how=NAMES,
)


def end(name: str, node: str = "worker-1") -> dict[str, str]:
    return {"name": name, "address": "10.0.0.1", "node": node}


def path(client: str, server: str, expected: str, observed: str, port: int | None = 80) -> dict[str, Any]:
    told = {"protocol": "icmp" if port is None else "tcp", "port": port, "how": ""}
    return told | {"client": end(client), "server": end(server), "expected": expected, "observed": observed}


def matrix(*paths: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "matrix", "title": "with a policy", "at": "2025-01-02T03:04:05.000Z", "paths": list(paths)}


def with_class(svg: str, css: str) -> list[ElementTree.Element]:
    return [each for each in ElementTree.fromstring(svg).iter() if each.get("class") == css]


def test_each_path_stands_on_both_sides_and_what_is_wrong_is_marked_on_each() -> None:
    drawn = draw(
        matrix(
            path("ns/a", "ns/b", "reached", "reached"),
            path("ns/b", "ns/a", "blocked", "reached"),
            path("ns/b", "ns/a", "blocked", "arrived", None),
        )
    )
    (frames,) = with_class(drawn, "p-cell")
    assert frames.get("d", "").count("M") == 6
    signs = {css: with_class(drawn, css)[0].get("d", "").count("M") for css in ("p-open", "p-shut", "p-half")}
    assert signs == {"p-open": 3 + 1, "p-shut": 2 + 1, "p-half": 1 + 1} or signs == {
        "p-open": 3,
        "p-shut": 2,
        "p-half": 1,
    }
    assert len(with_class(drawn, "p-meant")) == len(with_class(drawn, "p-wrong")) == 2
    # On top of the colour: a sign.
    assert [each.text for each in with_class(drawn, "p-flag-text")] == ["!"] * 3
    texts = [each.text for each in ElementTree.fromstring(drawn).iter() if each.tag.endswith("text")]
    assert {"expected", "observed", "tcp/80", "icmp", "a · worker-1"} <= set(texts)


def test_whoever_does_not_see_it_is_told_what_is_wrong() -> None:
    wrong = path("ns/b", "ns/a", "blocked", "reached")
    told = alternative(matrix(path("ns/a", "ns/b", "reached", "reached"), wrong))
    assert "1 of 2 paths are not as expected: tcp/80 from ns/b to ns/a: expected blocked, observed reached." in told
    assert alternative(matrix(path("ns/a", "ns/b", "reached", "reached"))).endswith("all 1 paths are as expected.")


def test_names_lose_what_all_have_in_common_and_no_more() -> None:
    ends = [end(name) for name in ("udn-run-0-1-red/vm-a", "udn-run-0-1-red/vm-b")]
    assert list(labels(ends).values()) == ["vm-a", "vm-b"]
    ends.append(end("udn-run-0-2-blue/vm-a"))
    assert list(labels(ends).values()) == ["1-red/vm-a", "1-red/vm-b", "2-blue/vm-a"]
    twice = [end("vm-a"), end("vm-a") | {"address": "10.0.0.9"}]
    assert list(labels(twice).values()) == ["vm-a 10.0.0.1", "vm-a 10.0.0.9"]


@given(st.lists(PATHS, max_size=8))
def test_whatever_is_named_the_picture_is_well_formed(paths: list[dict[str, Any]]) -> None:
    drawn = standalone(draw(matrix(*paths)))
    assert ElementTree.fromstring(drawn).get("role") == "img"
