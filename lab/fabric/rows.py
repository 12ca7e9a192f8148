"""Writing rows so that saying a thing twice changes nothing. Every row written passes the fault seam of its table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import ovs.db.error
from ovs.db.data import Datum

from lab.fabric.names import NETWORK_KEY
from lab.faults.seams import Faults

T = TypeVar("T")


class Rows:
    """The rows of the northbound database, inside one transaction about one network or port.

    ``facts`` (``network=…``, ``port=…``) are what a fault is told of each row.
    """

    def __init__(self, idl: Any, transaction: Any, faults: Faults, **facts: Any) -> None:
        self._idl = idl
        self._transaction = transaction
        self._faults = faults
        self._facts = facts
        self._new: set[Any] = set()

    def decide(self, point: str, default: T, **facts: Any) -> T:
        """``default``, or what planted faults decide; they may write rows of their own."""
        return self._faults.decide(point, default, rows=self, **self._facts, **facts)

    def all(self, table: str) -> Iterator[Any]:
        """Every row of a table."""
        yield from list(self._idl.tables[table].rows.values())

    def find(self, table: str, name: str) -> Any | None:
        """The row of that name."""
        return next((row for row in self.all(table) if row.name == name), None)

    def owned(self, table: str, key: str, value: str) -> list[Any]:
        """Rows whose ``external_ids`` say so."""
        return [row for row in self.all(table) if row.external_ids.get(key) == value]

    def ensure(self, table: str, name: str, columns: Mapping[str, Any]) -> Any:
        """A row of that name with those columns."""
        return self.write(table, self.find(table, name), {"name": name, **columns})

    def child(self, parent: Any, column: str, table: str, key: Mapping[str, Any], columns: Mapping[str, Any]) -> Any:
        """A row that ``parent`` holds in ``column``, recognised by the columns of ``key``."""
        present = next((row for row in self.children(parent, column) if _has(row, key)), None)
        row = self.write(table, present, {**key, **columns})
        if present is None:
            parent.addvalue(column, row)
        return row

    def children(self, parent: Any, column: str) -> list[Any]:
        """The rows that ``parent`` holds in ``column``."""
        # A parent made in this transaction has no children that could be found yet.
        return [] if parent.uuid in self._new else list(getattr(parent, column))

    def write(self, table: str, row: Any | None, columns: Mapping[str, Any]) -> Any:
        """Set columns of a row, of a new one if it is None; the ids of the network are added."""
        ids = {NETWORK_KEY: self._facts["network"], **columns.get("external_ids", {})}
        wanted = dict(columns)
        if "external_ids" in self._idl.tables[table].columns:
            wanted["external_ids"] = ids
        wanted = self._faults.alter(f"nb.{table}", wanted, **self._facts)
        if row is None:
            row = self._transaction.insert(self._idl.tables[table])
            self._new.add(row.uuid)
        for column, value in wanted.items():
            self._check(table, column, value)
            setattr(row, column, value)
        return row

    def _check(self, table: str, column: str, value: Any) -> None:
        """The library would only log a value that the column cannot hold."""
        try:
            Datum.from_python(self._idl.tables[table].columns[column].type, value, _uuid)
        except (ovs.db.error.Error, KeyError) as error:
            raise ValueError(f"{table}.{column} cannot be {value!r}: {error}") from error


def _uuid(value: Any) -> Any:
    return getattr(value, "uuid", value)


def _has(row: Any, key: Mapping[str, Any]) -> bool:
    return all(getattr(row, column) == value for column, value in key.items())
