"""A port of a pod, as ``kubectl port-forward`` gives it: the kubelet connects inside the pod's network namespace."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import websocket
from kubernetes.client import ApiException
from kubernetes.stream.ws_client import PortForward, create_websocket, get_websocket_url

from conformance.kube.api import Api
from conformance.kube.errors import Call, Refused, Unreachable
from conformance.kube.resources import PODS


class Forwarded:
    """An open stream to a port of a pod."""

    def __init__(self, stream: PortForward, port: int) -> None:
        self._stream = stream
        self._port = port
        self.socket: socket.socket = stream.socket(port)

    @property
    def error(self) -> str:
        """What the kubelet said of the connection; empty while nothing is wrong."""
        said = self._stream.error(self._port) or ""
        return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


@contextmanager
def port_forward(api: Api, namespace: str, pod: str, port: int) -> Iterator[Forwarded]:
    """A stream to that TCP port until the block ends. Whether anybody answers there shows when it is read.

    Raises:
        Refused: the API does not let the port be forwarded.
        Unreachable: no answer from the API server.
    """
    call = Call("forward a port of", PODS, namespace, pod)
    url = f"{api.server}{PODS.path(namespace, pod, 'portforward')}?{urlencode({'ports': port})}"
    settings = api.configuration.auth_settings().values()
    headers = {entry["key"]: entry["value"] for entry in settings if entry["in"] == "header" and entry["value"]}
    try:
        # Other than for commands, there is no v5 of this protocol.
        asked = {**headers, "sec-websocket-protocol": "v4.channel.k8s.io"}
        stream = PortForward(create_websocket(api.configuration, get_websocket_url(url), asked), [port])
    except websocket.WebSocketBadStatusException as error:
        body = (error.resp_body or b"").decode(errors="replace")
        raise Refused(error.status_code, "PortForwardFailed", body or str(error), call=call) from error
    except (ApiException, websocket.WebSocketException, OSError) as error:
        raise Unreachable(call, api.server, str(error)) from error
    try:
        yield Forwarded(stream, port)
    finally:
        stream.close()
