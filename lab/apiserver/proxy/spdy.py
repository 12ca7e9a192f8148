"""As much of SPDY/3.1 as port forwarding needs: streams with headers, data, ends and resets.

Source: draft-mbelshe-httpbis-spdy-00 (frames, header blocks) and what kubectl sends. There is no flow control:
kubectl's own implementation has none.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from lab.apiserver.kinds import data

SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY = 1, 2, 3, 6, 7
_CONTROL = 0x80030000  # control bit, version 3
_FIN = 1
_HEAD = struct.Struct(">II")
_INT = struct.Struct(">I")
CANCEL = 5


@dataclass(frozen=True)
class Frame:
    """One frame: ``kind`` 0 is data, others are control frames' types."""

    kind: int
    stream: int = 0
    payload: bytes = b""
    final: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


@cache
def _dictionary() -> bytes:
    tables: dict[str, str] = data("spdy")
    words = [word.replace("_", " ").encode() for word in tables["words"].split()]
    return b"".join(_INT.pack(len(word)) + word for word in words) + tables["tail"].encode()


class Framing:
    """Turns bytes into frames and frames into bytes; one for each connection (header compression has a memory)."""

    def __init__(self) -> None:
        self._buffer = b""
        self._inflate = zlib.decompressobj(zdict=_dictionary())
        self._deflate = zlib.compressobj(zdict=_dictionary())

    def feed(self, received: bytes) -> Iterator[Frame]:
        """The frames that are complete with these bytes; ``zlib.error`` or ``struct.error`` if they are damaged."""
        self._buffer += received
        while len(self._buffer) >= _HEAD.size:
            first, second = _HEAD.unpack_from(self._buffer)
            length = second & 0xFFFFFF
            if len(self._buffer) < _HEAD.size + length:
                return
            body = self._buffer[_HEAD.size : _HEAD.size + length]
            self._buffer = self._buffer[_HEAD.size + length :]
            final = bool((second >> 24) & _FIN)
            if first & 0x80000000:
                yield self._control(first & 0xFFFF, final, body)
            else:
                yield Frame(0, first & 0x7FFFFFFF, body, final)

    def _control(self, kind: int, final: bool, body: bytes) -> Frame:
        stream = _INT.unpack_from(body)[0] & 0x7FFFFFFF if len(body) >= _INT.size else 0
        if kind == SYN_STREAM:
            return Frame(kind, stream, b"", final, self._headers(body[10:]))
        return Frame(kind, stream, body[_INT.size :], final)

    def _headers(self, block: bytes) -> dict[str, str]:
        plain = self._inflate.decompress(block)
        position = _INT.size
        texts: list[str] = []
        for _ in range(2 * _INT.unpack_from(plain)[0]):
            length = _INT.unpack_from(plain, position)[0]
            position += _INT.size
            texts.append(plain[position : position + length].decode())
            position += length
        return {name.lower(): value for name, value in zip(texts[::2], texts[1::2], strict=True)}

    def reply(self, stream: int) -> bytes:
        """Accept a stream (SYN_REPLY without headers)."""
        block = self._deflate.compress(_INT.pack(0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return self._control_bytes(SYN_REPLY, _INT.pack(stream) + block)

    def data(self, stream: int, payload: bytes, final: bool = False) -> bytes:
        """Data on a stream; ``final``: there will be no more."""
        return _HEAD.pack(stream, (_FIN if final else 0) << 24 | len(payload)) + payload

    def reset(self, stream: int) -> bytes:
        """Break a stream off."""
        return self._control_bytes(RST_STREAM, _INT.pack(stream) + _INT.pack(CANCEL))

    def pong(self, number: int) -> bytes:
        """Answer a ping."""
        return self._control_bytes(PING, _INT.pack(number))

    @staticmethod
    def _control_bytes(kind: int, body: bytes) -> bytes:
        return _HEAD.pack(_CONTROL | kind, len(body)) + body
