"""Upserts: one at a time in each collection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from weakref import WeakValueDictionary

from tools.mongo_server.gateway.command import Command

__all__ = ["Upserts"]

_UPSERT = b"\x08upsert\x00\x01"  # {upsert: true}; when it means something else, it costs a little time only


class Upserts:
    """Makes upserts wait for each other.

    DocumentDB loses none of their effects, but when several race to insert one document, it may tell more
    than one of them that it was the one (in `upserted`, and in what findAndModify returns).
    """

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def turn(self, command: Command) -> AsyncIterator[None]:
        """Wait for one's turn, if `command` upserts."""
        parts = (command.raw, command.sequence or b"")
        if command.key not in ("update", "findandmodify") or not any(_UPSERT in part for part in parts):
            yield
            return
        async with self._turns.setdefault(command.namespace, asyncio.Lock()):
            yield
