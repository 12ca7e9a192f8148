"""Network namespaces: make and remove named ones, and do things inside them.

A namespace is a name under /run/netns, as ``ip netns`` keeps them. What runs inside one either is a child process
(:func:`command`) or a short function in a worker thread that enters the namespace and comes back (:func:`inside`):
no process is forked for it, which costs about a millisecond where a forked helper costs tens.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import fcntl
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from pyroute2 import IPRoute

FOLDER = Path("/run/netns")

T = TypeVar("T")
P = ParamSpec("P")

_CLONE_NEWNET = 0x40000000
_MS_BIND, _MS_REC, _MS_SHARED = 0x1000, 0x4000, 0x100000
_MNT_DETACH = 2
_LIBC = ctypes.CDLL(None, use_errno=True)


def command(namespace: str, argv: Sequence[str]) -> list[str]:
    """The argument list that runs ``argv`` inside a namespace; the process keeps its pid."""
    return ["nsenter", f"--net={FOLDER / namespace}", "--", *argv]


def exists(namespace: str) -> bool:
    """Whether there is a namespace of that name."""
    return (FOLDER / namespace).exists()


def create(namespace: str) -> None:
    """Make a namespace with ``lo`` up, and IPv6 if the kernel has it; ``FileExistsError`` if the name is taken.

    Call it from a worker thread.
    """
    from pyroute2 import IPRoute  # late, as below: it is long to load, and who only opens sockets needs none of it

    path = FOLDER / namespace
    _share_folder()
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o444))
    try:
        with _returning():
            _check(_LIBC.unshare(_CLONE_NEWNET), "unshare", namespace)
            _mount("/proc/thread-self/ns/net", path, _MS_BIND)
            _allow_ipv6()
            with IPRoute() as links:
                links.link("set", index=1, state="up")
    except OSError:
        path.unlink()
        raise


def remove(namespace: str) -> None:
    """Drop a name, and with it the namespace once its last process is gone; no error if there is none."""
    path = FOLDER / namespace
    if _LIBC.umount2(os.fsencode(path), _MNT_DETACH) != 0 and ctypes.get_errno() not in (errno.EINVAL, errno.ENOENT):
        _check(-1, "unmount", namespace)
    path.unlink(missing_ok=True)


@contextmanager
def entered(namespace: str) -> Iterator[None]:
    """The current thread inside a namespace, and back; ``FileNotFoundError`` if there is none of that name.

    For worker threads: on the thread of an event loop it would carry every other coroutine along.
    """
    target = os.open(FOLDER / namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with _returning():
            _check(_LIBC.setns(target, _CLONE_NEWNET), "enter", namespace)
            yield
    finally:
        os.close(target)


async def inside(
    namespace: str, function: Callable[Concatenate[IPRoute, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Call ``function(links, …)`` in a worker thread inside a namespace, ``links`` being a netlink socket there."""

    from pyroute2 import IPRoute

    def work() -> T:
        with entered(namespace), IPRoute() as links:
            return function(links, *args, **kwargs)

    return await asyncio.to_thread(work)


async def open_socket(
    namespace: str, family: socket.AddressFamily = socket.AF_INET, kind: socket.SocketKind = socket.SOCK_STREAM
) -> socket.socket:
    """A non-blocking socket that belongs to a namespace, wherever it is used afterwards."""

    def work() -> socket.socket:
        with entered(namespace):
            return socket.socket(family, kind | socket.SOCK_NONBLOCK)

    return await asyncio.to_thread(work)


async def connect(
    namespace: str, host: str, port: int, limit: int = 65536
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A TCP connection made from inside a namespace; ``OSError`` as for any connection."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    connection = await open_socket(namespace, family)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (host, port))
        return await asyncio.open_connection(sock=connection, limit=limit)
    except BaseException:
        connection.close()
        raise


def _allow_ipv6() -> None:
    """In the current namespace, whatever the host's own has: kernels can be told to hand its settings on."""
    for scope in ("all", "default"):
        setting = Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6")
        if setting.exists() and setting.read_text().strip() != "0":
            setting.write_text("0")


@contextmanager
def _returning() -> Iterator[None]:
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        result = _LIBC.setns(home, _CLONE_NEWNET)
        os.close(home)
        if result != 0:
            # A pooled thread stuck in a strange namespace would poison whatever runs on it next.
            os.abort()


def _share_folder() -> None:
    # As `ip netns add` does, under the same lock. If the folder were left as it is, the first `ip netns add` of anybody
    # would bind it onto itself, and the names made before could never again be removed. Only a mount point can be
    # shared: an error says that it is none yet. Binding it a second time would double every mount in it.
    FOLDER.mkdir(mode=0o755, exist_ok=True)
    folder = os.open(FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        try:
            _mount("none", FOLDER, _MS_SHARED | _MS_REC)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            _mount(FOLDER, FOLDER, _MS_BIND | _MS_REC)
            _mount("none", FOLDER, _MS_SHARED | _MS_REC)
    finally:
        os.close(folder)


def _mount(source: str | Path, target: Path, flags: int) -> None:
    _check(_LIBC.mount(os.fsencode(source), os.fsencode(target), b"none", flags, None), "mount", str(target))


def _check(result: int, verb: str, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"cannot {verb} {what}: {os.strerror(code)}")
