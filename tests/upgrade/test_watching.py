"""A watcher that is cut off sees nothing for a while and loses nothing; what it says of it, and what it ends with."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace

import pytest

from conformance.machines.shell import ShellError
from conformance.upgrade import watch_report
from conformance.upgrade.watching import Watch
from tests.upgrade.conftest import Pair, baseline, until


class Watched:
    """A watch of one session over a wire, in a thread; ``blind`` cuts it off from the guests."""

    def __init__(self, pair: Pair, limit: float, out) -> None:
        self.told: list[str] = []
        self.out = out
        self.stop = threading.Event()
        machines = {str(side.machine): side.machine for side in pair}
        after = SimpleNamespace(machines=machines, sides=list(pair), baseline=baseline())
        self.watch = Watch(after, limit, self.told.append, self.stop)
        self.thread = threading.Thread(target=self.watch.run, args=(self._save,))
        self._looks = [side.machine.guest.run for side in pair]
        self._guests = [side.machine.guest for side in pair]

    def _save(self, watch: Watch) -> None:
        watch_report.save(watch, self.out)

    def document(self):
        return json.loads((self.out / watch_report.FILE).read_text())

    def blind(self, is_blind: bool) -> None:
        def cut(*_: object, **__: object) -> None:
            raise ShellError("vm-a: the console cannot be opened")

        for guest, look in zip(self._guests, self._looks, strict=True):
            guest.run = cut if is_blind else look

    def __enter__(self) -> Watched:
        self.thread.start()
        until(lambda: all(sight.seen for sight in self.watch.sights))
        return self

    def __exit__(self, *_: object) -> None:
        self.blind(False)
        self.stop.set()
        self.thread.join()


@pytest.fixture
def watched(held: Pair, tmp_path) -> Watched:
    """A watch with a limit of one second."""
    return Watched(held, 1.0, tmp_path)


def test_a_sound_session_ends_well(watched: Watched) -> None:
    with watched:
        pass
    assert list(watch_report.findings(watched.watch)) == []
    document = watched.document()
    assert (document["whole"], document["silenceAboveLimit"]) == (True, False)
    assert {side["at"] for side in document["sides"]} == {"vm-a", "vm-b"}
    assert next(watch_report.summary(watched.watch)).startswith("vm-a <-> vm-b (on different nodes): ")


def test_a_silence_while_nobody_could_look_is_found_afterwards(watched: Watched, server) -> None:
    with watched:
        watched.blind(True)
        until(lambda: any("cannot be looked at, the session goes on" in line for line in watched.told))
        with server.rules("input", "tcp dport 5301 drop"):
            threading.Event().wait(1.5)
        watched.blind(False)
        until(lambda: any("nothing arrived from vm-a for" in line for line in watched.told))
    assert any("seen again after" in line for line in watched.told)
    assert any("silence of" in line for line in watch_report.findings(watched.watch))
    (silence,) = [each for side in watched.document()["sides"] for each in side["silences"] if each["aboveLimit"]][:1]
    assert silence["seconds"] >= 1.4
    assert silence["from"].endswith("+00:00")


def test_a_silence_that_goes_on_is_told_once(watched: Watched, server) -> None:
    with watched, server.rules("input", "tcp dport 5301 drop"):
        until(lambda: any("for more than 1 s now" in line for line in watched.told))
        looks = watched.watch.sights[0].seen
        until(lambda: watched.watch.sights[0].seen > looks)
        assert sum(line.startswith("apart at vm-b") and "for more than" in line for line in watched.told) == 1


def test_who_cannot_look_at_the_end_does_not_say_that_all_is_well(watched: Watched) -> None:
    with watched:
        watched.blind(True)
        until(lambda: all(sight.blind for sight in watched.watch.sights))
        watched.stop.set()
        watched.thread.join()
        findings = list(watch_report.findings(watched.watch))
    assert len(findings) == 2
    assert all("not seen since" in line and "verify will tell" in line for line in findings)


def test_a_record_that_is_gone_is_told_and_the_session_begun_again(watched: Watched, held: Pair) -> None:
    serving, _ = held
    with watched:
        serving.machine.guest.run(f"kill -9 -- -$(cat {serving._folder}/pid); rm -rf {serving._folder}")
        until(lambda: any("begun again" in line for line in watched.told))
        until(lambda: serving.record.count)
    assert any("does not hold the session any more" in line for line in watch_report.findings(watched.watch))
    assert watched.document()["whole"] is False
