"""``dont_fragment.py ADDRESS SIZE``: one ping of SIZE bytes (IP header included) with the don't-fragment bit."""

from __future__ import annotations

import socket
import struct
import sys

_IP_MTU_DISCOVER, _IP_PMTUDISC_DO = 10, 2
_IP_HEADER, _ICMP_HEADER = 20, 8


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def main(address: str, size: int) -> int:
    payload = bytes(size - _IP_HEADER - _ICMP_HEADER)
    header = struct.pack("!BBHHH", 8, 0, 0, 77, 1)
    # An odd byte counts as if a zero followed.
    checksum = _checksum(header + payload + bytes(len(payload) % 2))
    packet = struct.pack("!BBHHH", 8, 0, checksum, 77, 1) + payload
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as probe:
        probe.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_DO)
        probe.settimeout(5)
        try:
            probe.sendto(packet, (address, 0))
            while len(answer := probe.recv(65535)) != size or answer[_IP_HEADER] != 0:
                pass
        except OSError as error:
            print(error)
            return 1
    print(len(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
