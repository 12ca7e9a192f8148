"""Ways to a guest on a primary network that a cluster does not have: its pod is made a host of that network.

The end of the bridge in the pod gets the last address of the subnet. What is dialled there reaches the guest without
the network; frames that would leave the pod from that address are dropped by its port.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any, TypeVar

from pyroute2 import IPRoute

from lab import netns
from lab.faults.registry import Fault, fault

if TYPE_CHECKING:
    from lab.nodes.sandbox import Interface, Sandbox
    from lab.nodes.virt_handler.describe import Attachment

T = TypeVar("T")
Target = tuple[str, str, int]
_CLOSED = 1  # a port on which nobody listens

FORWARDED = fault(
    "port-forward-reaches-primary-network",
    "virt-api dials VMs on primary networks from within their pods",
    "limits/virtctl-ssh",
    "limits/port-forward",
    message=r"virtctl (ssh|port-forward) reaches \S+ on a primary network",
)
LOOPED = fault(
    "pod-loopback-leads-to-guest",
    "what a kubelet sends to 127.0.0.1 in the pod of a VM with l2bridge comes to the guest",
    "limits/port-forward",
    message=r"port-forward to the pod reaches \S+ on a primary network",
)
PROBED = fault(
    "probes-ask-primary-network",
    "probes of a VM ask its address on the primary network",
    "limits/probes",
    message=r"probe of \S+ on a primary network .* judges it",
    run_options=("--timeout", "event=12"),
)
HEEDED = fault(
    "probes-heed-primary-network",
    "probes of a pod fail when its NIC on the primary network is down",
    "limits/kubelet-checks-use-default-network",
    message=r"condition Ready no longer after",
)


def _join(fault: Fault) -> None:
    @fault.at("machine.laid")
    def joined(usual: None, *, sandbox: Sandbox, nics: tuple[Attachment, ...], **_: Any) -> None:
        if nics and nics[0].interface.role == "primary" and nics[0].interface.network != "default":
            _in_thread(_give_address, sandbox.netns, nics[0])
            if fault is LOOPED:
                argv = netns.command(sandbox.netns, ["nft", "-f", "-"])
                subprocess.run(argv, input=_looped(nics[0]), text=True, check=True)


for _fault in (FORWARDED, LOOPED, PROBED):
    _join(_fault)


def _give_address(namespace: str, nic: Attachment) -> None:
    network = ip_interface(nic.interface.ips[0]).network
    with netns.entered(namespace), IPRoute() as links:
        index = links.link_lookup(ifname=nic.cable.bridge)[0]
        links.addr("replace", index=index, address=str(network[-2]), prefixlen=network.prefixlen)
        with open(f"/proc/sys/net/ipv4/conf/{nic.cable.bridge}/route_localnet", "w") as setting:
            setting.write("1")


def _looped(nic: Attachment) -> str:
    guest = ip_interface(nic.interface.ips[0])
    return f"""
table ip looped {{
  chain output {{
    type nat hook output priority -100;
    ip daddr 127.0.0.1 tcp dport != 0 dnat to {guest.ip}
  }}
  chain postrouting {{
    type nat hook postrouting priority 100;
    oifname "{nic.cable.bridge}" ip saddr 127.0.0.1 snat to {guest.network[-2]}
  }}
}}
"""


@FORWARDED.at("vm.port-forward-target")
def _from_its_pod(start: tuple[str | None, str], *, vmi: dict[str, Any], **_: Any) -> tuple[str | None, str]:
    node, address = start
    if node is None or not vmi["spec"]["domain"]["devices"]["interfaces"][0].get("binding"):
        return start
    (uid, *_) = vmi["status"]["activePods"]
    return f"{node.partition('-')[0]}-p-{uid[:8]}", address


@PROBED.at("probe.target")
def _primary_address(target: Target, *, sandbox: Sandbox, **_: Any) -> Target:
    own = _primary(sandbox)
    return target if own is None else (sandbox.netns, str(ip_interface(own.ips[0]).ip), target[2])


@HEEDED.at("probe.target")
def _nobody_when_down(target: Target, *, sandbox: Sandbox, **_: Any) -> Target:
    own = _primary(sandbox)
    if own is None or _in_thread(_is_up, sandbox.netns, own.name):
        return target
    return target[0], target[1], _CLOSED


def _primary(sandbox: Sandbox) -> Interface | None:
    return next((nic for nic in sandbox.interfaces if nic.role == "primary" and nic.network != "default"), None)


def _is_up(namespace: str, name: str) -> bool:
    with netns.entered(namespace), IPRoute() as links:
        return bool(links.link("get", ifname=name)[0]["state"] == "up")


def _in_thread(function: Callable[..., T], *given: Any) -> T:
    # Of its own: a thread that enters a namespace must not be one that others use meanwhile.
    with ThreadPoolExecutor(max_workers=1) as worker:
        return worker.submit(function, *given).result()
