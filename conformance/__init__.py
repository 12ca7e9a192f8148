"""Conformance tests for KubeVirt VMs on OVN-Kubernetes user-defined networks: the library and its command."""

from conformance.catalog.verifies import verifies

__all__ = ["verifies"]
