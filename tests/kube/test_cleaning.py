"""Removal of what runs left: each object's trouble is told, and an API that is gone is not asked for all of them."""

from __future__ import annotations

from conformance.cleaning import Leftover, remove
from conformance.kube.resources import PODS
from tests.kube.small_api import reset

PATH = "/api/v1/namespaces/ns/pods"


def test_an_api_that_goes_away_is_waited_for_once(api, server):
    found = [Leftover(PODS, name, "ns", "r1") for name in ("a", "b", "c")]
    for each in found:
        server.put(PATH, {"metadata": {"name": each.name, "namespace": "ns", "uid": each.name}})
    server.plant("GET", reset(), times=1000)
    (told,) = remove(api, found)
    assert told.startswith("Pod ns/a of run r1 was deleted, as the others; whether they are gone cannot be seen: ")
