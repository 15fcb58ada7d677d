"""What collectors gave: kept in the process, in the store's cache, or collected when it is in neither."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from modulestore._async.reading import Reader
from modulestore._async.waiting import Lock, run_blocking
from modulestore.keys import VersionId
from modulestore.model.structure import Structure
from modulestore.model.views import BLOCKS, BlockTable, Collector
from modulestore.storage.caching import Cache
from modulestore.storage.recent import Recent
from modulestore.storage.view_entries import entry_name, new_entry, read_entry

__all__ = ["Collected"]

# Bytes of entries that the process keeps ready for use. So they are about eight times as large.
_ROOM = 4 << 20


class Collected:
    """What collectors gave, by version."""

    def __init__(self, reader: Reader, cache: Cache | None) -> None:
        self._reader = reader
        self._cache = cache
        self._recent: Recent[str, Any] = Recent(_ROOM)
        self._lock = Lock()

    async def of(
        self, version: VersionId, collectors: Collection[Collector]
    ) -> tuple[BlockTable, Mapping[str, Any]]:
        """The blocks of a version, and the data of these collectors by their names.

        Cost: nothing for what this process knows; one call of the cache for the rest; the structure, and
        another call of the cache, for what is to be collected.
        """
        blocks = entry_name(version, BLOCKS)
        wanted = {blocks: BLOCKS} | {entry_name(version, one): one for one in collectors}
        async with self._lock:
            found: dict[str, Any] = {name: self._recent.get(name) for name in wanted}
        missing = [name for name, data in found.items() if data is None]
        if missing:
            entries = await self._cached(missing)
            new: dict[str, bytes] = {}
            structure: Structure | None = None
            for name in missing:
                # The blocks come first: everything else has to fit them.
                collector, size = wanted[name], 0 if name == blocks else len(found[blocks])
                data = read_entry(name, collector, entries[name], size) if name in entries else None
                if data is None:
                    if structure is None:
                        structure = await self._reader.structure(version)
                    entries[name], data = new_entry(name, collector, structure, size)
                    new[name] = entries[name]
                found[name] = BlockTable(data) if name == blocks else data
            await self._keep(new)
            async with self._lock:
                for name in missing:
                    self._recent.put(name, found[name], len(entries[name]))
        return found[blocks], {one.name: found[name] for name, one in wanted.items() if name != blocks}

    async def _cached(self, names: Collection[str]) -> dict[str, bytes]:
        return {} if self._cache is None else await run_blocking(self._cache.get_many, names)

    async def _keep(self, entries: Mapping[str, bytes]) -> None:
        if self._cache is not None and entries:
            await run_blocking(self._cache.put_many, entries)
