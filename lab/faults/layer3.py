"""Faults of Layer3 networks: segments that are none, and addresses that stay."""

from __future__ import annotations

from typing import Any

from lab.faults.api_rules import rule_fault
from lab.faults.registry import fault

Object = dict[str, Any]

FLAT = fault(
    "layer3-is-flat",
    "a Layer3 network is one switch for all nodes",
    "primary-l3/segment-per-node",
    "primary-l3/routed-between-nodes",
    "primary-l3/address-changes-on-migration",
    message=r"share segment 10\.|is not routed|has \S+, of a segment of /21, not /28|kept 10\.\S+ on \S+",
)


@FLAT.at("nad.config")
def _one_switch(config: Object, **_: object) -> Object:
    if config["topology"] != "layer3":
        return config
    subnets = (entry.rpartition("/")[0] for entry in str(config["subnets"]).split(","))
    return {**config, "topology": "layer2", "subnets": ",".join(subnets)}


OTHER_SIZE = fault(
    "layer3-host-subnet-of-other-size",
    "nodes get smaller parts of a Layer3 network than were asked for",
    "primary-l3/segment-per-node",
    message=r"has \S+, of a segment of /29, not /28",
)


@OTHER_SIZE.at("nad.config")
def _smaller(config: Object, **_: object) -> Object:
    if config["topology"] != "layer3":
        return config
    return {**config, "subnets": str(config["subnets"]).replace("/28", "/29")}


def _with_ipam(schema: Object) -> None:
    properties = schema.get("properties", {})
    if "joinSubnets" in properties and "ipam" not in properties:
        properties["ipam"] = {"type": "object", "properties": {"lifecycle": {"type": "string"}}}


rule_fault(
    "layer3-with-persistent-addresses",
    "the API takes persistent addresses on a Layer3 network",
    "primary-l3/no-persistent-ips",
    message=r"UserDefinedNetwork \S+ took persistent addresses on Layer3",
    weaken=_with_ipam,
)
