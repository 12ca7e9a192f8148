"""What stands on report.html, and in which order: the cause first, both ends named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from conformance.catalog.model import Catalog
from conformance.results import conformance_report, html
from conformance.results.page.alarms import alarms
from conformance.results.page.drawings import drawings
from conformance.results.page.ends import in_common, wrong_paths
from conformance.results.requirements import judge_all
from conformance.results.run import Run
from conformance.traffic.peers import line


@dataclass
class Spot:
    name: str
    address: str
    node: str

    def __str__(self) -> str:
        return self.name


HERE, THERE = Spot("ns/vm-a", "10.0.0.3", "worker-1"), Spot("service ns/web", "fd00::7", "cluster")


def path(client: str, server: str, protocol: str, observed: str) -> dict[str, Any]:
    ends = {name: {"name": name, "address": "10.0.0.1", "node": f"on-{name}"} for name in (client, server)}
    told = {"client": ends[client], "server": ends[server], "protocol": protocol, "port": None, "how": ""}
    return told | {"expected": "reached", "observed": observed}


@pytest.mark.parametrize("port", [None, 80])
def test_the_ends_of_a_message_are_found(port: int | None) -> None:
    reason = f"with a policy: {line('tcp', HERE, THERE, port)}: not reached: timed out; first cause: OSError"
    (found,) = wrong_paths(reason, [])
    assert (found.way, found.client, found.client_place) == ("tcp", "ns/vm-a", "10.0.0.3, worker-1")
    assert found.server == "service ns/web"
    assert found.server_place == ("fd00::7, cluster" if port is None else "[fd00::7]:80, cluster")
    assert found.how == "not reached: timed out"


def test_a_message_without_ends_names_none() -> None:
    assert wrong_paths("the guest's MTU is 1342 (not 1400)", []) == []


def test_what_wrong_paths_have_in_common_is_told_where_others_differ() -> None:
    paths = [path("a", "b", "tcp", "reached"), path("a", "b", "udp", "blocked"), path("b", "a", "udp", "blocked")]
    assert in_common([{"kind": "matrix", "paths": paths}]) == ["by udp"]
    paths = [path("a", "b", "tcp", "blocked"), path("a", "c", "tcp", "blocked"), path("b", "c", "tcp", "reached")]
    assert in_common([{"kind": "matrix", "paths": paths}]) == ["from a"]
    assert in_common([{"kind": "matrix", "paths": paths[1:]}]) == []


@pytest.fixture
def requirements(catalog: Catalog, run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = conformance_report.build(catalog, run, judge_all(catalog, run))["requirements"]
    return found


def test_failures_come_first_and_one_cause_is_told_once(requirements: list[dict[str, Any]]) -> None:
    verdicts = [alarm.verdict for alarm in alarms(requirements)]
    assert verdicts == ["failed", "lifted", "blocked"]
    good = next(each for each in requirements if each["id"] == "sample/good")
    broken = next(each for each in requirements if each["id"] == "sample/broken")
    same = good | {"verdict": "blocked", "reason": broken["reason"]}
    *_, last = alarms([*requirements, same])
    assert [each["id"] for each in last.requirements] == ["sample/broken", "sample/good"]


def test_the_first_cause_stands_in_front(requirements: list[dict[str, Any]]) -> None:
    bad = next(each for each in requirements if each["id"] == "sample/bad")
    reason = "set-up broke: TimedOut: no VM; first cause: Refused: quota exceeded"
    (alarm,) = alarms([bad | {"reason": reason}])
    assert (alarm.cause, alarm.seen) == ("Refused: quota exceeded", "set-up broke: TimedOut: no VM")


def test_a_failure_shows_its_paths_and_what_they_have_in_common(requirements: list[dict[str, Any]]) -> None:
    alarm, *_ = alarms(requirements)
    assert [(each.way, each.client, each.server, each.observed) for each in alarm.paths] == [
        ("tcp/80", "ns/vm-a", "ns/vm-b", "blocked"),
        ("icmp", "ns/vm-a", "ns/vm-c", "arrived"),
        ("tcp/80", "ns/vm-b", "ns/vm-c", "reached"),
    ]
    assert alarm.paths[0].client_place == "10.0.0.3, worker-2"


def test_a_migration_and_the_session_over_it_are_one_picture(requirements: list[dict[str, Any]]) -> None:
    good = next(each for each in requirements if each["id"] == "sample/good")
    (drawn,) = drawings(good["tests"][0]["exhibits"])
    assert drawn.caption == "migration of ns/vm-b, session measured at ns/vm-a"
    assert any("longest silence 1.55 s" in line for line in drawn.lines)


def test_many_that_one_thing_befell_do_not_hide_it(catalog: Catalog, run: Run) -> None:
    document = conformance_report.build(catalog, run, judge_all(catalog, run))
    for each in document["requirements"]:
        each |= {"verdict": "blocked", "reason": "set-up broke: no node has room"}
        for test in each["tests"]:
            test["verdict"] = "blocked"
    text = html.render(document)
    assert text.count('<article class="card"') == 1
    assert text.index("no node has room") < text.index("The same befell 7 more")
    assert "and 3 more tests" in text


def test_a_run_without_a_test_has_a_page(catalog: Catalog, run: Run) -> None:
    empty = replace(run, records=(), ending=replace(run.ending, preflight="no cluster <answers>"))
    text = html.render(conformance_report.build(catalog, empty, judge_all(catalog, empty)))
    assert "The run could not begin" in text
    assert "no cluster &lt;answers&gt;" in text
