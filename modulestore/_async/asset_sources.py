"""Where the bytes of an uploaded file come from."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import IO, BinaryIO, TypeAlias, cast

from modulestore._async.waiting import run_blocking
from modulestore.errors import InvalidInput
from modulestore.storage.content import IN_MEMORY, temporary_file_errors

__all__ = ["Source", "opened"]

Source: TypeAlias = bytes | str | os.PathLike[str] | BinaryIO | AsyncIterable[bytes]
"""Bytes, the path of a file, a binary file that is read from where it stands, or the bytes in pieces."""

_PIECE = 1 << 18


@asynccontextmanager
async def opened(source: Source) -> AsyncIterator[BinaryIO]:
    """The bytes of a source as a file at its beginning, to seek in, that nobody else is slow at filling: what
    others write is read to its end first.

    Raises:
        InvalidInput: it is no such source, or a path that cannot be opened.
        StorageFull, StorageError: there is no room for a temporary file.
    """
    with ExitStack() as stack:
        if isinstance(source, bytes):
            yield stack.enter_context(io.BytesIO(source))
        elif isinstance(source, str | os.PathLike):
            yield stack.enter_context(await run_blocking(_open, Path(source)))
        else:
            aside = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))
            if hasattr(source, "read"):
                await run_blocking(_copy, cast(BinaryIO, source), aside)
            elif isinstance(source, AsyncIterable):
                async for piece in source:
                    await run_blocking(_write, aside, piece)
            else:
                raise InvalidInput(
                    f"no bytes can be read from {type(source).__name__}",
                    hint="give bytes, a path, a binary file, or pieces of bytes",
                )
            aside.seek(0)
            yield cast(BinaryIO, aside)


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        hint = "give the path of a file, or its bytes"
        raise InvalidInput(
            f"cannot be read: {error.strerror or error}", place=str(path), hint=hint
        ) from error


def _copy(source: BinaryIO, aside: IO[bytes]) -> None:
    while piece := source.read(_PIECE):
        _write(aside, piece)


def _write(aside: IO[bytes], piece: bytes) -> None:
    if not isinstance(piece, bytes):
        raise InvalidInput(f"a piece is not bytes but {type(piece).__name__}")
    with temporary_file_errors():
        aside.write(piece)
