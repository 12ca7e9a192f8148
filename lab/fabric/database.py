"""A connection to one OVSDB database: transactions, reads and waits that follow its changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from ovsdbapp.backend.ovs_idl import command, connection, idlutils, transaction

T = TypeVar("T")
Listener = Callable[[str, Any], None]
TRANSACTION_LIMIT = 20  # seconds


class DatabaseError(Exception):
    """A database refused a transaction, or did not answer in time."""


class _Idl(connection.OvsdbIdl):  # type: ignore[misc]
    def __init__(self, remote: str, schema: Any, **options: Any) -> None:
        self.listeners: list[Listener] = []
        super().__init__(remote, schema, **options)

    def notify(self, event: str, row: Any, updates: Any = None) -> None:
        for listener in tuple(self.listeners):
            listener(event, row)


class _Call(command.BaseCommand):  # type: ignore[misc]
    """A function run with the transaction, again if the database had moved on meanwhile."""

    def __init__(self, api: Any, function: Callable[[Any, Any], Any]) -> None:
        super().__init__(api)
        self._function = function

    def run_idl(self, txn: Any) -> None:
        self.result = self._function(self.api.idl, txn)


class Database:
    """One database behind a unix socket. Connects on first use; safe to use from any coroutine."""

    def __init__(self, socket: Path, schema: str, tables: Iterable[str] = ()) -> None:
        self._socket = socket
        self._schema = schema
        self._tables = tuple(tables)
        self._opened: tuple[_Idl, connection.Connection] | None = None
        self._opening = asyncio.Lock()

    async def transact(self, function: Callable[[Any, Any], T]) -> T:
        """Run ``function(idl, transaction)`` and commit what it wrote, wholly or not at all.

        Raises :class:`DatabaseError`; what ``function`` raises comes through and aborts the transaction.
        """
        idl, link = await self._open()

        def commit() -> Any:
            work = transaction.Transaction(
                SimpleNamespace(idl=idl), link, TRANSACTION_LIMIT, check_error=True, log_errors=False
            )
            work.add(_Call(work.api, function))
            try:
                return work.commit()
            except RuntimeError as error:
                raise DatabaseError(f"{self._schema} at {self._socket}: {error}") from error

        result: list[T] | None = await asyncio.to_thread(commit)
        if result is None:
            raise DatabaseError(f"{self._schema} at {self._socket}: the transaction was aborted")
        return result[0]

    async def read(self, function: Callable[[Any], T]) -> T:
        """``function(idl)`` while nothing changes."""
        idl, link = await self._open()

        def locked() -> T:
            with link.lock:
                return function(idl)

        return await asyncio.to_thread(locked)

    async def until(self, table: str, holds: Callable[[Any], bool], limit: float, what: str) -> None:
        """Wait until ``holds(row)`` for a row of ``table``; ``TimeoutError`` after ``limit`` seconds."""
        idl, _ = await self._open()
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def listener(event: str, row: Any) -> None:
            if row._table.name == table and event != "delete" and holds(row):
                loop.call_soon_threadsafe(done.set)

        idl.listeners.append(listener)
        try:
            if await self.read(lambda db: any(holds(row) for row in db.tables[table].rows.values())):
                return
            async with asyncio.timeout(limit):
                await done.wait()
        except TimeoutError as error:
            raise TimeoutError(f"waited {limit:g} s for {what} in {self._schema}.{table}") from error
        finally:
            idl.listeners.remove(listener)

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._opened is not None:
            _, link = self._opened
            self._opened = None
            await asyncio.to_thread(link.stop, 2)

    async def _open(self) -> tuple[_Idl, connection.Connection]:
        async with self._opening:
            if self._opened is None:
                self._opened = await asyncio.to_thread(self._connect)
            return self._opened

    def _connect(self) -> tuple[_Idl, connection.Connection]:
        remote = f"unix:{self._socket}"
        try:
            helper = idlutils.get_schema_helper(remote, self._schema)
            idl = _Idl.from_server(remote, self._schema, helper=helper, helper_tables=self._tables)
            link = connection.Connection(idl, TRANSACTION_LIMIT)
            link.start()
        except Exception as error:  # the library raises bare Exception when it cannot connect
            raise DatabaseError(f"no {self._schema} database at {self._socket}: {error}") from error
        return idl, link
