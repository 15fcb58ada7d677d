"""Caches for tests: one in memory that keeps everything, and one that nobody can rely on."""

from __future__ import annotations

import random
import threading
from collections.abc import Collection, Mapping

from modulestore.storage.cache_frames import item_key, open_many, seal
from modulestore.storage.caching import Cache

__all__ = ["MemoryCache", "UnreliableCache", "damaged"]


class MemoryCache(Cache):
    """Keeps everything until it is closed, and remembers what it was asked."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.calls: list[tuple[str, set[str]]] = []
        self._closed = False

    def get_many(self, names: Collection[str]) -> dict[str, bytes]:
        self.calls.append(("get", set(names)))
        return {name: self.values[name] for name in names if name in self.values}

    def put_many(self, values: Mapping[str, bytes]) -> None:
        self.calls.append(("put", set(values)))
        if not self._closed:
            self.values.update(values)

    def delete_many(self, names: Collection[str]) -> None:
        self.calls.append(("delete", set(names)))
        for name in names:
            self.values.pop(name, None)

    def close(self) -> None:
        self._closed = True
        self.values.clear()


class UnreliableCache(Cache):
    """Holds sealed items as a server would; of those that are asked for, some are lost, some damaged."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._items: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self.rejected = 0

    def get_many(self, names: Collection[str]) -> dict[str, bytes]:
        with self._lock:
            opened = open_many(names, self._fetched)
            self.rejected += opened.rejected
            return opened.values

    def put_many(self, values: Mapping[str, bytes]) -> None:
        with self._lock:
            for name, value in values.items():
                if self._random.random() < 0.9:
                    self._items |= seal(name, value)

    def delete_many(self, names: Collection[str]) -> None:
        with self._lock:
            for name in names:
                self._items.pop(item_key(name), None)

    def close(self) -> None:
        self._items.clear()

    def _fetched(self, keys: Collection[str]) -> dict[str, bytes]:
        found = {}
        for key in keys:
            fate = self._random.random()
            if key not in self._items or fate < 0.1:
                continue
            item = self._items[key]
            if fate < 0.3:
                item = damaged(item, self._random)
            elif fate < 0.4:
                item = self._random.choice(list(self._items.values()))
            found[key] = item
        return found


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The same with a bit flipped, or with more or fewer bytes."""
    at = chance.randrange(len(data))
    match chance.choice(["flip", "cut", "longer"]):
        case "flip":
            return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
        case "cut":
            return data[:at]
    return data + chance.randbytes(1 + at % 20)
