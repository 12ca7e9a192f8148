"""Proofs: each test finds the fault that it is there to find. ``udn-conformance prove`` is made of this."""

from conformance.prove.command import prove

__all__ = ["prove"]
