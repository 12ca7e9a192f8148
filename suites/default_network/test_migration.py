"""What a live migration does to a VM behind its pod's address."""

import pytest

from conformance import verifies
from conformance.traffic import EVERY_WAY, Destination, cells, matrix, stream
from conformance.verdicts import Lifted

pytestmark = pytest.mark.xdist_group("default-network")


@verifies("default-network/interrupted-by-migration")
def test_migration_cuts_connections_and_the_vm_answers_at_its_new_pods_address(plain):
    mover, pods = plain.open, plain.pods
    before = mover.address
    with matrix([mover, *pods]) as paths:
        paths.check(cells(pods, [mover], EVERY_WAY, allowed=True), "before the migration")
        with stream(pods[0], mover, drain="stream-cut") as session:
            move = mover.migrate()

        assert move.target != move.source
        now, pod_address = mover.address, mover.pod.pod_ip
        assert now == pod_address, (
            f"{mover} reports {now} after the migration, its pod on {move.target} has {pod_address}"
        )
        paths.check(cells(pods, [mover], EVERY_WAY, allowed=True), "at the new pod's address")
        if now == before:
            raise Lifted(f"{mover} moved from {move.source} to {move.target} and kept its pod's address {before}")
        if session.arrived_in_order:
            raise Lifted(f"an open session to {mover} at {before} outlived its migration: {session.timeline}")
        old = Destination(f"{mover} at its old address", before, (mover,), node=move.source)
        paths.check(cells(pods, [old], EVERY_WAY, allowed=False), "at the old pod's address")
