"""Retryable writes: one that a client sends again, having lost the reply, is answered and not run again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from tools.mongo_server.gateway.command import Command, Reply

__all__ = ["Retries"]

_MOST_SESSIONS = 1_000


class Retries:
    """The last retryable write of each client session, as a session has one at a time.

    DocumentDB remembers such writes itself, but only those of one operation: an insert of several documents
    that is sent again would fail with duplicate keys.
    """

    def __init__(self) -> None:
        self._last: OrderedDict[bytes, tuple[int, asyncio.Future[Reply]]] = OrderedDict()

    async def once(self, command: Command, execute: Callable[[Command], Awaitable[Reply]]) -> Reply:
        """The reply to `command`, of its first execution if there was one."""
        number = command.body["txnNumber"]
        known = self._last.get(command.session)
        if known is not None and known[0] == number:
            return await asyncio.shield(
                known[1]
            )  # it may still be running: a client can lose its patience, too
        running = asyncio.ensure_future(execute(command))
        self._last[command.session] = (number, running)
        self._last.move_to_end(command.session)
        if len(self._last) > _MOST_SESSIONS:
            self._last.popitem(last=False)
        try:
            return await running
        except BaseException:
            # What has failed is run again when it comes again.
            if self._last.get(command.session) == (number, running):
                del self._last[command.session]
            raise
