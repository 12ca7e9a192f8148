"""What KubeVirt's virt-handler does: runs the guests of a node and tells the API of them."""

from lab.nodes.virt_handler.handler import VirtHandler

__all__ = ["VirtHandler"]
