"""By what means the suite gets at virtual machines: the API, virtctl, and who logs in."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from conformance.evidence import REDACTOR
from conformance.kube.api import Api
from conformance.machines.ssh_key import SshKey
from conformance.machines.virtctl import Virtctl
from conformance.timeouts import Timeouts


@dataclass(frozen=True)
class Credentials:
    """Who logs in; without a password the guest must not ask for one (root on KubeVirt's Alpine image)."""

    user: str
    password: str | None = field(default=None, repr=False)
    key: SshKey = field(default_factory=SshKey.generate, repr=False, compare=False)
    """Lets the suite in over SSH; made for the run."""

    def __post_init__(self) -> None:
        if self.password:
            REDACTOR.register(self.password)

    @classmethod
    def generate(cls, user: str) -> Credentials:
        """A new random password, for guests that cloud-init gives it to."""
        return cls(user, secrets.token_urlsafe(12))


@dataclass(frozen=True)
class Access:
    """What every machine of a run needs."""

    api: Api
    virtctl: Virtctl
    credentials: Credentials
    run_id: str

    @property
    def timeouts(self) -> Timeouts:
        """The run's time limits."""
        return self.api.timeouts
