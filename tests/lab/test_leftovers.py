"""Leftovers are found by name, and the lock tells a running lab from a dead one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import leftovers, state
from lab.config import LabConfig
from lab.lock import LabLock, Locked
from lab.processes import Owned, started

MOUNTS = """\
22 1 0:21 / /proc rw shared:5 - proc proc rw
91 22 0:4 net:[4026532291] /run/netns/ul12ab-net rw shared:51 - nsfs nsfs rw
92 22 0:40 / /run/udn-lab/blue/pods/a\\040b rw - tmpfs tmpfs rw
93 22 0:41 / /run/udn-lab/blue2/pods rw - tmpfs tmpfs rw
"""


def test_mounts_below_a_folder():
    assert leftovers.mounts_below(MOUNTS, Path("/run/udn-lab/blue")) == ["/run/udn-lab/blue/pods/a b"]


def test_lock_excludes_and_leaves_no_file(tmp_path):
    first, second = LabLock(tmp_path / "lab"), LabLock(tmp_path / "lab")
    first.acquire()
    with pytest.raises(Locked):
        second.acquire()
    assert second.held()
    first.release()
    assert os.listdir(tmp_path) == []
    assert not second.held()
    second.acquire()
    second.release()


def test_lock_is_free_when_its_holder_was_killed(tmp_path):
    hold = (
        "import pathlib, signal, sys; from lab.lock import LabLock;"
        "lock = LabLock(pathlib.Path(sys.argv[1])); lock.acquire(); print('held', flush=True); signal.pause()"
    )
    holder = subprocess.Popen([sys.executable, "-c", hold, str(tmp_path / "lab")], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    lock = LabLock(tmp_path / "lab")
    assert lock.held()
    holder.kill()
    holder.communicate()
    assert not lock.held()


def test_another_lab_with_the_same_prefix_is_refused_by_name(tmp_path):
    config = LabConfig.new("blue", 1, tmp_path / "blue")
    other = tmp_path / "red"
    other.mkdir()
    (other / "lab.json").write_text(json.dumps({"prefix": "ul0000"}))
    leftovers.refuse_same_prefix(config)
    (other / "lab.json").write_text(json.dumps({"prefix": config.prefix}))
    with pytest.raises(leftovers.PrefixTaken, match="lab red has the same prefix"):
        leftovers.refuse_same_prefix(config)


def test_state_is_read_as_written(tmp_path):
    mine = started(os.getpid())
    told = state.SupervisorState("ready", os.getpid(), mine, "", (Owned("apiserver", 12, 34),))
    state.write(tmp_path, told)
    assert state.read(tmp_path) == told
    assert told.alive()
    assert state.read(tmp_path / "nowhere") is None
    assert not state.SupervisorState("ready", os.getpid(), mine + 1).alive()
