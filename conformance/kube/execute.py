"""Commands in a pod, as ``kubectl exec`` runs them: over a websocket of the API server."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import urllib3
import websocket
from kubernetes.client import ApiException
from kubernetes.stream.ws_client import WSClient, get_websocket_url

from conformance.kube.api import Api
from conformance.kube.errors import Call, Refused, Unreachable
from conformance.kube.resources import PODS
from conformance.kube.waits import Deadline, TimedOut

TOO_MANY = 429
PAUSE = 0.5  # seconds
NO_STATUS = 255


@dataclass(frozen=True)
class Output:
    """What a command gave: its exit status, and both of its streams as text."""

    status: int
    stdout: str
    stderr: str


def execute(api: Api, namespace: str, pod: str, command: Sequence[str], timeout: str | float = "command") -> Output:
    """Run ``command`` (no shell) in the pod's first container; ``timeout`` is a name, or seconds as they are.

    Raises:
        Refused: the API does not let the command run.
        Unreachable: no answer from the API server.
        TimedOut: the command did not end in that time.
    """
    call = Call("exec in", PODS, namespace, pod)
    query = urlencode([("stdout", "true"), ("stderr", "true"), *(("command", word) for word in command)])
    url = f"{api.server}{PODS.path(namespace, pod, 'exec')}?{query}"
    seconds = api.timeouts[timeout] if isinstance(timeout, str) else timeout
    client = _opened(api, call, url)
    try:
        client.run_forever(timeout=seconds)
        if client.is_open():
            raise TimedOut(f"{namespace}/{pod}: {' '.join(command)} did not end within {seconds:g} s")
        stdout, stderr = client.read_stdout(timeout=0) or "", client.read_stderr(timeout=0) or ""
        return Output(_status(client), stdout, stderr)
    finally:
        client.close()


def _opened(api: Api, call: Call, url: str) -> WSClient:
    """The connection; a server that is too busy, or fails, before the command runs is asked again."""
    deadline = Deadline(api.timeouts["api-retry"])
    while True:
        try:
            return _open(api, call, url)
        except Refused as error:
            if deadline.passed or (error.code != TOO_MANY and error.code < 500):
                raise
        except Unreachable:
            if deadline.passed:
                raise
        threading.Event().wait(min(PAUSE, deadline.left))


def _open(api: Api, call: Call, url: str) -> WSClient:
    settings = api.configuration.auth_settings().values()
    headers = {entry["key"]: entry["value"] for entry in settings if entry["in"] == "header" and entry["value"]}
    try:
        return WSClient(api.configuration, get_websocket_url(url), headers, capture_all=False)
    except websocket.WebSocketBadStatusException as error:
        body = (error.resp_body or b"").decode(errors="replace")
        raise Refused(error.status_code, "ExecFailed", body or str(error), call=call) from error
    except (ApiException, websocket.WebSocketException, urllib3.exceptions.HTTPError, OSError) as error:
        raise Unreachable(call, api.server, str(error)) from error


def _status(client: WSClient) -> int:
    try:
        return int(client.returncode)
    except (KeyError, IndexError, TypeError, ValueError):
        # The command could not be started, or the stream was cut before it told how it ended.
        return NO_STATUS
