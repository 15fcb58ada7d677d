"""What the origin needs of whoever keeps the files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from modulestore.keys import AssetKey
from modulestore.model.files import CourseFile

__all__ = ["ObjectSource", "Source"]


class Source(Protocol):
    """Files of courses: what a store opened with `modulestore.connect_async` has as its files."""

    async def get(self, key: AssetKey, /) -> CourseFile | None:
        """Metadata of one file; None if there is none."""

    async def fetch(self, file: CourseFile, start: int, stop: int, /) -> bytes:
        """The bytes from ``start`` to ``stop`` of exactly this file, as `get` gave it, all at once.

        Raises:
            AssetNotFound: it is gone.
            Conflict: another file has its name, and its bytes are gone.
            CorruptDocument: some of its bytes are missing.
            StorageUnavailable: the database cannot be reached.
        """


@runtime_checkable
class ObjectSource(Source, Protocol):
    """A source some of whose files lie where others can send them from."""

    async def object_name(self, file: CourseFile, /) -> str | None:
        """What its bytes are called in the object storage; None if they are not there."""

    async def signed_url(self, file: CourseFile, seconds: int, headers: Mapping[str, str], /) -> str | None:
        """A URL that gives its bytes to whoever has it, so long, with these headers where the storage can do
        that; None if they are not there.
        """
