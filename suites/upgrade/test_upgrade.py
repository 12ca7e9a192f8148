"""What an upgrade must leave as it was: addresses, paths, and sessions that were open all the while."""

import pytest

from conformance import verifies
from conformance.traffic import matrix
from conformance.upgrade.judging import judge_sessions

pytestmark = pytest.mark.xdist_group("upgrade")


@verifies("upgrade/addresses-unchanged")
def test_every_vm_has_the_addresses_it_had(after):
    after.wait_ready()
    changes = after.changes()
    assert not changes, "; ".join(changes)


@verifies("upgrade/connectivity-unchanged")
def test_everyone_reaches_those_whom_they_reached(after):
    after.wait_ready()
    with matrix(list(after.machines.values())) as made:
        # Those that were open first: whom nobody reaches any more proves nothing of paths that are shut.
        made.check(after.paths(reached=True), "open before, after the upgrade")
        made.check(after.paths(reached=False), "shut before, after the upgrade")


@verifies("upgrade/sessions-during")
def test_sessions_went_on_all_the_while(after, limits):
    after.wait_ready()
    findings = judge_sessions(after, limits.upgrade_silence)
    assert not findings, "; ".join(findings)
