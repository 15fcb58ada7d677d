"""Where the bytes of uploads are: what chunks in the database and objects outside of it have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Generic, TypeVar

from modulestore._async.waiting import Stream
from modulestore.storage.content import Content

__all__ = ["Uploads"]

Id = TypeVar("Id")


class Uploads(ABC, Generic[Id]):
    """Bytes by the ids of uploads. Whether anybody needs them, and what they are, is written elsewhere."""

    @abstractmethod
    async def begin(self, count: int) -> Sequence[Id]:
        """Ids for so many new uploads; nothing is written."""

    @abstractmethod
    async def send(self, contents: Mapping[Id, Content]) -> None:
        """Store the bytes of uploads."""

    @abstractmethod
    async def read(self, upload: Id, start: int, stop: int) -> bytes | None:
        """Bytes of an upload, all at once; None if any of them are missing."""

    @abstractmethod
    async def size(self, upload: Id) -> int:
        """Bytes that are there of an upload."""

    @abstractmethod
    async def faults(self, lengths: Mapping[Id, int]) -> Mapping[Id, Sequence[str]]:
        """What is wrong with uploads, by what their bytes should add up to, seen without reading them."""

    @abstractmethod
    async def delete(self, uploads: Collection[Id]) -> None:
        """Remove what is there of uploads."""

    @abstractmethod
    def every(self) -> Stream[Id]:
        """The uploads of which anything is there, each once."""
