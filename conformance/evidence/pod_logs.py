"""What pods wrote while a test ran: its own, and OVN-Kubernetes' on the nodes where they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from conformance.kube.api import Api, Object
from conformance.kube.errors import ApiError
from conformance.kube.execute import execute
from conformance.kube.resources import PODS
from conformance.kube.waits import TimedOut

#: Lines of one container, the newest.
LINES = 3000
#: Where OVN-Kubernetes' own pods are: on OpenShift, and where its Helm chart or kind scripts put them.
OVN_KUBERNETES = ("openshift-ovn-kubernetes", "ovn-kubernetes")
OVNKUBE_NODE = "app=ovnkube-node"
#: Seconds for one question to a database of OVN.
ANSWER = 10.0
# Ports carry their pod's namespace, in the northbound database and from there in the southbound one
# (OVN-Kubernetes, go-controller/pkg/ovn/base_network_controller_pods.go).
_VIEWS = (
    ("ovn-nbctl", "--no-leader-only", "find", "Logical_Switch_Port"),
    ("ovn-sbctl", "--no-leader-only", "find", "Port_Binding"),
)


def of_namespace(api: Api, namespace: str, seconds: int) -> str:
    """The logs of a namespace's pods, launchers of VMs among them, from the last ``seconds`` on."""
    return "".join(_logs(api, api.list(PODS, namespace), seconds))


def of_ovn_kubernetes(api: Api, namespaces: Iterable[str], seconds: int) -> str:
    """The logs of OVN-Kubernetes' pods on the nodes of these namespaces' pods, from the last ``seconds`` on."""
    return "".join(_logs(api, _ovnkube_nodes(api, namespaces), seconds))


def ovn_ports(api: Api, namespaces: Iterable[str]) -> str:
    """What OVN's databases say of the namespaces' ports, asked in one of those pods on each node.

    Where the user may not run commands, that is said instead. Raises ``LookupError`` when there are no such pods.
    """
    wanted = tuple(namespaces)
    pods = _ovnkube_nodes(api, wanted)
    if not pods:
        raise LookupError(f"no pods with {OVNKUBE_NODE} in {' or '.join(OVN_KUBERNETES)} on the nodes of this test")
    return "".join(
        f"# {_name(pod)}: {' '.join(view)} for namespace {namespace}\n{_asked(api, pod, view, namespace)}\n"
        for pod in pods
        for namespace in wanted
        for view in _VIEWS
    )


def _ovnkube_nodes(api: Api, namespaces: Iterable[str]) -> list[Object]:
    nodes = {pod["spec"].get("nodeName") for name in namespaces for pod in api.list(PODS, name)}
    found = [pod for place in OVN_KUBERNETES for pod in api.list(PODS, place, labels=OVNKUBE_NODE)]
    return [pod for pod in found if pod["spec"].get("nodeName") in nodes]


def _asked(api: Api, pod: Object, view: tuple[str, ...], namespace: str) -> str:
    metadata = pod["metadata"]
    command = (*view, f"external_ids:namespace={namespace}")
    try:
        output = execute(api, metadata["namespace"], metadata["name"], command, timeout=ANSWER)
    except (ApiError, TimedOut) as error:
        return f"not had: {error}\n"
    return output.stdout if output.status == 0 else f"status {output.status}: {output.stderr or output.stdout}"


def _logs(api: Api, pods: Iterable[Object], seconds: int) -> Iterator[str]:
    for pod in pods:
        for container in pod["spec"].get("containers", ()):
            try:
                text = api.log(pod["metadata"]["namespace"], pod["metadata"]["name"], container["name"], seconds, LINES)
            except ApiError as error:
                text = f"not had: {error}\n"
            if text:
                yield f"# {_name(pod)} container {container['name']}\n{text}\n"


def _name(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']} on {pod['spec'].get('nodeName')}"
