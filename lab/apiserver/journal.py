"""Keeps objects over a restart of the process: a file of changes in the state directory, one JSON line a change."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import orjson

from lab.apiserver.store import Change, Store

REWRITE_BYTES = 32 << 20  # of changes, after which the file is written anew with what exists alone


class Journal:
    """Writes every change down, and reads a former run's changes back."""

    def __init__(self, file: Path, limit: int = REWRITE_BYTES) -> None:
        self._file = file
        self._limit = limit
        self._written = 0
        self._store: Store | None = None
        self._out: BinaryIO | None = None

    def restore(self, store: Store) -> int:
        """Put back what a former run stored, and begin to write down; gives the number of objects.

        A last line that was cut off by a kill is ignored. ``ValueError`` if the file is damaged elsewhere.
        """
        objects: dict[tuple[str, str, str], dict[str, object]] = {}
        revision = 0
        lines = self._file.read_bytes().split(b"\n") if self._file.exists() else []
        for number, line in enumerate(lines):
            if not line:
                continue
            try:
                at, resource, namespace, name, obj = orjson.loads(line)
            except (orjson.JSONDecodeError, ValueError) as error:
                if number == len(lines) - 1:
                    break
                raise ValueError(
                    f"{self._file}, line {number + 1}: not a change: remove the file to start anew"
                ) from error
            revision = max(revision, at)
            if obj is None:
                objects.pop((resource, namespace, name), None)
            else:
                objects[(resource, namespace, name)] = obj
        for (resource, _, _), obj in objects.items():
            store.restore(resource, obj)
        store.advance(revision)
        self._store = store
        self._rewrite(store)
        store.listen(self._note)
        return len(objects)

    def close(self) -> None:
        """Write out what is buffered."""
        if self._out is not None:
            self._out.close()

    def _rewrite(self, store: Store) -> None:
        self.close()
        self._written = 0
        draft = self._file.with_name(self._file.name + ".new")
        with draft.open("wb") as out:
            for resource, obj in store.everything():
                metadata = obj["metadata"]
                out.write(_line(store.revision, resource, metadata.get("namespace", ""), metadata["name"], obj))
        draft.replace(self._file)
        self._out = self._file.open("ab", buffering=0)

    def _note(self, change: Change) -> None:
        if self._out is None or self._store is None:
            return
        line = _line(change.revision, change.resource, *change.key, change.new)
        self._out.write(line)
        self._written += len(line)
        if self._written > self._limit:
            self._rewrite(self._store)


def _line(revision: int, resource: str, namespace: str, name: str, obj: dict[str, object] | None) -> bytes:
    return orjson.dumps([revision, resource, namespace, name, obj], option=orjson.OPT_APPEND_NEWLINE)
