"""``udn-conformance doctor`` as a person uses it, on clusters that lack things or refuse to answer."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance import cli
from conformance.catalog.loader import catalog
from conformance.doctor.rights import needed
from conformance.features.vocabulary import feature_names
from tests.plugin.conftest import (  # noqa: F401
    ACCESS_REVIEWS,
    Cluster,
    Suites,
    cluster,
    environment,
    kubevirt,
    suites,
    virtctl,
    whole_cluster,
)

Doctor = Callable[..., tuple[int, str, str]]


@pytest.fixture
def doctor(
    cluster: Cluster,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Doctor:
    """Runs the command on the cluster; status, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        place = ["--kubeconfig", str(cluster.kubeconfig), "--virtctl", str(virtctl(tmp_path))]
        monkeypatch.setattr(sys, "argv", ["udn-conformance", "doctor", *place, *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def test_a_whole_cluster(doctor: Doctor, cluster: Cluster) -> None:  # noqa: F811
    status, out, err = doctor()
    assert (status, err) == (0, "")
    rows = [" ".join(line.split()) for line in out.splitlines()]
    for row in (
        f"cluster {cluster.server}",
        "kubernetes v1.33.0",
        "openshift not found",
        "live-migration yes 2 nodes can run VMs, and KubeVirt v1.6.0 is Available",
        "passt no KubeVirt's feature gate PasstBinding is off, and no network binding plugin passt is registered; "
        "there are: l2bridge",
        f"rights ok the user has all {len(needed())} rights of deploy/rbac.yaml",
        "overlapping-subnets ok none among 0 networks and 10.200.0.0/13 and fd75:646e::/32, "
        "from which a run takes its own",
    ):
        assert row in rows
    assert set(cluster.posted) == {ACCESS_REVIEWS}, "something was created in the cluster"


def test_rights_that_the_user_lacks_are_named(doctor: Doctor, cluster: Cluster) -> None:  # noqa: F811
    cluster.rights = lambda asked: (asked["resource"], asked["verb"]) != ("pods", "create")
    status, out, _ = doctor()
    assert status == 0, "what lacks a right may be what is not asked for"
    rights = next(line for line in out.splitlines() if line.startswith("  rights"))
    assert " LOOK the user lacks 3 of " in rights
    assert rights.endswith(": create pods; create pods/exec; create pods/portforward")


def test_every_requirement_once_and_why_not(doctor: Doctor) -> None:
    _, out, _ = doctor("--json")
    found = json.loads(out)
    assert [feature["name"] for feature in found["features"]] == list(feature_names())
    outlooks = {each["id"]: each for each in found["requirements"]}
    assert outlooks["primary-l2/mtu"]["outlook"] == "verifiable"
    assert outlooks["primary-l2/binding-passt"]["missingFeature"] == "passt"
    assert "PasstBinding is off" in outlooks["primary-l2/binding-passt"]["reason"]
    assert {each["id"] for each in found["requirements"]} == set(catalog().ids)
    _, out, _ = doctor("--requirements", "--profile", "primary-l2")
    assert "  primary-l2/binding-passt" in out
    assert "udn-api/" not in out


def test_the_users_word_is_told_as_such(doctor: Doctor) -> None:
    _, out, _ = doctor("--feature", "passt=yes", "--json")
    passt = next(each for each in json.loads(out)["features"] if each["name"] == "passt")
    assert passt["overridden"]
    assert passt["evidence"].startswith("said by --feature passt=yes; found: ")


def test_strict_wants_what_core_requirements_need(doctor: Doctor, cluster: Cluster) -> None:  # noqa: F811
    assert doctor("--profile", "persistence", "--require", "persistence/live-*", "--strict")[0] == 0
    cluster.answers["/apis/kubevirt.io/v1/kubevirts"] = {"items": [kubevirt(available="False")]}
    status, out, err = doctor("--profile", "persistence", "--strict")
    assert status == 10
    assert "--strict: core requirements need what is missing: kubevirt (KubeVirt v1.6.0 is not Available" in err
    assert len(err.strip().splitlines()) == 1
    assert "live-migration" in out


def test_nothing_to_verify_is_no_success(doctor: Doctor, cluster: Cluster) -> None:  # noqa: F811
    del cluster.answers["/apis/k8s.ovn.org/v1"]
    status, _, err = doctor("--profile", "udn-api")
    assert status == 10
    assert "nothing of what was asked for (--profile udn-api) can be verified here" in err


@pytest.mark.parametrize("left", [("/version", "/api/v1/namespaces"), ("/version", "/api/v1/namespaces", "/apis")])
def test_a_cluster_with_nothing_in_it(doctor: Doctor, cluster: Cluster, left: tuple[str, ...]) -> None:  # noqa: F811
    cluster.answers = {path: whole_cluster()[path] for path in left}
    status, out, err = doctor()
    assert status == 10
    assert len(err.strip().splitlines()) == 1
    assert all(len(line.split()) > 1 for line in out.splitlines() if line.startswith("  "))
    assert "Traceback" not in out + err


def test_every_call_forbidden_but_the_first(doctor: Doctor, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    allowed = {path: whole_cluster()[path] for path in ("/version", "/api/v1/namespaces")}

    class Closed(dict[str, Any]):
        def get(self, path: str, default: Any = None) -> Any:
            if path not in allowed:
                cluster.refuse = 403
            else:
                cluster.refuse = None
            return allowed.get(path)

    cluster.answers = Closed()
    status, out, err = doctor()
    assert status == 10
    assert len(err.strip().splitlines()) == 1
    assert "could not be found out: " in out
    assert "403 Forbidden" in out


def test_an_api_that_hangs_is_told_call_by_call(doctor: Doctor, cluster: Cluster) -> None:  # noqa: F811
    over = threading.Event()

    class Hanging(dict[str, Any]):
        def get(self, path: str, default: Any = None) -> Any:
            if path not in ("/version", "/api/v1/namespaces"):
                over.wait()
            return whole_cluster().get(path)

    cluster.answers = Hanging()
    try:
        status, out, err = doctor("--timeout", "api-request=0.3", "--timeout", "api-retry=0.3")
    finally:
        over.set()
    assert status == 10
    assert len(err.strip().splitlines()) == 1
    assert "could not be found out: list Node: no answer from" in out
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--feature", "pasta=yes"), "unknown feature 'pasta'; did you mean passt"),
        (("--nonsense",), "unrecognized arguments: --nonsense"),
        (("--profile", "limts"), "did you mean limits"),
    ],
)
def test_wrong_use_is_one_line(doctor: Doctor, arguments: tuple[str, ...], said: str) -> None:
    status, _, err = doctor(*arguments)
    assert status == 4
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_a_run_begins_with_the_same_lines(doctor: Doctor, suites: Suites) -> None:  # noqa: F811
    suites.write("test_all.py", "@verifies('primary-l2/binding-passt')\ndef test_passt():\n    pass\n")
    _, told, _ = doctor()
    before, _, _ = told.partition("requirements")
    run = suites.run().stdout
    for line in before.splitlines()[1:]:
        assert line in run or "virtctl" in line, line
    assert "for want of passt: primary-l2/binding-passt" in run


def test_a_run_that_is_strict_does_not_begin(cluster: Cluster, tmp_path: Path) -> None:  # noqa: F811
    cluster.answers["/api/v1/nodes"] = {"items": []}
    place = ["--kubeconfig", str(cluster.kubeconfig), "--virtctl", str(virtctl(tmp_path)), "--out", str(tmp_path)]
    run = subprocess.run(
        [sys.executable, "-m", "conformance", "run", *place, "--require", "persistence/live-*", "--strict"],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert run.returncode == 10, run.stdout + run.stderr
    missing = "--strict: core requirements need what is missing: live-migration (needs two nodes"
    assert missing in json.loads((tmp_path / "report.json").read_text())["preflight"]
    assert missing in run.stderr
