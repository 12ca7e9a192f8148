"""The cloud-init disk of a guest: the NoCloud data source, an ISO 9660 image with the label ``cidata``.

Source of the layout: cloud-init's documentation, "NoCloud", and what KubeVirt writes for ``cloudInitNoCloud``.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pycdlib


@dataclass(frozen=True)
class CloudInit:
    """What a guest is told at its first start; empty texts are left out of the disk."""

    instance_id: str
    hostname: str
    user_data: str = ""
    network_config: str = ""

    def files(self) -> dict[str, str]:
        """Name and content of each file on the disk."""
        meta = f"instance-id: {self.instance_id}\nlocal-hostname: {self.hostname}\n"
        every = {"meta-data": meta, "user-data": self.user_data, "network-config": self.network_config}
        return {name: content for name, content in every.items() if content}


def write_disk(content: CloudInit, target: Path) -> None:
    """Write the disk image to ``target``."""
    disk = pycdlib.PyCdlib()
    disk.new(interchange_level=3, rock_ridge="1.09", joliet=3, vol_ident="cidata")
    for number, (name, text) in enumerate(content.files().items()):
        data = text.encode()
        disk.add_fp(BytesIO(data), len(data), f"/FILE{number}.;1", rr_name=name, joliet_path=f"/{name}")
    disk.write(str(target))
    disk.close()
