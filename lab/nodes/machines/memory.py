"""A guest's memory, which outlives the QEMU process that runs the guest: the two ends of a migration hold the same.

It is not copied while the guest writes to it, as between real nodes. QEMU 7.2's emulated processors lose a write now
and then when it is: of some hundred moves under load one left a guest with a wrong checksum, a program that crashed, or
a kernel that did (``tests/machines_lab/test_memory.py`` looks for that). What the network sees is the same: the guest
stands still at one node and goes on at the other, some ten milliseconds later.
"""

from __future__ import annotations

import os
from pathlib import Path

from lab.nodes.machines.monitor import MachineError


class Memory:
    """An open descriptor of a guest's memory. QEMU is given it when it starts; then this side lets go of it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def new(cls, mebibytes: int) -> Memory:
        """Memory full of zeros."""
        descriptor = os.memfd_create("guest", os.MFD_CLOEXEC)
        os.ftruncate(descriptor, mebibytes << 20)
        return cls(descriptor)

    @classmethod
    def copied(cls, source: Path) -> Memory:
        """A copy of a file. Takes some ten milliseconds: for a worker thread."""
        with source.open("rb") as file:
            memory = cls.new(os.fstat(file.fileno()).st_size >> 20)
            _copy(file.fileno(), memory.descriptor)
        return memory

    def save(self, target: Path) -> None:
        """Copy it to a file."""
        with target.open("wb") as file:
            os.ftruncate(file.fileno(), os.fstat(self.descriptor).st_size)
            _copy(self.descriptor, file.fileno())

    @classmethod
    def held_by(cls, process: int, descriptor: int) -> Memory:
        """The memory that another process holds under that number; :class:`MachineError` if it is gone."""
        try:
            return cls(os.open(f"/proc/{process}/fd/{descriptor}", os.O_RDWR | os.O_CLOEXEC))
        except OSError as error:
            raise MachineError(f"the memory of the guest in process {process} is gone: {error.strerror}") from error

    @property
    def path(self) -> str:
        """Where a process that inherits the descriptor finds it."""
        return f"/proc/self/fd/{self.descriptor}"

    def let_go(self) -> None:
        """Close this side's descriptor."""
        os.close(self.descriptor)


def _copy(source: int, target: int) -> None:
    """What is not a hole."""
    size, end = os.fstat(source).st_size, 0
    while end < size:
        try:
            begin = os.lseek(source, end, os.SEEK_DATA)
        except OSError:
            return  # only holes are left
        end = os.lseek(source, begin, os.SEEK_HOLE)
        os.lseek(target, begin, os.SEEK_SET)
        while begin < end:
            begin += os.sendfile(target, source, begin, end - begin)
