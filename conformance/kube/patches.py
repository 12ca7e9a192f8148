"""Bodies of merge patches, as pure functions."""

from __future__ import annotations

from conformance.kube.api import Object


def label(name: str, value: str | None) -> Object:
    """Set a label; ``None`` takes it off."""
    return {"metadata": {"labels": {name: value}}}


def annotation(name: str, value: str | None) -> Object:
    """Set an annotation; ``None`` takes it off."""
    return {"metadata": {"annotations": {name: value}}}


def template_annotation(name: str, value: str | None) -> Object:
    """Set an annotation of a VM's template; it reaches the VMI when the VM starts next."""
    return {"spec": {"template": annotation(name, value)}}


def run_strategy(strategy: str) -> Object:
    """Set a VM's run strategy: ``Always``, ``Halted``, ``Manual``, ``RerunOnFailure``, ``Once``."""
    return {"spec": {"runStrategy": strategy}}
