"""How a run was asked for, as its report tells it."""

from __future__ import annotations

import argparse

import pytest

from conformance import options


def left_out_by(config: pytest.Config) -> str:
    """What kept tests out of the run: the selection, ``-k``, ``-m``, or the paths."""
    values = config.option
    asked = [str(options.selection(values))]
    asked += [f"-k {values.keyword}"] if values.keyword else []
    asked += [f"-m {values.markexpr}"] if values.markexpr else []
    chosen = [one for one in asked if one != "everything"]
    return " ".join(chosen) or f"the paths given: {' '.join(map(str, config.args))}"


def rerun(values: argparse.Namespace, environment: str, kubeconfig: str | None) -> tuple[str, ...]:
    """The command that runs on the same cluster again, by the ``kubeconfig`` that the user gave."""
    if environment == "lab" or not values.udn_kubeconfig:
        name = ("--lab-name", values.udn_lab_name) if values.udn_lab_name else ()
        return ("udn-conformance", "run", "--lab", *name)
    context = ("--context", values.udn_context) if values.udn_context else ()
    return ("udn-conformance", "run", "--kubeconfig", str(kubeconfig), *context)
