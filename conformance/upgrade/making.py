"""Makes and removes whole baselines; what is expected to go wrong is a Refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from conformance.cleaning import leftovers, remove
from conformance.features.detect import detect
from conformance.features.versions import versions
from conformance.kube.api import Api
from conformance.kube.errors import AlreadyExists
from conformance.kube.waits import TimedOut
from conformance.machines.shell import ShellError
from conformance.machines.virtctl import VirtctlError
from conformance.options import UsageProblem
from conformance.preflight import PreflightFailed
from conformance.provider import ProviderFailed
from conformance.results.outcome import one_line
from conformance.tenancy.tenants import Images
from conformance.upgrade.baseline import BadBaseline, Baseline
from conformance.upgrade.names import run_id
from conformance.upgrade.place import Place
from conformance.upgrade.prepare import NEEDS, Preparation
from conformance.upgrade.store import NoBaseline, Store
from conformance.verdicts import Blocked, NotApplicable

FAILED, USAGE, PREFLIGHT_FAILED = 1, 4, 10
Tell = Callable[[str], None]


class Refusal(Exception):
    """What was asked for cannot be; one line, and the exit status."""

    def __init__(self, line: str, status: int) -> None:
        super().__init__(line)
        self.status = status


@contextmanager
def refusing() -> Iterator[None]:
    """Turns what is expected to go wrong into a Refusal."""
    try:
        yield
    except (UsageProblem, NoBaseline, BadBaseline) as error:
        raise Refusal(str(error), USAGE) from error
    except (PreflightFailed, ProviderFailed) as error:
        raise Refusal(str(error), PREFLIGHT_FAILED) from error
    except (AssertionError, Blocked, NotApplicable, TimedOut, ShellError, VirtctlError) as error:
        raise Refusal(one_line(error), FAILED) from error


@refusing()
def make(name: str, place: Place, tell: Tell) -> Baseline:
    """Prepare a baseline of a name that is free; nothing stays of one that cannot be finished. Raises Refusal."""
    api, store = place.cluster.api, Store(place.cluster.api)
    _make_room(name, store, api, tell)
    features = detect(place.sight)
    missing = features.missing(NEEDS)
    if missing is not None:
        raise PreflightFailed(f"the cluster has no {missing.name}: {missing.evidence}")
    guest = place.run.guest
    images = Images(guest.image, guest.pod_image, guest.interface_binding)
    try:
        # Taken first: of two preparations under one name, the second ends here.
        store.reserve(name, place.cluster.access.credentials)
    except AlreadyExists as error:
        raise Refusal(f"baseline {name} is being prepared by somebody else", USAGE) from error
    try:
        made = Preparation(name, place.cluster.access, images, features, tell)
        baseline = made.make(versions(place.sight, features))
        store.save(baseline)
    except BaseException:
        tell("removing what was made")
        discard(api, name)
        raise
    return baseline


def discard(api: Api, name: str) -> list[str]:
    """Remove all that belongs to a baseline; one line for each thing that stays."""
    return remove(api, leftovers(api, run_id(name)))


def _make_room(name: str, store: Store, api: Api, tell: Tell) -> None:
    """See that the name is free; what a preparation left that broke off is removed first."""
    found = store.find(name)
    if found is not None:
        away = f"udn-conformance clean --run-id {run_id(name)}"
        raise Refusal(f"there is {found} already; verify it, choose another --name, or remove it: {away}", USAGE)
    if leftovers(api, run_id(name)):
        tell(f"removing what an earlier preparation of {name} left")
        problems = discard(api, name)
        if problems:
            raise Refusal(problems[0], FAILED)
