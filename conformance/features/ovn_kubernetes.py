"""How OVN-Kubernetes is configured on a cluster, by what its administrator can read there.

ovnkube takes flags before its file, and the variables of the DaemonSet ``ovnkube-node`` become flags (Helm chart,
kind). OpenShift's network operator writes the file: key ``ovnkube.conf`` of the ConfigMap ``ovnkube-config`` beside
that DaemonSet.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from conformance.features.sight import Sight
from conformance.kube.resources import CONFIG_MAPS

Object = dict[str, Any]

DAEMONS = "ovnkube-node"
CONFIGURATION, FILE = "ovnkube-config", "ovnkube.conf"
#: What ovnkube takes when it is told nothing: eight addresses, all but one of them its own.
DEFAULT_MASQUERADE = "169.254.169.0/29"
#: The addresses of a masquerade subnet before those of the first user-defined network.
TAKEN_BEFORE_NETWORKS = 11


@dataclass(frozen=True)
class Setting:
    """A value, and where it stands."""

    value: str
    origin: str


@dataclass(frozen=True)
class Masquerade:
    """The IPv4 subnet from which each network takes two addresses on every node."""

    subnet: str
    origin: str

    @property
    def room(self) -> int:
        """How many user-defined networks it holds: the one of id n takes the addresses 9 + 2n and 10 + 2n.

        (OVN-Kubernetes, docs/design/masquerade-ips and docs/getting-started/requirements.)
        """
        return max(0, (ip_network(self.subnet, strict=False).num_addresses - TAKEN_BEFORE_NETWORKS) // 2)

    def __str__(self) -> str:
        return f"masquerade subnet {self.subnet} ({self.origin})"


class OvnKubernetes:
    """The settings of one cluster's OVN-Kubernetes."""

    def __init__(self, daemons: Object, configuration: Object | None) -> None:
        self._daemons = daemons
        metadata = daemons["metadata"]
        self._where = f"{metadata.get('namespace')}/{metadata['name']}"
        self._file = _parsed(((configuration or {}).get("data") or {}).get(FILE) or "")

    @classmethod
    def of(cls, sight: Sight) -> OvnKubernetes | None:
        """What is found; None where there is no DaemonSet ``ovnkube-node``. Raises the API's errors."""
        return sight.once(DAEMONS, lambda: cls._read(sight))

    @classmethod
    def _read(cls, sight: Sight) -> OvnKubernetes | None:
        daemons = sight.daemon_set(DAEMONS)
        if daemons is None:
            return None
        return cls(daemons, sight.api.find(CONFIG_MAPS, CONFIGURATION, daemons["metadata"].get("namespace")))

    def masquerade(self) -> Masquerade:
        """The masquerade subnet. Raises ValueError when what is set is no subnet."""
        found = self.setting("gateway-v4-masquerade-subnet", "OVN_V4_MASQUERADE_SUBNET", "gateway/v4-masquerade-subnet")
        if found is None:
            found = Setting(
                DEFAULT_MASQUERADE, f"ovnkube's default: neither {self._where} nor {CONFIGURATION} sets one"
            )
        ip_network(found.value, strict=False)
        return Masquerade(found.value, found.origin)

    def preconfigured_addresses(self) -> Setting | None:
        """Whether addresses of a primary network may be asked for, as it is set."""
        key = "enable-preconfigured-udn-addresses"
        return self.setting(key, "OVN_PRE_CONF_UDN_ADDR_ENABLE", f"ovnkubernetesfeature/{key}")

    def setting(self, flag: str, variable: str, entry: str) -> Setting | None:
        """One setting: a flag of ovnkube, the variable it is made of, or ``section/key`` of its file."""
        for container in self._containers():
            for word in _words(container):
                name, equals, value = word.lstrip("-").partition("=")
                if word.startswith("-") and name == flag:
                    return Setting(value if equals else "true", f"--{flag} of {self._where}")
            for variable_set in container.get("env") or []:
                if variable_set.get("name") == variable and variable_set.get("value"):
                    return Setting(str(variable_set["value"]), f"{variable} of {self._where}")
        section, _, key = entry.partition("/")
        written = self._file.get(section, key, fallback=None)
        return Setting(written.strip("\"' "), f"{key} in {CONFIGURATION}") if written else None

    def _containers(self) -> Iterator[Object]:
        template = ((self._daemons.get("spec") or {}).get("template") or {}).get("spec") or {}
        yield from template.get("containers") or []


def _words(container: Object) -> list[str]:
    return [word for part in ("command", "args") for text in container.get(part) or [] for word in str(text).split()]


def _parsed(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        # A file of another format tells nothing; the flags may.
        return configparser.ConfigParser()
    return parser
