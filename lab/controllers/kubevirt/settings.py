"""What the KubeVirt object configures, read when it is needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lab.informer import Informer

Object = dict[str, Any]

# Seconds that a migration waits for a node for its target pod; annotation on the KubeVirt object or the migration.
UNSCHEDULABLE_ANNOTATION = "kubevirt.io/migrationUnschedulablePodTimeoutSeconds"
PENDING_ANNOTATION = "kubevirt.io/migrationPendingPodTimeoutSeconds"


@dataclass(frozen=True)
class Settings:
    """The configuration in force; times in seconds."""

    plugins: Object = field(default_factory=dict)
    migrations_per_cluster: int = 5
    migrations_per_node: int = 2
    unschedulable_timeout: float = 300.0
    pending_timeout: float = 900.0


def settings(kubevirts: Informer) -> Settings:
    """The configuration of the KubeVirt object, or the defaults when there is none."""
    for kubevirt in kubevirts.list():
        configuration = kubevirt["spec"].get("configuration") or {}
        migrations = configuration.get("migrations") or {}
        return Settings(
            plugins=(configuration.get("network") or {}).get("binding") or {},
            migrations_per_cluster=migrations.get("parallelMigrationsPerCluster", 5),
            migrations_per_node=migrations.get("parallelOutboundMigrationsPerNode", 2),
            unschedulable_timeout=annotated_seconds(kubevirt, UNSCHEDULABLE_ANNOTATION, 300.0),
            pending_timeout=annotated_seconds(kubevirt, PENDING_ANNOTATION, 900.0),
        )
    return Settings()


def annotated_seconds(obj: Object, annotation: str, default: float) -> float:
    """The seconds that an annotation gives, or the default when it is absent or no number."""
    try:
        return float((obj["metadata"].get("annotations") or {})[annotation])
    except (KeyError, ValueError):
        return default
