"""Who serves TLS is proved by a handshake that a machine carries; real servers on a real wire."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from conformance.traffic import assert_vouched_for
from tests.traffic.ends import End

SERVE = """
import socket, ssl, sys
context = None
if sys.argv[2]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2])
with socket.create_server((sys.argv[1], 6443)) as server:
    print("listening", flush=True)
    while True:
        client, _ = server.accept()
        try:
            if context is None:
                client.recv(1000)
                client.sendall(b"hello\\n")
            else:
                client = context.wrap_socket(client, server_side=True)
        except OSError:
            pass
        client.close()
"""


@contextmanager
def served(server: End, certificate: Path | None) -> Iterator[None]:
    argv = [
        "nsenter",
        "--target",
        str(server.pid),
        "--net",
        sys.executable,
        "-c",
        SERVE,
        server.address,
        str(certificate or ""),
    ]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "listening\n"
            yield
        finally:
            process.kill()


def test_only_the_authoritys_server_for_that_address_is_believed(client: End, server: End, tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    pem = authority.cert_pem.bytes().decode()
    files = {}
    for name, issuer, address in (
        ("right", authority, server.address),
        ("stranger", stranger, server.address),
        ("elsewhere", authority, "10.9.9.9"),
    ):
        files[name] = tmp_path / f"{name}.pem"
        issuer.issue_cert(address).private_key_and_cert_chain_pem.write_to_path(str(files[name]))

    client.use(reach=3)

    def ask() -> None:
        assert_vouched_for(client, server.address, 6443, pem, "the server")

    with served(server, files["right"]):
        ask()
    for name in ("stranger", "elsewhere"):
        with served(server, files[name]), pytest.raises(AssertionError, match="somebody else answers"):
            ask()
    with served(server, None), pytest.raises(AssertionError, match="is no TLS server"):
        ask()
    with pytest.raises(AssertionError, match="not reached within"):
        ask()
