"""Wrong use: one line, status 4, nothing begun."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import InProcess, Suites

GOOD = "@verifies('primary-l2/mtu')\ndef test_mtu():\n    pass\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--profile", "persistance"), "unknown profile 'persistance'; did you mean persistence"),
        (("--require", "primary-l2/mtux"), "did you mean primary-l2/mtu"),
        (("--timeout", "vm-runing=3"), "did you mean vm-running"),
        (("--timeout", "vm-running=soon"), "say NAME=SECONDS"),
        (("--feature", "passd=yes"), "did you mean passt"),
        (("--feature", "passt=maybe"), "say passt=yes or passt=no"),
        (("--timeout-scale", "0"), "must be a positive number"),
        (("--lab",), "--lab and --kubeconfig exclude each other"),
        (("--run-id", "Not A Label"), "must be lower-case letters"),
        (("--limit", "migration-silense=1"), "migration-silence"),
        (("--on-failure", "show mac"), "say NAME=COMMAND"),
        (("--on-failure", "mac=show 'mac"), '"mac=show \'mac": No closing quotation'),
        (("--on-failure", "mac=one", "--on-failure", "mac=other"), "two commands named 'mac'"),
    ],
)
def test_options_that_cannot_be_meant(arguments: tuple[str, ...], said: str, in_process: InProcess) -> None:
    status, line = in_process(GOOD, *arguments)
    assert status == 4
    assert said in line
    assert len(line.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("@verifies('primary-l2/mtv')\ndef test_mtu():\n    pass\n", 3, "did you mean primary-l2/mtu"),
        ("def test_mtu():\n    pass\n", 3, "test_mtu verifies no requirement"),
        ("ID = 'primary-l2/mtu'\n@verifies(ID)\ndef test_mtu():\n    pass\n", 4, "literal strings"),
        ("class TestMtu:\n    def test_it(self):\n        pass\n", 4, "test_it verifies no requirement"),
    ],
)
def test_marks_that_are_wrong_are_told_with_file_and_line(
    source: str, line: int, said: str, in_process: InProcess
) -> None:
    status, text = in_process(source)
    assert status == 4
    assert f"test_all.py:{line}: " in text
    assert said in text


def test_nothing_selected_is_no_success(suites: Suites) -> None:
    suites.write("test_all.py", GOOD)
    result = suites.run("-k", "no_such_test")
    assert result.status == 5
    assert result.requirement("primary-l2/mtu")["verdict"] == "excluded"
    assert "-k no_such_test" in result.requirement("primary-l2/mtu")["reason"]


def test_nothing_applicable_is_no_success(suites: Suites) -> None:
    suites.write("test_all.py", GOOD)
    result = suites.run("--feature", "two-schedulable-nodes=no", "--profile", "primary-l2")
    assert result.status == 5
    found = result.requirement("primary-l2/mtu")
    assert found["verdict"] == "not applicable"
    assert "said by --feature two-schedulable-nodes=no; found: can run VMs: worker-1, worker-2" in found["reason"]
    assert result.report["result"] == "none"
    assert next(f for f in result.report["features"] if f["name"] == "two-schedulable-nodes")["overridden"]


def test_a_file_that_cannot_be_collected_blocks_its_requirements(suites: Suites) -> None:
    suites.write("test_all.py", "import no_such_module\n" + GOOD)
    result = suites.run()
    assert result.status == 2
    found = result.requirement("primary-l2/mtu")
    assert found["verdict"] == "blocked"
    assert "No module named 'no_such_module'" in found["reason"]


def test_collecting_only_needs_no_cluster_and_writes_nothing(suites: Suites) -> None:
    suites.write("test_all.py", GOOD)
    result = suites.run("--collect-only", "-q", kubeconfig=False)
    assert result.status == 0
    assert "test_all.py::test_mtu" in result.stdout
    assert not result.out.exists()
