"""The API server: long lists, and how soon a watch tells of a change."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from conformance.kube.api import Object, Selection
from conformance.kube.manifests import labelled
from conformance.kube.resources import CONFIG_MAPS
from conformance.tenancy import Tenant
from tests.bench.workshop import Workshop

OBJECTS = 1000
CHANGES = 30
LIMIT = 20.0  # seconds for a watch to tell of everything


def list_milliseconds(shop: Workshop, rounds: int) -> Iterator[float]:
    """A list of a thousand objects in one answer, until it is read and parsed."""
    tenant = shop.tenants.empty("list")
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(shop.api.create, (_object(tenant, f"item-{number}") for number in range(OBJECTS))))
    path = CONFIG_MAPS.path(tenant.namespace)
    for _ in range(rounds):
        began = time.monotonic()
        listed = shop.api.raw(path)["items"]
        yield (time.monotonic() - began) * 1000
        if len(listed) < OBJECTS:
            raise AssertionError(f"{path}: {len(listed)} objects are listed, {OBJECTS} were made")


def watch_milliseconds(shop: Workshop, rounds: int) -> Iterator[float]:
    """From the sending of a write until its event has arrived at a client that watches."""
    tenant = shop.tenants.empty("watch")
    changes = CHANGES * rounds
    _, version = shop.api.snapshot(CONFIG_MAPS, Selection(tenant.namespace))
    arrived: dict[str, float] = {}
    heard = threading.Condition()

    def listen() -> None:
        for change in shop.api.watch(CONFIG_MAPS, Selection(tenant.namespace), version, LIMIT):
            with heard:
                arrived[change.object["metadata"]["name"]] = time.monotonic()
                heard.notify()
                if f"item-{changes - 1}" in arrived:
                    return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    for number in range(changes):
        name = f"item-{number}"
        began = time.monotonic()
        shop.api.create(_object(tenant, name))
        with heard:
            while name not in arrived:
                if not heard.wait(LIMIT):
                    raise AssertionError(f"no watch event for {name} within {LIMIT:g} s")
        yield (arrived[name] - began) * 1000
    listener.join(LIMIT)


def _object(tenant: Tenant, name: str) -> Object:
    head = labelled(CONFIG_MAPS, name, tenant.run_id, tenant.namespace)
    return head | {"data": {"text": secrets.token_hex(64)}}
