"""Two name servers: the cluster's, at the control plane's address, and one beyond the cluster that it asks."""

from __future__ import annotations

from pathlib import Path

from lab.config import OUTSIDE_HOSTS, OUTSIDE_NAME

ZONE = "cluster.local"
HOSTS = Path("dns") / "hosts"
"""Under the state directory: files of names and addresses, which the server follows as they change."""

# In the foreground, with nothing read from the machine it runs on.
_ALONE = ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-negcache"]


def cluster_server(state: Path, address: str) -> list[str]:
    """Command line of the cluster's name server."""
    hosts = state / HOSTS
    own = [f"--listen-address={address}", "--bind-interfaces", f"--hostsdir={hosts}", f"--local=/{ZONE}/"]
    return [*_ALONE, *own, f"--server={OUTSIDE_HOSTS[0]}", "--local-ttl=5"]


def outside_server() -> list[str]:
    """Command line of the name server beyond the cluster, which knows one name."""
    host = OUTSIDE_HOSTS[0]
    own = [f"--listen-address={host}", "--bind-interfaces", f"--host-record={OUTSIDE_NAME},{host}"]
    return [*_ALONE, *own, "--local=/#/"]
