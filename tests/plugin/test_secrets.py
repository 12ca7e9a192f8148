"""Secrets that a test meets are in nothing that a run leaves or prints."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Cluster, Suites

LEAKY = """
import logging, sys
from conformance.evidence import attach, figure, note, step
from conformance.evidence.snapshot import SNAPSHOTS
from conformance.plugin import run_context

TOKEN = "eyJhbGciOiJSUzI1NiJ9." + "eyJzdWIiOiJtZSJ9.c2lnbmF0dXJlAA"

@verifies("primary-l2/mtu")
def test_leaks(request):
    password = run_context(request.config).guest.password
    assert password == "seeded-guest-password"
    print("on stdout", password)
    print("on stderr", password, file=sys.stderr)
    logging.getLogger("x").warning("logged %s", password)
    SNAPSHOTS.add_source("console vm", lambda: f"login: root\\r\\nPassword: {password}\\r\\nroot@vm:~# ")
    attach(f"manifest with {password}", f"userData: |\\n  chpasswd: {{list: root:{password}}}\\n")
    attach("bytes", b"\\xff" + password.encode())
    note(f"note {password} {TOKEN}")
    with step(f"log in with {password}"):
        raise AssertionError(f"login with {password} failed, bearer {TOKEN}, token-of-the-kubeconfig")

@pytest.fixture
def scenario():
    SNAPSHOTS.add_namespace("mine")

@verifies("primary-l2/tcp-and-udp")
def test_leaks_through_the_cluster(scenario):
    raise ConnectionError("cannot reach https://me:secret-in-a-url@registry/v2?token=secret-in-a-query")

@pytest.fixture
def broken(request):
    raise RuntimeError("cannot use " + run_context(request.config).guest.password)

@verifies("primary-l2/same-node")
def test_setup_leaks(broken):
    pass
"""
SECRETS = (
    "seeded-guest-password",
    "eyJzdWIiOiJtZSJ9",
    "token-of-the-kubeconfig",
    "secret-in-a-url",
    "secret-in-a-query",
    "secret-of-user-data",
    "secret-of-an-annotation",
    "c2VjcmV0LW9mLWEtU2VjcmV0",
    "secret-of-an-event",
    "secret-of-a-log",
)
USER_DATA = "#cloud-config\nchpasswd:\n  list: |\n    root:secret-of-user-data\n"
APPLIED = '{"kind": "Secret", "data": {"key": "c2VjcmV0LW9mLWEtU2VjcmV0"}}'


def _seed(cluster: Cluster) -> None:
    """Put secrets into what a snapshot looks at."""
    about = {"name": "vm", "namespace": "mine", "annotations": {"example.com/token": "token=secret-of-an-annotation"}}
    volume = {"name": "cloudinit", "cloudInitNoCloud": {"userData": USER_DATA}}
    machine = {"metadata": about, "spec": {"template": {"spec": {"volumes": [volume]}}}}
    copied = {"kubectl.kubernetes.io/last-applied-configuration": APPLIED}
    service = {"metadata": {"name": "web", "namespace": "mine", "annotations": copied}}
    event = {"metadata": {"name": "e"}, "message": "pull failed: Authorization: Bearer secret-of-an-event"}
    pod = {"metadata": {"name": "pod", "namespace": "mine"}, "spec": {"containers": [{"name": "compute"}]}}
    core = "/api/v1/namespaces/mine"
    cluster.answers |= {
        core: {"metadata": {"name": "mine"}},
        f"{core}/services": {"items": [service]},
        f"{core}/events": {"items": [event]},
        f"{core}/pods": {"items": [pod]},
        f"{core}/pods/pod/log": {"said": "password=secret-of-a-log"},
        "/apis/kubevirt.io/v1/namespaces/mine/virtualmachines": {"items": [machine]},
    }


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_seeded_secrets_are_nowhere(suites: Suites, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]) -> None:
    monkeypatch.setenv("UDN_GUEST_PASSWORD", "seeded-guest-password")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(suites.out.parent / "summary.md"))
    _seed(suites.cluster)
    suites.write("test_all.py", LEAKY)
    result = suites.run("-v", "-rA", *workers)
    assert result.status == 1
    texts = {str(file): file.read_bytes() for file in result.out.rglob("*") if file.is_file()}
    texts["summary"] = (suites.out.parent / "summary.md").read_bytes()
    texts |= {"stdout": result.stdout.encode(), "stderr": result.stderr.encode()}
    found = [(place, secret) for place, text in texts.items() for secret in SECRETS if secret.encode() in text]
    assert found == []
    assert "::error title=failed%3A primary-l2/mtu::" in result.stdout
    # What is left tells the story all the same.
    assert "login with [redacted] failed" in result.requirement("primary-l2/mtu")["reason"]
    evidence = [file.name for file in result.out.rglob("evidence/*/*")]
    assert "log.txt" in evidence
    assert any("console-vm" in name for name in evidence)
    for name in ("namespace-mine.yaml", "events-of-mine.txt", "logs-of-mine.txt"):
        assert [file for file in evidence if file.endswith(name)], name
    # Only the test that uses the scenario shows it.
    assert sum("namespace-mine" in file for file in evidence) == 1
    assert any("manifest-with-redacted" in name for name in evidence)


def test_evidence_stands_in_the_report_and_in_allure(suites: Suites) -> None:
    suites.write(
        "test_all.py",
        "from conformance.evidence import attach, figure, step\n"
        "@verifies('primary-l2/mtu')\ndef test_mtu():\n"
        "    with step('measure the path'):\n"
        "        figure('mtu', 1400, 'bytes')\n"
        "        attach('ip link', 'eth0: mtu 1400')\n",
    )
    result = suites.run()
    found = result.requirement("primary-l2/mtu")
    assert found["figures"] == [{"name": "mtu", "value": 1400.0, "unit": "bytes"}]
    files = found["tests"][0]["evidence"]
    assert [file.rpartition("/")[2] for file in files] == ["log.txt", "01-ip-link.txt"]
    assert (result.out / files[1]).read_text() == "eth0: mtu 1400"
    allure = "".join(file.read_text() for file in (result.out / "allure-results").glob("*-result.json"))
    for text in ("measure the path", "ip link", "mtu = 1400 bytes", '"epic"', "primary-l2", '"critical"'):
        assert text in allure
