"""The schemas of built-in kinds, read from the cache; derived once when the cache has none."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import orjson

from lab.apiserver.errors import Object
from lab.apiserver.kinds import DATA, Kind

LOG = logging.getLogger(__name__)
_SOURCES = ("kinds.yaml", "merge_keys.yaml", "extra_models.yaml")


def cache_file(directory: Path) -> Path:
    """Where the schemas of this version of the client and of the data tables are kept."""
    digest = hashlib.sha256(importlib.metadata.version("kubernetes").encode())
    for name in _SOURCES:
        digest.update((DATA / name).read_bytes())
    digest.update((Path(__file__).parent / "models.py").read_bytes())
    return directory / f"schemas-{digest.hexdigest()[:12]}.json"


class BuiltinSchemas:
    """Components by name, and the component of each built-in kind; empty until loaded."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._loading: asyncio.Task[None] | None = None
        self.components: Mapping[str, Object] = {}
        self._kinds: Mapping[str, str] = {}

    def of_kind(self, kind: Kind) -> Object | None:
        """The kind's schema; None as long as it is not loaded."""
        return self.components.get(self._kinds.get(f"{kind.group}/{kind.version}/{kind.kind}", ""))

    def names(self) -> Mapping[str, str]:
        """Component names by ``group/version/kind``."""
        return self._kinds

    async def ready(self) -> None:
        """Wait until the schemas are loaded; ``RuntimeError`` if they cannot be derived."""
        if self.components:
            return
        if self._loading is None or (self._loading.done() and self._loading.exception() is not None):
            self._loading = asyncio.ensure_future(self._load())
        await asyncio.shield(self._loading)

    async def _load(self) -> None:
        if not self._file.exists():
            await self._derive()
        found = orjson.loads(self._file.read_bytes())
        self._kinds, self.components = found["kinds"], found["components"]

    async def _derive(self) -> None:
        LOG.info("deriving the schemas of built-in kinds into %s", self._file)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        arguments = (sys.executable, "-m", "lab.apiserver.schema.models", str(self._file))
        process = await asyncio.create_subprocess_exec(*arguments, stderr=asyncio.subprocess.PIPE, env=dict(os.environ))
        _, errors = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"cannot derive the schemas of built-in kinds: {errors.decode().strip()[-500:]}")
