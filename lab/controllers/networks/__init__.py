"""User-defined networks: from their objects to ports in OVN.

``user_networks`` turns UDNs and CUDNs into attachments (NADs), ``registry`` turns attachments into networks of the
fabric, ``pods`` gives pods their addresses and ports, ``claims`` and ``webhook`` keep the addresses of machines,
``mirror`` and ``balancers`` put services on the networks of their namespaces, ``policies`` filters what passes;
``open_ports`` lets in what pods of primary networks offer on the default one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lab.controllers.networks.attachments import Attachments
from lab.controllers.networks.balancers import ServiceBalancers
from lab.controllers.networks.claims import Claims
from lab.controllers.networks.definition import attachment_of
from lab.controllers.networks.leases import Leases
from lab.controllers.networks.mirror import EndpointSliceMirror
from lab.controllers.networks.open_ports import OpenPorts
from lab.controllers.networks.pods import PodNetworks
from lab.controllers.networks.policies import Policies
from lab.controllers.networks.registry import Registry
from lab.controllers.networks.user_networks import ClusterUserDefinedNetworks, UserDefinedNetworks
from lab.controllers.networks.webhook import LauncherWebhook
from lab.controllers.runtime import Context, Controller, Key
from lab.fabric.model import default_network
from lab.fabric.northbound import Northbound
from lab.resources import NADS


async def build(context: Context) -> Sequence[Controller]:
    """Every controller of networks; the default network and the webhook are there when this returns."""
    northbound = Northbound(context.config.northbound, context.faults)
    context.closers.append(northbound.close)
    await northbound.ensure_external()
    await northbound.ensure_layer3(default_network(context.config))
    webhook = LauncherWebhook(context.client, context.config.state / "pki")
    context.closers.append(webhook.stop)
    await webhook.start()
    registry = Registry(context, northbound)
    attachments = Attachments(context, registry)
    leases = Leases(context, registry)
    policies = Policies(context, registry, northbound)
    await policies.resume()
    realization = Controller("networks", registry.reconcile)
    realization.watch(context.informers.of(NADS), keys=_network_of)
    return [
        realization,
        UserDefinedNetworks(context, registry, attachments).controller,
        ClusterUserDefinedNetworks(context, registry, attachments).controller,
        Claims(context, registry, leases.in_use).controller,
        PodNetworks(context, registry, leases, northbound).controller,
        EndpointSliceMirror(context, registry).controller,
        ServiceBalancers(context, registry, northbound).controller,
        policies.controller,
        OpenPorts(context, northbound).controller,
    ]


def _network_of(nad: dict[str, Any]) -> Iterable[Key]:
    attachment = attachment_of(nad)
    return (Key("", attachment.definition.network),) if attachment is not None else ()
