"""What is missing is told by name, with the package that brings it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

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


def _fake_apt(folder, monkeypatch, script):
    program = folder / "apt-get"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(preflight, "POLICY", folder / "policy-rc.d")
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def test_services_of_new_packages_are_not_started(monkeypatch, tmp_path):
    _fake_apt(tmp_path, monkeypatch, f'{tmp_path}/policy-rc.d; echo "$? $*" >> {tmp_path}/calls')
    preflight.install(["ovn-host"])
    assert (tmp_path / "calls").read_text().splitlines() == [
        "101 update -q",
        "101 install -q -y --no-install-recommends ovn-host",
    ]
    assert not (tmp_path / "policy-rc.d").exists()


def test_failed_installation_is_told_and_the_machines_own_policy_kept(monkeypatch, tmp_path):
    _fake_apt(tmp_path, monkeypatch, '[ "$1" = update ] || exit 100')
    (tmp_path / "policy-rc.d").write_text("#!/bin/sh\n")
    with pytest.raises(preflight.InstallFailed, match=r"apt-get install .* ovn-host ended with status 100"):
        preflight.install(["ovn-host"])
    assert (tmp_path / "policy-rc.d").read_text() == "#!/bin/sh\n"
