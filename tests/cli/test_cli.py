"""The command as a person uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance import cli, listing
from tests.plugin.conftest import Cluster, Suites, cluster, environment, suites  # noqa: F401

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in this process; status, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["udn-conformance", *arguments])
        monkeypatch.setenv("COLUMNS", "160")
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


@pytest.mark.parametrize("arguments", [("--help",), ()])
def test_help_tells_a_newcomer_where_to_begin(command: Command, arguments: tuple[str, ...]) -> None:
    status, out, _ = command(*arguments)
    assert status == 0
    for text in (
        "udn-conformance run",
        "--kubeconfig FILE",
        "run ",
        "list ",
        "prove ",
        "clean ",
        "lab ",
        "Exit status",
    ):
        assert text in " ".join(out.split())


def test_help_of_run_has_every_option(command: Command) -> None:
    status, out, _ = command("run", "--help")
    assert status == 0
    for option in listing.OPTIONS:
        assert option.flag in out
    assert "Examples:" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rnu",), "No such command 'rnu'"),
        (("run", "--kubeconfg", "x"), "unknown option '--kubeconfg'; did you mean --kubeconfig"),
        (("run", "--profil=persistence"), "did you mean --profile"),
        (("list", "--profile", "limts"), "unknown profile 'limts'; did you mean limits"),
        (("list", "--nonsense"), "No such option"),
    ],
)
def test_wrong_use_is_one_line_and_status_4(command: Command, arguments: tuple[str, ...], said: str) -> None:
    status, _, err = command(*arguments)
    assert status == 4
    assert said in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "flag", ["--collect-only", "--maxfail=2", "--durations=5", "--numprocesses=2", "--lab", "--pdb", "--capture=no"]
)
def test_options_of_pytest_are_let_through(flag: str) -> None:
    listing.check_flags([flag])


def test_list_shows_the_whole_catalogue(command: Command) -> None:
    status, out, _ = command("list", "--json")
    rows = json.loads(out)
    assert status == 0
    assert len(rows) == 128
    row = next(row for row in rows if row["id"] == "persistence/live-migration-keeps-address")
    assert row["kind"] == "behaviour"
    assert "live-migration" in row["needs"]
    assert row["source"][0].startswith("000 ")
    status, out, _ = command("list")
    assert status == 0
    assert "not covered" in out
    assert out.count("console-ui/") == 11


def test_list_of_one_profile(command: Command) -> None:
    _, out, _ = command("list", "--profile", "limits")
    assert "limits/virtctl-ssh" in out
    assert "primary-l2/" not in out
    assert "7 requirements" in out


def test_clean_wants_a_cluster(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    status, _, err = command("clean")
    assert status == 4
    assert "--kubeconfig" in err


def test_clean_of_a_clean_cluster(command: Command, cluster: Cluster) -> None:  # noqa: F811
    status, out, _ = command("clean", "--kubeconfig", str(cluster.kubeconfig))
    assert status == 0
    assert f"nothing is left of any run on {cluster.server}" in out


def test_clean_tells_what_it_would_remove(command: Command, cluster: Cluster) -> None:  # noqa: F811
    labels = {"udn-conformance/run": "abc123"}
    inside = {"metadata": {"name": "vm", "namespace": "udn-a", "labels": labels}}
    outside = {"metadata": {"name": "pod", "namespace": "default", "labels": labels}}
    cluster.answers |= {
        "/api/v1/namespaces": {"items": [{"metadata": {"name": "udn-a", "labels": labels}}]},
        "/apis/kubevirt.io/v1/virtualmachines": {"items": [inside]},
        "/api/v1/pods": {"items": [outside]},
        "/apis/k8s.ovn.org/v1/clusteruserdefinednetworks": {"items": [{"metadata": {"name": "net", "labels": labels}}]},
    }
    status, out, _ = command("clean", "--kubeconfig", str(cluster.kubeconfig), "--dry-run")
    assert status == 0
    assert out.splitlines() == [
        "would remove Pod default/pod of run abc123",
        "would remove Namespace udn-a of run abc123",
        "would remove ClusterUserDefinedNetwork net of run abc123",
    ]


def test_a_cluster_that_does_not_answer_is_one_line(command: Command, cluster: Cluster) -> None:  # noqa: F811
    cluster.kubeconfig.write_text(cluster.kubeconfig.read_text().replace(cluster.server, "http://127.0.0.1:9"))
    status, _, err = command("clean", "--kubeconfig", str(cluster.kubeconfig))
    assert status == 10
    assert "127.0.0.1:9" in err
    assert len(err.strip().splitlines()) == 1


def test_run_collects_the_project_s_suites(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "run", "--collect-only", "-q"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "::test_" in done.stdout


def test_run_takes_named_tests(suites: Suites) -> None:  # noqa: F811
    suites.write("test_all.py", "@verifies('primary-l2/mtu')\ndef test_mtu():\n    pass\n")
    assert listing.names_tests([str(suites.folder / "test_all.py")])
    assert listing.names_tests([f"{suites.folder / 'test_all.py'}::test_mtu"])
    assert not listing.names_tests(["-k", "migration", "--profile", "persistence"])
