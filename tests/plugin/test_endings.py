"""Runs that cannot begin, and runs that are cut short: results are written all the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.plugin import junit
from tests.plugin.conftest import Result, Suites, environment, kubevirt, virtctl

GOOD = "@verifies('primary-l2/mtu')\ndef test_mtu():\n    pass\n"


def _preflight(suites: Suites, *arguments: str, kubeconfig: bool = True) -> str:
    """Run into a failed preflight; the line that tells it."""
    suites.write("test_all.py", GOOD)
    result = suites.run(*arguments, kubeconfig=kubeconfig)
    assert result.status == 10, result.stdout + result.stderr
    lines = [line for line in result.stderr.splitlines() if "preflight failed" in line]
    assert len(lines) == 1, result.stderr
    assert result.report["preflight"] in lines[0]
    assert result.report["exitStatus"] == 10
    assert result.requirement("primary-l2/mtu")["verdict"] == "blocked"
    assert "preflight failed" in junit.cases(result.out / "junit.xml")["preflight"]["reason"][0]
    assert "The run could not begin" in (result.out / "report.html").read_text()
    return lines[0]


def test_no_kubeconfig_there(suites: Suites) -> None:
    line = _preflight(suites, "--kubeconfig", "/no/such/file", kubeconfig=False)
    assert "/no/such/file does not exist" in line


def test_kubeconfig_unreadable(suites: Suites) -> None:
    suites.cluster.kubeconfig.unlink()
    suites.cluster.kubeconfig.mkdir()
    assert "cannot be read: Is a directory" in _preflight(suites)


def test_kubeconfig_is_rubbish(suites: Suites) -> None:
    suites.cluster.kubeconfig.write_text("just words")
    assert str(suites.cluster.kubeconfig) in _preflight(suites)


def test_kubeconfig_points_nowhere(suites: Suites) -> None:
    text = suites.cluster.kubeconfig.read_text().replace(suites.cluster.server, "http://127.0.0.1:9")
    suites.cluster.kubeconfig.write_text(text)
    assert "127.0.0.1:9" in _preflight(suites, "-n", "1")


@pytest.mark.parametrize(("code", "hint"), [(401, "log in again"), (403, "cluster administrator")])
def test_not_let_in(suites: Suites, code: int, hint: str) -> None:
    suites.cluster.refuse = code
    assert hint in _preflight(suites)


def test_a_cluster_without_kubevirt_is_not_applicable(suites: Suites) -> None:
    suites.cluster.answers["/apis/kubevirt.io/v1/kubevirts"] = {"items": [kubevirt(available="False")]}
    suites.write("test_all.py", GOOD)
    found = suites.run().requirement("primary-l2/mtu")
    assert found["verdict"] == "not applicable"
    assert "KubeVirt v1.6.0 is not Available: components are not ready" in found["reason"]


WAITS = """
import os, signal, threading

@verifies("primary-l2/mtu")
def test_first():
    pass

@verifies("primary-l2/same-node")
def test_waits_for_ever():
    open(os.environ["UDN_TEST_READY"], "w").close()
    threading.Event().wait()

@verifies("primary-l2/tcp-and-udp")
def test_never_begins():
    pass
