"""HTTP to one API server: the official client's configuration and connections, our own errors and retries.

The dynamic client would first read every API group of the cluster, and has no place for retries; so requests go
straight through the official client's connection pool, which carries its TLS, proxy and credential settings.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import tenacity
import urllib3
import yaml
from kubernetes import client as official
from kubernetes.config import ConfigException, new_client_from_config

from conformance.kube.errors import Call, Refused, Unreachable, refusal
from conformance.timeouts import Timeouts

POOL_SIZE = 32
READS = frozenset({"GET", "HEAD"})
LONGEST_ANSWER = 200  # characters of an answer that is no Status object: a proxy's page, say
_MARKUP = re.compile(r"<style.*?</style>|<[^>]*>", re.DOTALL)


class KubeconfigError(Exception):
    """The kubeconfig is missing, unreadable or has no such context; one line that says which."""


@dataclass(frozen=True)
class Request:
    """One request; ``repeatable`` tells that sending it twice does no harm, or that the caller can tell."""

    call: Call
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: object | None = None
    content_type: str = "application/json"
    repeatable: bool = False


class _Again(Exception):
    """A failure worth another attempt."""

    def __init__(self, error: Refused | Unreachable, carried: bool, after: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.carried = carried
        self.after = after


class Transport:
    """Requests to one API server; safe to use from several threads."""

    def __init__(self, client: official.ApiClient, timeouts: Timeouts, user_agent: str) -> None:
        self.configuration: Any = client.configuration
        self._pool: urllib3.PoolManager = client.rest_client.pool_manager
        self._timeouts = timeouts
        self._agent = user_agent
        self._answered = False
        self.server: str = client.configuration.host.rstrip("/")

    @classmethod
    def from_kubeconfig(
        cls, kubeconfig: Path | None, context: str | None, timeouts: Timeouts, user_agent: str
    ) -> Transport:
        """Read the kubeconfig (``None``: ``$KUBECONFIG`` or ``~/.kube/config``); raises ``KubeconfigError``."""
        name = kubeconfig or "(default)"
        if kubeconfig is not None and not kubeconfig.exists():
            raise KubeconfigError(f"kubeconfig {name}: no such file; name another with --kubeconfig")
        load: Callable[..., official.ApiClient] = new_client_from_config
        configuration = official.Configuration()
        configuration.connection_pool_maxsize = POOL_SIZE
        try:
            with _complaints() as complaints:
                client = load(
                    config_file=str(kubeconfig) if kubeconfig else None,
                    context=context,
                    persist_config=False,
                    client_configuration=configuration,
                )
        except ConfigException as error:
            raise KubeconfigError(f"kubeconfig {name}: {_line(error)}") from error
        except OSError as error:
            raise KubeconfigError(f"kubeconfig {name} cannot be read: {error.strerror or _line(error)}") from error
        except (yaml.YAMLError, ValueError, TypeError, AttributeError) as error:
            # TypeError and AttributeError: the loader notices a malformed file only where it uses it.
            raise KubeconfigError(f"kubeconfig {name} is no kubeconfig: {_line(error)}") from error
        if complaints:
            raise KubeconfigError(f"kubeconfig {name}: its credentials cannot be had: {complaints[0]}")
        return cls(client, timeouts, user_agent)

    def send(self, request: Request) -> dict[str, Any]:
        """One answer, as JSON; what failed for no fault of the request is tried again.

        Raises ``Refused`` and its kinds, or ``Unreachable``. Until the server has answered once, a refused
        connection is final: a kubeconfig that points nowhere must be told at once.
        """
        state = _Attempts()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Again),
            stop=tenacity.stop_after_delay(self._timeouts["api-retry"]),
            wait=_wait,
            reraise=True,
        )
        try:
            answer: dict[str, Any] = retrying(self._once, request, state)
        except _Again as again:
            raise again.error from None
        except Refused as refused:
            refused.repeated = state.carried
            raise
        return answer

    def _once(self, request: Request, state: _Attempts) -> dict[str, Any]:
        limit = urllib3.Timeout(connect=self._timeouts["api-connect"], read=self._timeouts["api-request"])
        try:
            response = self._exchange(request, limit, preload=True)
        except urllib3.exceptions.HTTPError as error:
            raise self._cut(request, error, state) from error
        self._answered = True
        if response.status < 400:
            return _json(response.data)
        refused = refusal(response.status, _status(response), request.call)
        after = _seconds(response.headers.get("Retry-After"))
        if response.status == 429:
            raise _Again(refused, carried=False, after=after)
        if response.status >= 500 and request.method in READS:
            raise _Again(refused, carried=False, after=after)
        if response.status >= 500 and request.repeatable:
            state.carried = True
            raise _Again(refused, carried=True, after=after)
        raise refused

    def _cut(self, request: Request, error: urllib3.exceptions.HTTPError, state: _Attempts) -> Exception:
        unreachable = Unreachable(request.call, self.server, _line(error))
        if isinstance(error, urllib3.exceptions.SSLError) or not self._answered:
            return unreachable
        if isinstance(error, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError):
            return _Again(unreachable, carried=False)
        if request.method in READS:
            return _Again(unreachable, carried=False)
        if request.repeatable:
            state.carried = True
            return _Again(unreachable, carried=True)
        return unreachable

    @contextmanager
    def stream(self, request: Request, idle: float) -> Iterator[Iterator[bytes]]:
        """An answer that goes on (a watch), in chunks; silence longer than ``idle`` seconds ends it.

        Raises ``Refused`` or ``Unreachable``, on opening and while reading.
        """
        limit = urllib3.Timeout(connect=self._timeouts["api-connect"], read=idle)
        try:
            response = self._exchange(request, limit, preload=False)
            try:
                if response.status >= 400:
                    response.read(cache_content=True)
                    raise refusal(response.status, _status(response), request.call)
                yield response.stream(65536)
            finally:
                # Closed, not released: a stream that was left early must not serve another request.
                response.close()
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(request.call, self.server, _line(error)) from error

    def _exchange(self, request: Request, limit: urllib3.Timeout, preload: bool) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json", "User-Agent": self._agent}
        for setting in self.configuration.auth_settings().values():
            # Asked for at each request: the client renews expiring tokens here.
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        return self._pool.request(
            request.method,
            self.server + request.path + (f"?{urlencode(request.query)}" if request.query else ""),
            body=json.dumps(request.body) if request.body is not None else None,
            headers=headers,
            timeout=limit,
            retries=False,
            redirect=False,
            preload_content=preload,
        )


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What the official client only logs: a program for credentials that fails leaves a client without any."""
    said: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(" ".join(record.getMessage().split()))

    handler, root = Handler(logging.ERROR), logging.getLogger()
    root.addHandler(handler)
    try:
        yield said
    finally:
        root.removeHandler(handler)


@dataclass
class _Attempts:
    """Whether an earlier attempt may have been carried out."""

    carried: bool = False


_backoff = tenacity.wait_random_exponential(multiplier=0.2, max=5)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return max(_backoff(state), error.after if isinstance(error, _Again) else 0.0)


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.strip().isdigit() else 0.0


def _json(data: bytes) -> dict[str, Any]:
    if not data.strip():
        return {}
    try:
        value = json.loads(data)
    except ValueError:
        return {"text": data.decode(errors="replace")}
    return value if isinstance(value, dict) else {"items": value}


def _status(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    """The Status object of a refusal, or what a proxy said instead."""
    answer = _json(response.data)
    if answer.get("kind") == "Status":
        return answer
    text = str(answer.get("text") or answer.get("message") or answer or response.reason)
    return {"message": " ".join(_MARKUP.sub(" ", text).split())[:LONGEST_ANSWER]}


def _line(error: BaseException) -> str:
    """The text of an error in one line, without urllib3's object addresses."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.split(">: ", 1)[-1] if text.startswith("<") else text.split("at 0x", 1)[0] if "at 0x" in text else text
