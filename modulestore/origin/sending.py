"""How an answer goes to the client, and into the log."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import perf_counter
from urllib.parse import quote

from starlette.types import Receive, Scope, Send

from modulestore.origin.answers import Answer
from modulestore.origin.chunks import Chunks
from modulestore.origin.tasks import Watch

__all__ = ["Exchange", "pieces"]

_log = logging.getLogger("modulestore.origin.access")


class Exchange:
    """One request and its answer: what was sent of it, and since when."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._since = perf_counter()
        self._status = 500  # what the server says if nobody else does
        self._bytes = 0
        self.started = False
        """Whether the client was told a status."""
        self.shown_path = scope["path"]
        """What the log says of what was asked for."""

    async def answer(self, answer: Answer, body: AsyncGenerator[bytes, None]) -> None:
        """Send an answer with the pieces of its body.

        The first piece is there before anything is sent: what goes wrong until then can still be said.

        Raises:
            ModuleStoreError: a piece cannot be had. If that is not the first, the body stays incomplete.
        """
        length = 0 if self._scope["method"] == "HEAD" else answer.length
        async with aclosing(body):
            piece = await anext(body) if length else b""
            await self._start(answer)
            if len(piece) == length:
                await self._piece(piece, more=False)
                return
            async with Watch(self._receive) as client:
                await self._piece(piece, more=True)
                while not client.gone and self._bytes < length:
                    # Returns when the server has got rid of what it has. Only then there is more: else a
                    # slow client would make it hold one slice, and us another.
                    await self._piece(b"", more=True)
                    piece = await anext(body)
                    await self._piece(piece, more=self._bytes + len(piece) < length)
                    del piece

    def log(self) -> None:
        """Write a line about the request, when it is over."""
        client = self._scope.get("client")
        _log.info(
            "%s %s %d %d %.1f %s",
            quote(self._scope["method"]),
            quote(self.shown_path, safe="/:@+", errors="replace"),
            self._status,
            self._bytes,
            (perf_counter() - self._since) * 1000,
            client[0] if client else "-",
        )

    async def _start(self, answer: Answer) -> None:
        headers = {**answer.headers, "Content-Length": str(answer.length)}
        if answer.status in (204, 304):
            del headers["Content-Length"]
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        self._status, self.started = answer.status, True
        await self._send({"type": "http.response.start", "status": answer.status, "headers": raw})

    async def _piece(self, piece: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": piece, "more_body": more})
        self._bytes += len(piece)


async def pieces(answer: Answer, chunks: Chunks) -> AsyncGenerator[bytes, None]:
    """The body of an answer, piece by piece; what stands before a part comes with its first bytes.

    Raises:
        AssetNotFound, Conflict, CorruptDocument, StorageError: as `Source.fetch`.
    """
    lead = b""
    for segment in answer.segments:
        if isinstance(segment, bytes):
            lead += segment
        elif answer.file is not None:
            start, stop = segment
            while start < stop:
                piece = await chunks.slice(answer.file, start, stop)
                start += len(piece)
                yield lead + piece if lead else piece
                lead = b""
    if lead:
        yield lead
