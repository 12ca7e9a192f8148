"""The kernel that guests are booted with: uncompressed, so that no emulated processor has to unpack it.

A packed kernel spends about half a second of a guest's boot on unpacking itself. QEMU starts an uncompressed one
directly (PVH entry point, Xen's boot protocol for ELF images). Debian's cloud kernel is packed with LZ4 in its
"legacy" framing: a magic number, then blocks of a four-byte length and that many packed bytes.
"""

from __future__ import annotations

import struct

import lz4.block

_MAGIC = b"\x02\x21\x4c\x18"
_BLOCK = 8 << 20
_ELF = b"\x7fELF"


def uncompressed(packed: bytes) -> bytes:
    """The ELF image inside a packed kernel; ``packed`` itself if it is packed in a way that is not known here."""
    start = packed.find(_MAGIC)
    if start < 0:
        return packed
    image = b"".join(_blocks(packed, start + len(_MAGIC)))
    return image if image.startswith(_ELF) else packed


def _blocks(packed: bytes, offset: int) -> list[bytes]:
    blocks: list[bytes] = []
    while offset + 4 <= len(packed):
        (length,) = struct.unpack_from("<I", packed, offset)
        offset += 4
        # Behind the last block stands the unpacked size, then the rest of the boot image: not a length of ours.
        if not 0 < length <= lz4_bound(_BLOCK) or offset + length > len(packed):
            break
        try:
            block = lz4.block.decompress(packed[offset : offset + length], uncompressed_size=_BLOCK)
        except lz4.block.LZ4BlockError:
            break
        blocks.append(block)
        offset += length
        if len(block) < _BLOCK:
            break
    return blocks


def lz4_bound(size: int) -> int:
    """The most bytes that ``size`` bytes can take when packed (LZ4's own bound)."""
    return size + size // 255 + 16
