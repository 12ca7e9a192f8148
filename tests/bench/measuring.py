"""Which row is measured how, and where: in a lab of its own, or in one that several rows share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from conformance.kube.errors import Refused, Unreachable
from conformance.machines.shell import ShellError
from conformance.machines.virtctl import VirtctlError
from conformance.provider import ProviderFailed
from conformance.tenancy import Group
from conformance.verdicts import Blocked
from tests.bench import api_rows, lab_rows, machine_rows, report_rows
from tests.bench.figures import Figure, targets
from tests.bench.workshop import Workshop, workshop

#: A measurement takes the number of rounds and gives one value after the other.
Measurement = Callable[[int], Iterable[float]]
FAILURES = (AssertionError, Blocked, ProviderFailed, Refused, ShellError, Unreachable, VirtctlError)
SUITES = "suites"


def measure(names: Sequence[str], rounds: int, lab_name: str) -> Iterator[Figure]:
    """The figures of these rows. What cannot be measured is a figure without values that tells why."""
    alone: Mapping[str, Measurement] = {
        "lab-up": lambda count: lab_rows.up_seconds(lab_name, count),
        "report-written": report_rows.written_seconds,
        "page-size": report_rows.page_mebibytes,
        "page-there": report_rows.interactive_seconds,
        SUITES: lambda count: lab_rows.suites_seconds(lab_name, count),
    }
    for name in (name for name in alone if name in names):
        yield _figure(name, alone[name], 1 if name == SUITES else rounds)
    shared = [name for name in names if name not in alone]
    if not shared:
        return
    try:
        with workshop(lab_name) as shop:
            measurements = _Shared(shop).measurements
            for name in shared:
                yield _figure(name, measurements[name], rounds)
    except ProviderFailed as error:
        for name in shared:
            yield Figure(targets()[name], (), _load(), _line(error))


class _Shared:
    """The rows that share a lab; those that need two VMs share these, too."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop

    @cached_property
    def _pair(self) -> Group:
        return self._shop.tenants.primary_layer2("pair").pair().ready()

    @property
    def measurements(self) -> Mapping[str, Measurement]:
        shop = self._shop
        return {
            "login-one": lambda rounds: machine_rows.login_seconds(shop, rounds, 1),
            "login-eight": lambda rounds: machine_rows.login_seconds(shop, rounds, 8),
            "migration": lambda rounds: machine_rows.migration_seconds(self._pair, rounds),
            "silence": lambda rounds: machine_rows.silence_milliseconds(self._pair, rounds),
            "console": lambda rounds: machine_rows.console_milliseconds(self._pair, rounds),
            "doctor": lambda rounds: lab_rows.doctor_seconds(shop, rounds),
            "memory": lambda rounds: lab_rows.memory_mebibytes(shop, self._pair, rounds),
            "api-list": lambda rounds: api_rows.list_milliseconds(shop, rounds),
            "api-watch": lambda rounds: api_rows.watch_milliseconds(shop, rounds),
        }


def _figure(name: str, measurement: Measurement, rounds: int) -> Figure:
    values: list[float] = []
    problem = ""
    try:
        values.extend(measurement(rounds))
    except FAILURES as error:
        problem = _line(error)
    return Figure(targets()[name], tuple(values), _load(), problem)


def _load() -> float:
    return round(os.getloadavg()[0], 2)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
