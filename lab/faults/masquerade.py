"""Faults of guests behind their pod's NIC: NAT that forgets, opens, forwards or closes what it must not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab.faults.registry import fault
from lab.nodes.machines.masquerade import Masquerade, rules

LEAK = r"expected no path, got reply"

NO_SNAT = fault(
    "masquerade-without-source-nat",
    "what a guest behind its pod's NIC sends leaves with the address that it has inside",
    "default-network/masquerade",
    message=r"tcp \S+ .* -> \S+ .*: no session within",
    run_options=("--timeout", "reach=6"),
)


@NO_SNAT.at("machine.masquerade")
def _inner_address(text: str, *, masquerade: Masquerade, **_: Any) -> str:
    return text.replace(f"ip saddr {masquerade.guest.ip} masquerade\n", "\n")


NO_UDP = fault(
    "masquerade-forgets-udp",
    "source NAT of a guest behind its pod's NIC leaves UDP out",
    "default-network/masquerade",
    message=r"udp \S+ .* -> \S+ .*: not reached",
    run_options=("--timeout", "reach=6"),
)


@NO_UDP.at("machine.masquerade")
def _all_but_udp(text: str, *, masquerade: Masquerade, **_: Any) -> str:
    return text.replace(
        f"ip saddr {masquerade.guest.ip} masquerade\n",
        f"ip saddr {masquerade.guest.ip} meta l4proto != udp masquerade\n",
    )


ALL_PORTS = fault(
    "undeclared-ports-open",
    "a guest that declares ports is reached by every other port, too",
    "default-network/declared-ports-only",
    message=rf"tcp \S+ .* -> \S+ .*:5001, .*: {LEAK}",
)


@ALL_PORTS.at("machine.masquerade")
def _every_port(text: str, *, masquerade: Masquerade, **_: Any) -> str:
    return rules(replace(masquerade, ports=()))


UNDECLARED_UDP = fault(
    "undeclared-udp-open",
    "a guest that declares TCP ports is reached by UDP",
    "default-network/declared-ports-only",
    message=rf"udp \S+ .* -> \S+ .*: {LEAK}",
)


@UNDECLARED_UDP.at("machine.masquerade")
def _udp_too(text: str, *, masquerade: Masquerade, **_: Any) -> str:
    return text.replace("chain inbound {", f"chain inbound {{\nmeta l4proto udp dnat to {masquerade.guest.ip}\n", 1)


RESERVED_OPEN = fault(
    "reserved-ports-forwarded",
    "libvirt's ports lead to the guest",
    "default-network/reserved-ports",
    message=rf"tcp \S+ .* -> \S+ .*:4915[23], .*: {LEAK}",
)


@RESERVED_OPEN.at("machine.masquerade")
def _forwarded(text: str, **_: Any) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.rstrip().endswith("drop"))


CLOSED_ON_TARGET = fault(
    "masquerade-closed-after-migration",
    "a guest behind its pod's NIC is not reached at the pod to which it moved",
    "default-network/interrupted-by-migration",
    message=r"at the new pod's address[\s\S]*not reached",
    run_options=("--timeout", "reach=6"),
)


@CLOSED_ON_TARGET.at("machine.masquerade")
def _nothing_comes_in(text: str, *, masquerade: Masquerade, incoming: bool, **_: Any) -> str:
    return text.replace("chain inbound {", "chain inbound {\ndrop\n") if incoming else text


OLD_ADDRESS = fault(
    "status-keeps-old-pod-address",
    "a VM that has moved goes on reporting the address of the pod that it left",
    "default-network/interrupted-by-migration",
    message=r"reports \S+ after the migration, its pod on \S+ has",
)
_first: dict[str, Any] = {}


@OLD_ADDRESS.at("api.VirtualMachineInstance")
def _as_at_first(vmi: dict[str, Any], **_: Any) -> dict[str, Any]:
    status = vmi.get("status") or {}
    uid = (vmi.get("metadata") or {}).get("uid")
    if uid and status.get("interfaces"):
        vmi = {**vmi, "status": {**status, "interfaces": _first.setdefault(uid, status["interfaces"])}}
    return vmi


NO_IPV6 = fault(
    "masquerade-without-ipv6",
    "guests behind their pod's NIC are reached by IPv4 alone",
    "default-network/dual-stack",
    message=r"(tcp|udp) \S+ .* -> \S+ .*: not reached",
    run_options=("--timeout", "reach=6"),
)


@NO_IPV6.at("machine.masquerade")
def _ipv4_alone(text: str, *, masquerade: Masquerade, **_: Any) -> str:
    return rules(replace(masquerade, range_ipv6=None))


NO_IPV6_STATUS = fault(
    "status-without-ipv6-of-masquerade",
    "a VM behind its pod's NIC reports the first of its pod's addresses alone",
    "default-network/dual-stack",
    message=r"the VMI reports \S+, its pod has",
)


@NO_IPV6_STATUS.at("api.VirtualMachineInstance")
def _first_address(vmi: dict[str, Any], **_: Any) -> dict[str, Any]:
    status = vmi.get("status") or {}
    entries = [{**entry, "ipAddresses": entry.get("ipAddresses", [])[:1]} for entry in status.get("interfaces") or ()]
    return {**vmi, "status": {**status, "interfaces": entries}} if entries else vmi