"""


@pytest.mark.parametrize(
    ("number", "workers"),
    [(signal.SIGINT, ()), (signal.SIGTERM, ()), (signal.SIGINT, ("-n", "1"))],
    ids=["ctrl-c", "sigterm", "ctrl-c-xdist"],
)
def test_a_run_that_is_cut_short_writes_what_it_has(
    suites: Suites, tmp_path: Path, number: signal.Signals, workers: tuple[str, ...]
) -> None:
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    suites.write("test_all.py", WAITS)
    run = subprocess.Popen(
        suites.command(*workers),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env=environment() | {"UDN_TEST_READY": str(ready)},
    )
    with ready.open():  # opens once the test has opened its end
        run.send_signal(number)
    printed, _ = run.communicate()
    assert run.returncode == 2, printed
    result = Result(run.returncode, printed, "", suites.out)
    assert result.report["interrupted"]
    assert result.requirement("primary-l2/mtu")["verdict"] == "passed"
    for id in ("primary-l2/same-node", "primary-l2/tcp-and-udp"):
        assert result.requirement(id)["verdict"] == "blocked"
        assert "interrupted" in result.requirement(id)["reason"]
    written = junit.cases(suites.out / "junit.xml")
    assert {name: each["verdict"] for name, each in written.items()} == {
        "test_first": ["passed"],
        "test_waits_for_ever": ["blocked"],
        "test_never_begins": ["blocked"],
    }
    assert written["test_waits_for_ever"]["requirement"] == ["primary-l2/same-node"]
    assert "interrupted" in written["test_never_begins"]["reason"][0]
    assert (suites.out / "report.html").is_file()


LAB = """
import json, os, sys
state = os.environ["UDN_TEST_LAB"]
what = sys.argv[1]
with open(state, "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if what == "status" and "UDN_TEST_LAB_STATUS" in os.environ:
    print(os.environ["UDN_TEST_LAB_STATUS"])
if what == "status":
    sys.exit(1)
if what == "up" and os.environ.get("UDN_TEST_LAB_BROKEN"):
    print("no /dev/net/tun: load the module tun", file=sys.stderr)
    sys.exit(10)
if what == "up":
    options = ["--virtctl", os.environ["UDN_TEST_VIRTCTL"], "--outside", "203.0.113.10", "--image", "lab/guest"]
    print("ready in 3 s")
    answer = {"kubeconfig": os.environ["UDN_TEST_KUBECONFIG"], "run_options": options, "environment": "lab"}
    print(json.dumps(answer | {"remarks": ["It is slowed: boot=40s."], "fault_changes": 2}))
"""


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_without_a_kubeconfig_the_run_is_on_the_lab(
    suites: Suites, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    log = _lab(suites, tmp_path, monkeypatch)
    suites.write(
        "test_all.py",
        "from conformance.plugin import run_context\n"
        "@verifies('primary-l2/egress')\ndef test_egress(request):\n"
        "    run = run_context(request.config)\n"
        "    assert (run.environment, run.outside, run.guest.image) == ('lab', '203.0.113.10', 'mine')\n",
    )
    result = suites.run("--image", "mine", "--lab-name", "t1", *workers, kubeconfig=False)
    assert result.status == 0, result.stdout + result.stderr
    assert "no --kubeconfig is given, so this run is on the lab" in result.stdout
    statement = result.report["environment"]["statement"]
    assert "proves the suite, not OVN-Kubernetes" in statement
    assert statement.endswith("It is slowed: boot=40s.")
    assert statement in result.stdout
    assert result.report["rerun"] == ["udn-conformance", "run", "--lab", "--lab-name", "t1"]
    commands = log.read_text().splitlines()
    assert [command.split()[0] for command in commands if "status" not in command] == ["up", "down"]
    assert all("--name t1" in command for command in commands)


def test_a_lab_that_does_not_come_up_is_a_failed_preflight(
    suites: Suites, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = _lab(suites, tmp_path, monkeypatch)
    monkeypatch.setenv("UDN_TEST_LAB_BROKEN", "yes")
    assert "no /dev/net/tun: load the module tun" in _preflight(suites, "--lab", kubeconfig=False)
    assert log.read_text().splitlines()[-1] == "down"


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({"phase": "degraded", "error": "process x ended", "fault_changes": 2}, "the lab itself broke during the run"),
        ({"phase": "ready", "fault_changes": 3}, "faults were planted in the lab, or lifted, during the run"),
        ({"phase": "ready", "fault_changes": 2}, None),
    ],
)
def test_what_became_of_the_lab_under_a_run_is_told(
    suites: Suites, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: dict[str, object], told: str | None
) -> None:
    _lab(suites, tmp_path, monkeypatch)
    monkeypatch.setenv("UDN_TEST_LAB_STATUS", json.dumps(status))
    suites.write("test_all.py", "@verifies('primary-l2/mtu')\ndef test_good():\n    pass\n")
    result = suites.run("--lab", kubeconfig=False)
    assert ("do not trust" in result.stdout) == (told is not None)
    assert told is None or told in result.stdout


def test_a_lab_that_comes_as_a_kubeconfig_is_a_lab(suites: Suites) -> None:
    suites.write("test_all.py", "@verifies('primary-l2/mtu')\ndef test_good():\n    pass\n")
    suites.cluster.answers["/apis/kubevirt.io/v1/kubevirts"]["items"][0]["status"]["observedKubeVirtVersion"] = (
        "v1.8.0+lab"
    )
    report = suites.run().report
    assert report["environment"]["kind"] == "lab"
    assert "proves the suite, not OVN-Kubernetes" in report["environment"]["statement"]
    assert report["implementation"]["name"] == "udn-lab"


def _lab(suites: Suites, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a lab's command in place that leads to the test's API server; its log of calls."""
    package = tmp_path / "path" / "lab"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(LAB)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.setenv("UDN_TEST_LAB", str(tmp_path / "lab.log"))
    monkeypatch.setenv("UDN_TEST_KUBECONFIG", str(suites.cluster.kubeconfig))
    monkeypatch.setenv("UDN_TEST_VIRTCTL", str(virtctl(tmp_path)))
    return tmp_path / "lab.log"
