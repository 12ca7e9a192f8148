"""By what a VM is known on its network, as everyone who should know tells it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Identity:
    """Addresses and MAC by the VMI's status, by the guest, and by its address claims; compared as a whole."""

    addresses: tuple[str, ...]
    mac: str
    guest_addresses: tuple[str, ...]
    guest_mac: str
    claimed: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"VMI {', '.join(self.addresses) or 'no address'} {self.mac}, "
            f"guest {', '.join(self.guest_addresses) or 'no address'} {self.guest_mac}, "
            f"claimed {', '.join(self.claimed) or 'nothing'}"
        )
