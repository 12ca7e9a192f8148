"""Names and labels that Kubernetes allows."""

from __future__ import annotations

import re

from lab.apiserver.errors import Cause, Object, invalid_value
from lab.apiserver.kinds import Kind

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SERVICE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")

_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SERVICE_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_KEY_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_FREE_NAMES = {"rbac.authorization.k8s.io"}  # groups whose names may hold colons and capitals


def name_causes(kind: Kind, name: str) -> list[Cause]:
    """What is wrong with an object's name."""
    if kind.group in _FREE_NAMES:
        bad = "/" in name or "%" in name or name in (".", "..")
        return [invalid_value("metadata.name", name, "may not contain '/'")] if bad else []
    if kind.resource == "namespaces":
        return _judge(name, _LABEL, 63, _LABEL_RULE)
    if kind.resource == "services":
        return _judge(name, _SERVICE, 63, _SERVICE_RULE)
    return _judge(name, _SUBDOMAIN, 253, _SUBDOMAIN_RULE)


def _judge(name: str, pattern: re.Pattern[str], longest: int, rule: str) -> list[Cause]:
    causes = []
    if not pattern.fullmatch(name):
        causes.append(invalid_value("metadata.name", name, rule))
    if len(name) > longest:
        causes.append(invalid_value("metadata.name", name, f"must be no more than {longest} characters"))
    return causes


def label_causes(metadata: Object) -> list[Cause]:
    """What is wrong with an object's labels."""
    causes = []
    for key, value in (metadata.get("labels") or {}).items():
        if not _LABEL_KEY.fullmatch(key):
            causes.append(invalid_value("metadata.labels", key, _KEY_RULE))
        if len(str(value)) > 63:
            causes.append(invalid_value("metadata.labels", value, "must be no more than 63 characters"))
        if not _LABEL_VALUE.fullmatch(str(value)):
            causes.append(invalid_value("metadata.labels", value, _VALUE_RULE))
    return causes
