"""Pods as kubectl sees them: their processes, states, logs, commands and end."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
from typing import Any

import pytest

from tests.nodes.conftest import PATIENCE, Cluster

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def talker(cluster: Cluster, namespace: str) -> str:
    """A pod that says a line on each stream, then serves /etc over HTTP on its loopback address."""
    script = "echo first; echo second >&2; exec httpd -f -p 127.0.0.1:80 -h /etc"
    cluster.start(namespace, "talker", "sh", "-c", script, env=[{"name": "WHO", "value": "me"}])
    cluster.wait(namespace, "talker", "condition=Ready")
    return "talker"


def container_status(cluster: Cluster, namespace: str, pod: str) -> dict[str, Any]:
    status: dict[str, Any] = cluster.get("pod", namespace, pod)["status"]["containerStatuses"][0]
    return status


def reasons(cluster: Cluster, namespace: str, pod: str) -> set[str]:
    events = json.loads(cluster.ok("get", "events", "-n", namespace, "-o", "json"))["items"]
    return {event["reason"] for event in events if event["involvedObject"]["name"] == pod}


def test_nodes_are_ready_and_tell_where_their_kubelet_is(cluster: Cluster) -> None:
    nodes = json.loads(cluster.ok("get", "nodes", "-o", "json"))["items"]
    found = {node["metadata"]["name"]: node for node in nodes}
    assert set(found) == {"control-plane", "worker-1", "worker-2"}
    assert found["control-plane"]["spec"]["taints"][0]["effect"] == "NoSchedule"
    for node in found.values():
        ready = [condition for condition in node["status"]["conditions"] if condition["type"] == "Ready"]
        assert ready[0]["status"] == "True"
        assert node["metadata"]["annotations"]["lab.udn/kubelet-endpoint"].startswith("https://127.0.0.1:")


def test_a_pod_has_the_address_of_the_default_network_and_all_conditions(
    cluster: Cluster, namespace: str, talker: str
) -> None:
    status = cluster.get("pod", namespace, talker)["status"]
    assert status["podIP"].startswith("10.244.1.")
    assert status["hostIP"] == "172.18.0.11"
    assert status["qosClass"] == "BestEffort"
    conditions = {condition["type"]: condition["status"] for condition in status["conditions"]}
    wanted = ("PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")
    assert {type_: conditions.get(type_) for type_ in wanted} == dict.fromkeys(wanted, "True")


def test_a_pod_sees_only_its_own_processes_and_files(cluster: Cluster, namespace: str, talker: str) -> None:
    seen = cluster.ok("exec", "-n", namespace, talker, "--", "sh", "-c", "ls /proc | grep '^[0-9]' | wc -l; ls /run")
    assert int(seen.split()[0]) < 10
    assert seen.split()[1:] == []


def test_exec_gives_streams_environment_and_exit_status(cluster: Cluster, namespace: str, talker: str) -> None:
    command = ["sh", "-c", "cat; echo $WHO; echo trouble >&2; hostname; exit 7"]
    done = cluster.kubectl("exec", "-i", "-n", namespace, talker, "--", *command, stdin="input\n")
    assert done.returncode == 7
    assert done.stdout == "input\nme\ntalker\n"
    assert "trouble" in done.stderr


def test_exec_returns_although_a_child_stays_behind(cluster: Cluster, namespace: str, talker: str) -> None:
    command = ["sh", "-c", "sleep 1000 & echo done"]
    assert cluster.ok("exec", "-n", namespace, talker, "--", *command) == "done\n"


def test_much_output_arrives_whole(cluster: Cluster, namespace: str, talker: str) -> None:
    command = ["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x"]
    assert len(cluster.ok("exec", "-n", namespace, talker, "--", *command)) == 3_000_000


def test_exec_with_a_terminal_has_one(cluster: Cluster, namespace: str, talker: str) -> None:
    pexpect = pytest.importorskip("pexpect")
    config = f"--kubeconfig={cluster.config.kubeconfig}"
    # The size follows the command: a client sends it once the terminal is there.
    script = "tty; until stty size 2>/dev/null | grep '31 117'; do sleep 0.1; done; read x; echo got $x"
    argv = [config, "exec", "-it", "-n", namespace, talker, "--", "sh", "-c", script]
    terminal = pexpect.spawn("kubectl", argv, dimensions=(31, 117), timeout=PATIENCE, encoding="utf-8")
    terminal.expect(r"/dev/pts/\d+")
    terminal.expect("31 117")
    terminal.sendline("word")
    terminal.expect("got word")
    terminal.expect(pexpect.EOF)


def test_an_attached_pod_reads_what_is_typed_and_ends_with_its_input(cluster: Cluster, namespace: str) -> None:
    run = ["run", "reader", "-n", namespace, "--image=localhost/lab-pod:latest", "--restart=Never", "-i", "--rm"]
    done = cluster.kubectl(*run, "--command", "--", "sh", "-c", "sort; exit 4", stdin="b\na\n")
    assert done.stdout.count("a\nb\n") == 1, done.stderr
    assert done.returncode == 4


def test_logs_of_both_streams_with_tail_and_timestamps(cluster: Cluster, namespace: str, talker: str) -> None:
    assert sorted(cluster.ok("logs", "-n", namespace, talker).splitlines()) == ["first", "second"]
    line = cluster.ok("logs", "-n", namespace, talker, "--tail=1", "--timestamps")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (first|second)\n", line)


def test_a_followed_log_ends_with_its_container(cluster: Cluster, namespace: str) -> None:
    cluster.start(namespace, "counter", "sh", "-c", "for n in 1 2 3; do echo $n; sleep 0.2; done", policy="Never")
    cluster.wait(namespace, "counter", "jsonpath={.status.startTime}")
    cluster.wait(namespace, "counter", "jsonpath={.status.containerStatuses[0].containerID}")
    assert cluster.ok("logs", "-f", "-n", namespace, "counter") == "1\n2\n3\n"


def test_files_can_be_copied_into_a_pod(cluster: Cluster, namespace: str, talker: str, tmp_path: Any) -> None:
    (tmp_path / "note").write_text("copied")
    cluster.ok("cp", f"{tmp_path}/note", f"{namespace}/{talker}:/tmp/note")
    assert cluster.ok("exec", "-n", namespace, talker, "--", "cat", "/tmp/note") == "copied"


def test_port_forward_reaches_the_pods_own_loopback(cluster: Cluster, namespace: str, talker: str) -> None:
    config = f"--kubeconfig={cluster.config.kubeconfig}"
    argv = ["kubectl", config, "port-forward", "-n", namespace, f"pod/{talker}", ":80"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as forward:
        try:
            assert forward.stdout is not None
            port = int(forward.stdout.readline().split(":")[1].split()[0])
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
                connection.sendall(b"GET /hostname HTTP/1.0\r\n\r\n")
                answer = b"".join(iter(lambda: connection.recv(4096), b""))
        finally:
            forward.kill()
    assert answer.endswith(b"talker\n")


def test_a_container_that_ends_gives_its_exit_code_and_the_pod_its_phase(cluster: Cluster, namespace: str) -> None:
    pod = cluster.start(namespace, "failing", "sh", "-c", "exit 3", policy="Never")
    cluster.wait(namespace, "failing", "jsonpath={.status.phase}=Failed")
    ending = container_status(cluster, namespace, "failing")["state"]["terminated"]
    assert (ending["exitCode"], ending["reason"]) == (3, "Error")
    cluster.start(namespace, "fine", "true", policy="OnFailure")
    cluster.wait(namespace, "fine", "jsonpath={.status.phase}=Succeeded")
    cluster.ok("delete", "pod", "-n", namespace, "failing")
    assert not cluster.sandbox(pod).exists()


def test_an_image_that_nobody_has_is_told_as_a_kubelet_does(cluster: Cluster, namespace: str) -> None:
    cluster.start(namespace, "imageless", image="quay.io/nobody/nothing:1")
    cluster.wait(
        namespace, "imageless", "jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff"
    )
    assert cluster.get("pod", namespace, "imageless")["status"]["phase"] == "Pending"
    cluster.ok("delete", "pod", "-n", namespace, "imageless")
    assert {"Failed", "BackOff"} <= reasons(cluster, namespace, "imageless")


def test_a_command_that_is_not_in_the_image_is_a_start_error(cluster: Cluster, namespace: str) -> None:
    cluster.start(namespace, "commandless", "no-such-command", policy="Never")
    cluster.wait(namespace, "commandless", "jsonpath={.status.phase}=Failed")
    ending = container_status(cluster, namespace, "commandless")["state"]["terminated"]
    assert ending["reason"] == "StartError"
    assert '"no-such-command": executable file not found in $PATH' in ending["message"]


def test_probes_decide_readiness_and_restart(cluster: Cluster, namespace: str) -> None:
    quick = {"periodSeconds": 1, "failureThreshold": 1}
    command = ["sh", "-c", "touch /tmp/alive; httpd -p 80 -h /etc; sleep 1000"]
    readiness = {"tcpSocket": {"port": 80}, **quick}
    liveness = {"exec": {"command": ["test", "-e", "/tmp/alive"]}, "initialDelaySeconds": 1, **quick}
    cluster.start(namespace, "probed", *command, readinessProbe=readiness, livenessProbe=liveness)
    cluster.wait(namespace, "probed", "condition=Ready")
    cluster.ok("exec", "-n", namespace, "probed", "--", "rm", "/tmp/alive")
    cluster.wait(namespace, "probed", "jsonpath={.status.containerStatuses[0].restartCount}=1")
    cluster.wait(namespace, "probed", "condition=Ready")
    assert {"Unhealthy", "Killing"} <= reasons(cluster, namespace, "probed")


def test_deletion_ends_processes_and_takes_the_sandbox_away(cluster: Cluster, namespace: str) -> None:
    pod = cluster.start(namespace, "leaving", "sleep", "1000000")
    cluster.wait(namespace, "leaving", "condition=Ready")
    assert cluster.sandbox(pod).exists()
    cluster.ok("delete", "pod", "-n", namespace, "leaving")
    assert not cluster.sandbox(pod).exists()
    assert not (cluster.config.state / "pods" / pod["metadata"]["uid"]).exists()
    ports = ["ovs-vsctl", f"--db=unix:{cluster.config.state}/nodes/worker-1/db.sock", "list-ports", "br-int"]
    left = subprocess.run(ports, capture_output=True, text=True, check=True).stdout
    assert pod["metadata"]["uid"][:8] not in left


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace_period(cluster: Cluster, namespace: str) -> None:
    cluster.start(namespace, "stubborn", "sh", "-c", "trap '' TERM; while :; do sleep 1; done", grace=1)
    cluster.wait(namespace, "stubborn", "condition=Ready")
    cluster.ok("delete", "pod", "-n", namespace, "stubborn")
    assert cluster.kubectl("get", "pod", "-n", namespace, "stubborn").returncode == 1


def test_a_pod_of_the_same_name_can_follow_at_once(cluster: Cluster, namespace: str) -> None:
    for _ in range(3):
        cluster.start(namespace, "again")
        cluster.wait(namespace, "again", "condition=Ready")
        cluster.ok("delete", "pod", "-n", namespace, "again")


def test_the_kubelet_answers_nobody_without_a_certificate(cluster: Cluster) -> None:
    node = json.loads(cluster.ok("get", "node", "worker-1", "-o", "json"))
    port = int(node["metadata"]["annotations"]["lab.udn/kubelet-endpoint"].rsplit(":", 1)[1])
    context = ssl.create_default_context(cafile=str(cluster.config.state / "pki" / "ca.crt"))
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain:
        tls = context.wrap_socket(plain, server_hostname="127.0.0.1")
        try:
            # In TLS 1.3 the server's refusal arrives with the first answer.
            tls.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            answer = tls.recv(1)
        except (ssl.SSLError, ConnectionError):
            answer = b""
    assert answer == b""
