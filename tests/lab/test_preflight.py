"""What is missing is told by name, with the package that brings it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from lab import preflight
from lab.preflight import Missing

STATUS = "Name:\tpython\nCapInh:\t0000000000000000\nCapEff:\t000001ffffffffff\n"


def test_capabilities_are_read():
    assert preflight.parse_capabilities(STATUS) == 0x1FFFFFFFFFF
    assert preflight.parse_capabilities("Name:\tpython\n") == 0


def test_packages_are_named_once_in_one_line():
    missing = [Missing("a", "ovn-host"), Missing("b", "ovn-host"), Missing("c", "busybox-static"), Missing("d")]
    assert preflight.install_line(missing) == "apt-get install -y --no-install-recommends busybox-static ovn-host"
    assert preflight.install_line([Missing("d")]) is None


def test_missing_program_names_its_package(monkeypatch, tmp_path):
    monkeypatch.setattr(preflight, "_SYSTEM_PATHS", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = preflight.examine()
    assert {"ovn-central", "ovn-host", "openvswitch-switch", "qemu-system-x86", "busybox-static"} <= {
        piece.package for piece in missing
    }
    assert any("qemu-system-x86_64" in piece.line for piece in missing)


def test_missing_device_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(preflight, "TUN", tmp_path / "tun")
    assert any(f"{tmp_path}/tun is missing" in piece.line for piece in preflight.examine())


def test_no_linux_is_the_only_line(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert [piece.line for piece in preflight.examine()] == [
        "this is darwin: the lab needs Linux, for network namespaces and OVS"
    ]


def test_up_refuses_before_anything_is_started(tmp_path):
    name = f"test-preflight-{os.getpid()}"
    answer = subprocess.run(
        [sys.executable, "-c", _WITHOUT_SBIN, "up", "--name", name],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 10, answer.stderr
    assert "missing: " in answer.stderr
    assert "apt-get install -y --no-install-recommends" in answer.stderr
    assert answer.stdout == ""
    assert not os.path.exists(f"/run/udn-lab/{name}")


def test_json_lists_lines_and_packages():
    answer = subprocess.run(
        [sys.executable, "-m", "lab", "preflight", "--json"], capture_output=True, text=True, check=False
    )
    told = json.loads(answer.stdout)
    assert set(told) == {"missing", "packages"}
    assert answer.returncode == (10 if told["missing"] else 0)


_WITHOUT_SBIN = "from lab import preflight; preflight._SYSTEM_PATHS = ''; from lab.cli import main; main()"
