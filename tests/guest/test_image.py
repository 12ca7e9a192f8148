"""How the image is put together, and that it is built once."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import lz4.block
import pytest
import yaml

from lab.guest import image, kernel
from lab.guest.initramfs import Initramfs
from lab.nodes.machines.cloud_init import CloudInit, write_disk

FLATTEN = image.FILES / "usr/lib/guest/flatten.awk"
BUSYBOX = shutil.which("busybox")
BLOCK = 8 << 20

DOCUMENT = """#cloud-config
# a comment
user: fedora
password: 'with # in it'
chpasswd: { expire: False, list: [a, "b, c"] }
ssh_authorized_keys:
- ssh-rsa AAAA one  # a comment
- ssh-rsa BBBB two
runcmd:
  - [ sh, -c, "echo a: b" ]
  - echo plain
  -
    - nested
    - list
network:
  ethernets:
    eth0:
      routes:
        - to: 0.0.0.0/0
          via: 10.0.0.1
        - {to: 10.9.0.0/16, via: 10.0.0.9}
text: |
  one

  two
last: 3
"""


def flat(value: object, path: str = "") -> dict[str, str]:
    """What flattening a document means, by a real YAML parser."""
    if isinstance(value, dict):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        items = [(str(number), item) for number, item in enumerate(value)]
    else:
        return {path: str(value).rstrip("\n").replace("\n", "\\n")}
    return {k: v for key, item in items for k, v in flat(item, f"{path}.{key}" if path else key).items()}


@pytest.mark.skipif(BUSYBOX is None, reason="busybox is not installed")
def test_documents_are_flattened_as_yaml_means_them() -> None:
    command = [str(BUSYBOX), "awk", "-f", str(FLATTEN)]
    done = subprocess.run(command, input=DOCUMENT, capture_output=True, text=True, check=True)
    lines = dict(line.split("\t", 1) for line in done.stdout.splitlines())
    assert lines == flat(yaml.safe_load(DOCUMENT))


@pytest.mark.skipif(BUSYBOX is None, reason="busybox is not installed")
def test_archive_is_read_by_cpio(tmp_path: Path) -> None:
    archive = Initramfs()
    archive.file("a/b/run", b"#!/bin/sh\n", 0o755)
    archive.link("bin/x", "/bin/busybox")
    archive.directory("tmp", 0o1777)
    archive.write(tmp_path / "archive")
    with (tmp_path / "archive").open("rb") as stream:
        command = [str(BUSYBOX), "cpio", "-tv"]
        listing = subprocess.run(command, stdin=stream, capture_output=True, text=True, check=True).stdout
    found = {line.split()[5]: line.split()[0] for line in listing.splitlines()}
    assert found == {
        "a": "drwxr-xr-x",
        "a/b": "drwxr-xr-x",
        "a/b/run": "-rwxr-xr-x",
        "bin": "drwxr-xr-x",
        "bin/x": "lrwxrwxrwx",
        "tmp": "drwxrwxrwt",
    }


def test_kernel_is_unpacked() -> None:
    elf = b"\x7fELF" + bytes(range(256)) * 40000
    blocks = [lz4.block.compress(elf[at : at + BLOCK], store_size=False) for at in range(0, len(elf), BLOCK)]
    packed = b"".join(struct.pack("<I", len(block)) + block for block in blocks)
    boot = b"MZ setup code" + b"\x02\x21\x4c\x18" + packed + struct.pack("<I", len(elf)) + b"the rest"
    assert kernel.uncompressed(boot) == elf


def test_kernel_packed_otherwise_is_left_alone() -> None:
    assert kernel.uncompressed(b"MZ something else") == b"MZ something else"
    assert kernel.uncompressed(b"MZ \x02\x21\x4c\x18 and noise") == b"MZ \x02\x21\x4c\x18 and noise"


def test_netcat_of_busybox_gives_way() -> None:
    assert image.without_own_netcat(b"\0nameif\0nc\0netstat\0") == b"\0nameif\0nd\0netstat\0"
    with pytest.raises(OSError, match="applet nc"):
        image.without_own_netcat(b"\0nameif\0netstat\0")


def test_image_in_the_cache_is_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"guest-{image.input_key()}").mkdir()
    monkeypatch.setenv("PATH", "")  # nothing could be fetched or unpacked
    built = image.ensure(tmp_path)
    assert built.kernel.parent.name == f"guest-{image.input_key()}"


def test_missing_tools_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(image.GuestImageError, match="apt-cache is missing"):
        image.ensure(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["guest.lock"]


def test_disk_has_the_label_and_the_names(tmp_path: Path) -> None:
    write_disk(CloudInit("id", "host", "#cloud-config\n", "version: 2\n"), tmp_path / "disk.iso")
    content = (tmp_path / "disk.iso").read_bytes()
    assert content[0x8028:0x8048].rstrip() == b"cidata"
    for name in (b"meta-data", b"user-data", b"network-config"):
        assert name in content
