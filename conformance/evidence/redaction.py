"""Takes secrets out of every text before it leaves the process.

Two nets, one behind the other: values that the run knows to be secret (its own passwords and keys, the
kubeconfig's credentials), and patterns of what secrets look like (``redaction.yaml``).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

MASK = "[redacted]"
#: Shorter values would take ordinary words out of texts.
SHORTEST = 6


class Redactor:
    """Knows secrets by value and by pattern."""

    def __init__(self) -> None:
        self._values: dict[str, None] = {}
        self._known: re.Pattern[str] | None = None

    def register(self, *secrets: str) -> None:
        """Take these values out of every text from now on, also where they stand encoded."""
        for secret in secrets:
            if len(secret) >= SHORTEST and secret not in _rules()["public"]:
                self._values.update(dict.fromkeys(_forms(secret)))
        longest_first = sorted(self._values, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        """``text`` without its secrets; the same text when it has none."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern, replacement in _patterns():
            text = pattern.sub(replacement, text)
        return text

    def data(self, body: bytes) -> bytes:
        """``body`` without its secrets when it is text; else without the registered values."""
        try:
            return self.text(body.decode("utf-8")).encode("utf-8")
        except UnicodeDecodeError:
            for value in self._values:
                body = body.replace(value.encode("utf-8"), MASK.encode("ascii"))
            return body

    def object(self, value: Any) -> Any:
        """A copy of nested dicts and lists without secrets: all of a Secret's data, and every text."""
        if isinstance(value, dict):
            hidden = _rules()["fields"]
            secret = value.get("kind") == "Secret"
            return {
                key: _masked(inner)
                if key in hidden or (secret and key in ("data", "stringData"))
                else self.object(_without_passwords(inner) if key == "userData" else inner)
                for key, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.object(inner) for inner in value]
        return self.text(value) if isinstance(value, str) else value


def kubeconfig_secrets(kubeconfig: Path) -> list[str]:
    """The credentials that a kubeconfig holds; none when it cannot be read, which preflight tells better."""
    try:
        content = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        users = [entry["user"] for entry in content["users"]]
        return [str(user[key]) for user in users for key in ("token", "password", "client-key-data") if user.get(key)]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return []


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _masked(inner) for key, inner in value.items()}
    return MASK if isinstance(value, str) else value


def _without_passwords(user_data: Any) -> Any:
    rule = _rules()["userData"]
    return re.sub(rule["find"], rule["put"], user_data) if isinstance(user_data, str) else user_data


def _forms(secret: str) -> Iterable[str]:
    yield secret
    yield json.dumps(secret)[1:-1]
    yield quote(secret, safe="")
    yield base64.b64encode(secret.encode("utf-8")).decode("ascii").rstrip("=")


@cache
def _rules() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("redaction.yaml").read_text(encoding="utf-8"))
    return loaded


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(rule["find"], re.DOTALL), rule["put"]) for rule in _rules()["patterns"])


REDACTOR = Redactor()
