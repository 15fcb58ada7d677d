"""The collections of a database, each with the options that its readers and writers need."""

from __future__ import annotations

from typing import Any, Final, TypeAlias, cast

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import ReadPreference, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_concern import ReadConcern

from modulestore.errors import InvalidURL
from modulestore.formats.encoding import OPTIONS

__all__ = ["RAW", "Collections", "PlainCollection", "RawCollection"]

PlainCollection: TypeAlias = AsyncCollection[dict[str, Any]]
RawCollection: TypeAlias = AsyncCollection[RawBSONDocument]

RAW: Final[CodecOptions[RawBSONDocument]] = CodecOptions(document_class=RawBSONDocument)


class Collections:
    """Where the ports find their collections.

    Writes wait for a majority unless the URL has another ``w``; then nobody looks for what a majority has, as
    who has just written would not see it.

    Raises:
        InvalidURL: the URL asks for writes that nobody acknowledges.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self.database = database
        chosen = database.write_concern
        if not chosen.acknowledged:
            raise InvalidURL("unacknowledged writes (w=0) would lose edits", hint="leave w out of the URL")
        # A URL may say how long to wait, or that journals are to be written, and not for how many.
        self._write_concern = WriteConcern(**{"w": "majority", **chosen.document})
        by_majority = self._write_concern.document["w"] == "majority"
        self._committed = ReadConcern("majority" if by_majority else "local")

    def current(self, name: str) -> PlainCollection:
        """One whose reads give what the primary has last committed, in the sense of the writes."""
        return self.database.get_collection(
            name,
            codec_options=OPTIONS,
            read_preference=ReadPreference.PRIMARY,
            read_concern=self._committed,
            write_concern=self._write_concern,
        )

    def latest(self, name: str) -> PlainCollection:
        """One whose reads give what the primary has, whether others have it yet or not: for who decides by
        what was just written, which need not have been acknowledged by a majority.
        """
        return self.current(name).with_options(read_concern=ReadConcern("local"))

    def raw(self, name: str) -> RawCollection:
        """One of documents as bytes, read where the client's read preference says."""
        # A collection has the document class of its options, which the driver's annotations do not know.
        return cast(
            RawCollection,
            self.database.get_collection(
                name,
                codec_options=RAW,
                write_concern=self._write_concern,
            ),
        )

    def raw_current(self, name: str) -> RawCollection:
        """The same with what the primary has last committed."""
        return self.raw(name).with_options(
            read_preference=ReadPreference.PRIMARY, read_concern=self._committed
        )

    def raw_primary(self, name: str) -> RawCollection | None:
        """The same read from the primary; None if that is what the client's read preference says anyway."""
        if self.database.read_preference == ReadPreference.PRIMARY:
            return None
        return self.raw(name).with_options(read_preference=ReadPreference.PRIMARY)
