"""The labs that proofs are made on, side by side: each takes the next fault when it is done with one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from conformance.prove import judging
from conformance.prove.faults import LabFaults
from conformance.prove.matrix import Entry
from conformance.prove.plan import Proof
from conformance.prove.runs import Finding, RunFailed, Runner

#: Told of each proof as it begins: its number, and the proof.
Began = Callable[[int, Proof], None]
#: Told of each finding.
Found = Callable[[Entry], None]


@dataclass(frozen=True)
class Place:
    """One lab: its faults, and what runs tests on it."""

    faults: LabFaults
    runner: Runner

    def prove(self, proof: Proof) -> Iterator[Entry]:
        """What the tests say while the fault is planted; raises FaultsFailed."""
        self.faults.plant(proof.fault)
        try:
            began = time.monotonic()
            # One failure is enough, unless others have to fail as well.
            early = ("-x",) if len(proof.requirements) == 1 else ()
            options = (*early, *proof.fault.run_options)
            findings, problem = run(self.runner, proof.fault.name, proof.requirements, options)
            for id in proof.requirements:
                judged = judging.catches(findings.get(id), proof.fault.message)
                spent = time.monotonic() - began
                yield Entry(id, proof.fault.name, proof.fault.says, judged.proved, problem or judged.why, spent)
        finally:
            self.faults.lift_all()


def run(
    runner: Runner, name: str, ids: Sequence[str], options: Sequence[str] = ()
) -> tuple[dict[str, Finding], str | None]:
    """The findings of a run, and why there are none."""
    try:
        return dict(runner.run(name, ids, options)), None
    except RunFailed as error:
        return {}, str(error)


def prove_all(planned: Iterable[Proof], places: Sequence[Place], began: Began, found: Found) -> None:
    """Make all proofs, each on the first place that is free; raises FaultsFailed.

    Interrupted, it lifts what is planted before it raises.
    """
    waiting: SimpleQueue[tuple[int, Proof]] = SimpleQueue()
    for numbered in enumerate(planned, 1):
        waiting.put(numbered)
    telling = threading.Lock()

    def work(place: Place) -> None:
        place.faults.lift_all()
        while True:
            try:
                number, proof = waiting.get_nowait()
            except Empty:
                return
            with telling:
                began(number, proof)
            for entry in place.prove(proof):
                with telling:
                    found(entry)

    with ThreadPoolExecutor(len(places), thread_name_prefix="prove") as pool:
        futures = [pool.submit(work, place) for place in places]
        try:
            for future in futures:
                future.result()
        except BaseException:
            with suppress(Empty):
                while True:
                    waiting.get_nowait()
            for place in places:
                place.runner.interrupt()
            raise
