"""Tenants: a namespace, its network, and the workloads in it."""

from conformance.tenancy.draft import Draft
from conformance.tenancy.group import Group, all_ready
from conformance.tenancy.network import Network
from conformance.tenancy.service import Service
from conformance.tenancy.subnets import Subnet, SubnetPool
from conformance.tenancy.tenant import Tenant
from conformance.tenancy.tenants import Tenants

__all__ = ["Draft", "Group", "Network", "Service", "Subnet", "SubnetPool", "Tenant", "Tenants", "all_ready"]
