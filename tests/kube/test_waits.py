"""Waits: watch first, resumed when it drops, with a last line that tells what was seen."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.kube.errors import Refused
from conformance.kube.resources import PODS
from conformance.kube.waits import Goal, TimedOut, stays, wait_all, wait_for_event, wait_gone, wait_until
from tests.kube.small_api import refuse

PATH = "/api/v1/namespaces/ns/pods"
EVENTS = "/api/v1/namespaces/ns/events"


def pod(name="a", phase="Pending", uid="u1", **status):
    return {"metadata": {"name": name, "namespace": "ns", "uid": uid}, "status": {"phase": phase, **status}}


def running(obj):
    return obj["status"]["phase"] == "Running"


@pytest.fixture
def waiting(api, server):
    """A wait for pod ``a`` to run, in a thread, once its watch is open."""
    with ThreadPoolExecutor() as pool:

        def start(expect_watch=True):
            future = pool.submit(wait_until, api, PODS, "a", "ns", running, "pod-running", "phase Running")
            while expect_watch and not server.watching():
                threading.Event().wait(0.01)
            return future

        yield start


def test_what_is_there_already_needs_no_watch(api, server):
    server.put(PATH, pod(phase="Running"))
    assert wait_until(api, PODS, "a", "ns", running, "pod-running")["status"]["phase"] == "Running"
    assert ("watch", PATH) not in server.requests


def test_a_change_is_seen_by_the_watch(waiting, server):
    result = waiting()
    server.put(PATH, pod(), "ADDED")
    server.put(PATH, pod(phase="Running"))
    assert running(result.result(10))
    assert server.requests.count(("GET", PATH)) == 1, "listed once, then watched"


def test_a_watch_that_drops_is_resumed(waiting, server):
    result = waiting()
    server.put(PATH, pod(), "ADDED")
    server.drop_watches()
    server.put(PATH, pod(phase="Running"))
    assert running(result.result(10))


def test_a_version_that_is_gone_means_a_new_list(waiting, server):
    result = waiting()
    server.put("/api/v1/namespaces/other/pods", pod("x"))
    server.forget_history()
    server.drop_watches()
    server.put(PATH, pod(phase="Running"), "ADDED")
    assert running(result.result(10))
    assert server.requests.count(("GET", PATH)) == 2


def test_a_server_that_falters_is_asked_again(waiting, server):
    server.plant("watch", refuse(500), times=2)
    server.plant("watch", refuse(429), times=1)
    result = waiting()
    server.put(PATH, pod(phase="Running"), "ADDED")
    assert running(result.result(10))


def test_a_refusal_ends_the_wait_at_once(api, server):
    server.plant("GET", refuse(403, "Forbidden"))
    with pytest.raises(Refused, match="list Pod ns: 403 Forbidden"):
        wait_until(api, PODS, "a", "ns", running, "pod-running")


def test_an_exception_of_the_predicate_ends_the_wait(api, server):
    server.put(PATH, pod(phase="Failed"))

    def hopeless(obj):
        raise ValueError("it never will")

    with pytest.raises(ValueError, match="it never will"):
        wait_until(api, PODS, "a", "ns", hopeless, "pod-running")


def test_a_wait_that_runs_out_tells_all_that_is_known(api, server):
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no\nnode"}
    server.put(PATH, pod(conditions=[unscheduled]))
    for number in range(5):
        event = {"type": "Warning", "reason": "FailedScheduling", "message": f"try {number}"}
        about = {"involvedObject": {"name": "a"}, "lastTimestamp": f"2026-01-01T00:00:0{number}Z"}
        server.put(EVENTS, {"metadata": {"name": f"e{number}", "namespace": "ns"}, **event, **about})
    with pytest.raises(TimedOut) as caught:
        wait_until(api, PODS, "a", "ns", running, "pod-scheduled", "phase Running")
    assert str(caught.value) == (
        "Pod ns/a: no phase Running within 0.5 s (pod-scheduled); last: phase Pending; PodScheduled=False "
        "(Unschedulable: no node); events: Warning FailedScheduling: try 2; Warning FailedScheduling: try 3; "
        "Warning FailedScheduling: try 4"
    )


def test_a_wait_for_nothing_says_that_it_is_not_there(api):
    with pytest.raises(TimedOut, match=r"Pod ns/a: no phase Running within 0.5 s .*; last: the object is not there"):
        wait_until(api, PODS, "a", "ns", running, "pod-scheduled", "phase Running")


def test_removal_is_seen(api, server):
    wait_gone(api, PODS, "never-was", "ns")
    server.put(PATH, pod())
    with ThreadPoolExecutor() as pool:
        gone = pool.submit(wait_gone, api, PODS, "a", "ns")
        while not server.watching():
            assert not gone.done()
            threading.Event().wait(0.01)
        server.remove(PATH, "a")
        gone.result(10)


def test_another_object_of_that_name_does_not_count_as_the_old_one(api, server):
    server.put(PATH, pod(uid="u2"))
    wait_gone(api, PODS, "a", "ns", uid="u1")


def test_events_are_found_by_reason_and_text(api, server):
    event = {"type": "Warning", "reason": "ErrorAllocatingPod", "message": "subnet address pool exhausted"}
    server.put(EVENTS, {"metadata": {"name": "e", "namespace": "ns"}, **event, "involvedObject": {"name": "a"}})
    assert wait_for_event(api, "a", "ns", "ErrorAllocatingPod", "exhausted")["message"] == event["message"]
    with pytest.raises(
        TimedOut, match=r"ns/a: no event Other within 0.5 s; events seen: Warning ErrorAllocatingPod: sub"
    ):
        wait_for_event(api, "a", "ns", "Other")


def test_several_objects_share_one_watch_and_one_limit(api, server):
    goals = [Goal(PODS, name, "ns", running, "phase Running") for name in ("a", "b", "c")]
    with ThreadPoolExecutor() as pool:
        everyone = pool.submit(wait_all, api, goals, "pod-running")
        while not server.watching():
            threading.Event().wait(0.01)
        for name in ("c", "a", "b"):
            server.put(PATH, pod(name, "Running"), "ADDED")
        assert [obj["metadata"]["name"] for obj in everyone.result(10)] == ["a", "b", "c"]
    assert server.requests.count(("watch", PATH)) == 1


def test_every_goal_that_was_missed_is_told(api, server):
    server.put(PATH, pod("a", "Running"))
    goals = [Goal(PODS, name, "ns", running, "phase Running") for name in ("a", "b", "c")]
    with pytest.raises(TimedOut, match=r"^Pod ns/b: .* \| Pod ns/c: "):
        wait_all(api, goals, "pod-scheduled")


def test_a_state_that_must_last_is_watched_for_the_whole_time(api, server):
    server.put(PATH, pod())
    assert stays(api, PODS, "a", "ns", lambda obj: not running(obj), "event", "Pending")["status"]["phase"] == "Pending"
    with ThreadPoolExecutor() as pool:
        lasting = pool.submit(stays, api, PODS, "a", "ns", lambda obj: not running(obj), "pod-running", "Pending")
        while not server.watching():
            threading.Event().wait(0.01)
        server.put(PATH, pod(phase="Running"))
        with pytest.raises(AssertionError, match=r"Pod ns/a: Pending no longer after .* s: phase Running"):
            lasting.result(10)
