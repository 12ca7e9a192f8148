"""Secrets that a test meets are in nothing that a run leaves or prints."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Suites

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
    SNAPSHOTS.add_source("vm", lambda: f"login: root\\r\\nPassword: {password}\\r\\nroot@vm:~# ")
    attach(f"manifest with {password}", f"userData: |\\n  chpasswd: {{list: root:{password}}}\\n")
    attach("bytes", b"\\xff" + password.encode())
    note(f"note {password} {TOKEN}")
    with step(f"log in with {password}"):
        raise AssertionError(f"login with {password} failed, bearer {TOKEN}, token-of-the-kubeconfig")

@pytest.fixture
def broken(request):
    raise RuntimeError("cannot use " + run_context(request.config).guest.password)

@verifies("primary-l2/same-node")
def test_setup_leaks(broken):
    pass
"""
SECRETS = ("seeded-guest-password", "eyJzdWIiOiJtZSJ9", "token-of-the-kubeconfig")


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_seeded_secrets_are_nowhere(suites: Suites, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]) -> None:
    monkeypatch.setenv("UDN_GUEST_PASSWORD", "seeded-guest-password")
    suites.write("test_all.py", LEAKY)
    result = suites.run("-v", "-rA", *workers)
    assert result.status == 1
    texts = {str(file): file.read_bytes() for file in result.out.rglob("*") if file.is_file()}
    texts |= {"stdout": result.stdout.encode(), "stderr": result.stderr.encode()}
    found = [(place, secret) for place, text in texts.items() for secret in SECRETS if secret.encode() in text]
    assert found == []
    # What is left tells the story all the same.
    assert "login with [redacted] failed" in result.requirement("primary-l2/mtu")["reason"]
    evidence = [file.name for file in result.out.rglob("evidence/*/*")]
    assert "log.txt" in evidence
    assert any("console-vm" in name for name in evidence)
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
