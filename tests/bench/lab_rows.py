"""The lab as a whole: how long it takes to come up, how much memory it takes, how long all suites take on it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from conformance.provider import Lab, ProviderFailed, command
from conformance.tenancy import Group
from tests.bench.workshop import Workshop


def up_seconds(lab_name: str, rounds: int) -> Iterator[float]:
    """``python -m lab up``, to its end."""
    lab = Lab(lab_name)
    if lab.running():
        raise ProviderFailed(f"lab {lab_name} is up already: name another with --lab-name, or take it down")
    for _ in range(rounds):
        began = time.monotonic()
        lab_up = subprocess.run(command(["up", "--name", lab_name]), capture_output=True, text=True, check=False)
        took = time.monotonic() - began
        problem = lab.down()
        if lab_up.returncode or problem:
            raise ProviderFailed(problem or f"the lab does not come up: {lab_up.stderr.strip()}")
        yield took


def suites_seconds(lab_name: str, rounds: int) -> Iterator[float]:
    """``udn-conformance run -n 2`` on a lab that it brings up itself."""
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            program = [sys.executable, "-m", "conformance", "run", "-n", "2"]
            began = time.monotonic()
            argv = [*program, "--lab-name", lab_name, "--out", folder]
            run = subprocess.run(argv, capture_output=True, text=True, check=False)
            took = time.monotonic() - began
        if run.returncode:
            raise ProviderFailed(f"the suites end with status {run.returncode} after {took:.1f} s")
        yield took


def doctor_seconds(shop: Workshop, rounds: int) -> Iterator[float]:
    """``udn-conformance doctor``, to its end."""
    argv = [sys.executable, "-m", "conformance", "doctor", "--lab", "--lab-name", shop.lab_name]
    for _ in range(rounds):
        began = time.monotonic()
        looked = subprocess.run(argv, capture_output=True, text=True, check=False)
        took = time.monotonic() - began
        if looked.returncode:
            raise ProviderFailed(f"doctor ends with status {looked.returncode}: {looked.stderr.strip()}")
        yield took


def memory_mebibytes(shop: Workshop, pair: Group, rounds: int) -> Iterator[float]:
    """What ``python -m lab status`` tells while four VMs run, logged in: shared pages are counted once."""
    second = shop.tenants.primary_layer2("memory").pair().ready()
    for machine in (*pair, *second):
        machine.console.login()
    for _ in range(rounds):
        told = subprocess.run(
            command(["status", "--name", shop.lab_name, "--json"]), capture_output=True, text=True, check=True
        )
        yield json.loads(told.stdout)["memory"] / 2**20
