"""A lab to measure in: brought up by its own command, used through the verbs of the suites."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from conformance import options
from conformance.kube.api import Api
from conformance.machines.access import Access, Credentials
from conformance.machines.virtctl import Virtctl
from conformance.provider import Lab, Provided, ProviderFailed
from conformance.tenancy import Tenants
from conformance.tenancy.subnets import SubnetPool
from conformance.tenancy.tenants import Images
from conformance.timeouts import Timeouts


@dataclass(frozen=True)
class Workshop:
    """A lab that is up, and tenants in it; ``lab_name`` is for the command ``python -m lab``."""

    lab_name: str
    api: Api
    tenants: Tenants


@contextmanager
def workshop(lab_name: str) -> Iterator[Workshop]:
    """A workshop in that lab; its tenants go with the block, and so does the lab unless it was up before.

    Raises ``ProviderFailed``.
    """
    lab = Lab(lab_name)
    provided = lab.up()
    shop = _workshop(lab_name, provided)
    try:
        yield shop
    finally:
        if not provided.ours:
            shop.tenants.remove()
        elif problem := lab.down():
            raise ProviderFailed(problem)


def _workshop(lab_name: str, provided: Provided) -> Workshop:
    values = _options(provided.run_options)
    timeouts = Timeouts.load()
    api = Api.connect(provided.kubeconfig, timeouts=timeouts)
    run_id = f"bench-{secrets.token_hex(3)}"
    virtctl = Virtctl(values.udn_virtctl or "virtctl", provided.kubeconfig, None, timeouts)
    access = Access(api, virtctl, Credentials.generate("root"), run_id)
    images = Images(values.udn_image, values.udn_pod_image, "l2bridge")
    return Workshop(lab_name, api, Tenants(access, images, SubnetPool(), run_id))


def _options(suggested: tuple[str, ...]) -> argparse.Namespace:
    values = argparse.Namespace(**{option.name: option.settings.get("default") for option in options.OPTIONS})
    options.merge(values, suggested)
    return values
