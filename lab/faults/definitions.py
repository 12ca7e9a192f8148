"""Loads every fault that the lab knows."""

from __future__ import annotations


def load() -> None:
    """Import the modules that define faults, once."""
