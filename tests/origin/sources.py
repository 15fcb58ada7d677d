"""A source of a large file that nobody stores, which counts and fails as it is told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from modulestore.keys import AssetKey
from modulestore.model.files import CourseFile
from tests.origin.files import COURSE, key_of

__all__ = ["LARGE", "Imagined", "imagined_bytes"]

LARGE = f"{COURSE}large.mp4"
_BLOCK = b"".join(
    hashlib.sha256(bytes([number])).digest() for number in range(251)
)  # of a length that is no power of 2


def imagined_bytes(start: int, stop: int) -> bytes:
    """Bytes of the file."""
    skip = start % len(_BLOCK)
    return (_BLOCK * ((stop - start + skip) // len(_BLOCK) + 1))[skip : skip + stop - start]


@dataclass(slots=True)
class Imagined:
    """One file.

    Attributes:
        fails: what `fetch` raises from this place of the file on.
        missing: what `get` raises, or gives, instead of the file.
        fetched: bytes that were asked for.
        asked: how often `fetch` was called.
    """

    length: int
    fails: tuple[int, Exception] | None = None
    missing: Callable[[], CourseFile | None] | None = None
    locked: bool = False
    fetched: int = 0
    asked: list[int] = field(default_factory=list)

    @property
    def file(self) -> CourseFile:
        """Its metadata."""
        return CourseFile(
            key_of(LARGE),
            self.length,
            "Large.mp4",
            locked=self.locked,
            sha256=hashlib.sha256(str(self.length).encode()).hexdigest(),
            md5=hashlib.md5(str(self.length).encode()).hexdigest(),
            uploaded_on=datetime(2026, 1, 1, tzinfo=UTC),
            piece=256 * 1024,
        )

    async def get(self, key: AssetKey, /) -> CourseFile | None:
        """The file, whatever is asked for."""
        return self.file if self.missing is None else self.missing()

    async def fetch(self, file: CourseFile, start: int, stop: int, /) -> bytes:
        """Bytes of it."""
        self.asked.append(start)
        if self.fails is not None and start >= self.fails[0]:
            raise self.fails[1]
        self.fetched += stop - start
        return imagined_bytes(start, stop)
