"""Courses to be opened: as stored documents, so that every place gets the same.

They are the platform's own if they are at hand, and otherwise courses of the same sizes that this library has
imported.
"""

from __future__ import annotations

import gzip
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from modulestore import Store
from modulestore._sync.mongo import open_mongo
from modulestore._sync.preparing import WriteRules, prepare_write
from modulestore._sync.sqlite import open_sqlite
from modulestore.formats.entries import decode_entry
from modulestore.formats.headers import document_id
from modulestore.formats.structures import Schema, decode_structure, encode_structure
from tools.bench.courses import write_course
from tools.bench.places import sqlite_path

__all__ = [
    "ARCHIVES",
    "Documents",
    "in_format_2",
    "perf_course",
    "put_on_server",
    "put_on_sqlite",
    "synthetic_course",
]

_SHARED = Path(__file__).resolve().parents[3] / "shared"
ARCHIVES = _SHARED / "courses"
_PERF = _SHARED / "golden" / "perf"

_RAW = CodecOptions(document_class=RawBSONDocument)
_PREFIX = "modulestore."
_COLLECTIONS = ("active_versions", "structures", "definitions")


@dataclass(frozen=True, slots=True)
class Documents:
    """One course: who wrote it, its key, and its encoded documents by collection."""

    writer: str
    key: str
    by_collection: Mapping[str, Sequence[bytes]]


def perf_course(size: int) -> Documents | None:
    """The course of this size that the platform's own code wrote; None if it is not at hand."""
    path = _PERF / f"course-{size}.bson.gz"
    if not path.exists():
        return None
    by_collection: dict[str, list[bytes]] = {name: [] for name in _COLLECTIONS}
    with gzip.open(path) as stream:
        # A file to be read like any other, which the annotations of bson do not know.
        for row in bson.decode_file_iter(cast(BinaryIO, stream), _RAW):
            by_collection[row["collection"].removeprefix(_PREFIX)].append(bytes(row["document"].raw))
    return _documents("platform", by_collection)


def synthetic_course(size: int) -> Documents:
    """A course of this size that the library has imported, in the format of the platform."""
    with tempfile.TemporaryDirectory() as folder:
        archive, url = Path(folder) / "course.tar.gz", f"sqlite:///{folder}/course.db"
        write_course(archive, size)
        with Store(open_sqlite(sqlite_path(url)), schema=1) as store:
            store.import_course(archive)
        with closing(sqlite3.connect(sqlite_path(url))) as connection:
            by_collection = {name: list(_column(connection, name)) for name in _COLLECTIONS}
    return _documents("synthetic", by_collection)


def _column(connection: sqlite3.Connection, table: str) -> Iterator[bytes]:
    return (document for (document,) in connection.execute(f"SELECT document FROM {table}"))


def _documents(writer: str, by_collection: Mapping[str, Sequence[bytes]]) -> Documents:
    (entry,) = by_collection["active_versions"]
    return Documents(writer, str(decode_entry(bson.decode(entry)).key), by_collection)


def in_format_2(documents: Documents) -> Documents:
    """The same course, its structures in our own format."""
    structures = [
        encode_structure(decode_structure(document), 2).document
        for document in documents.by_collection["structures"]
    ]
    return replace(documents, by_collection={**documents.by_collection, "structures": structures})


def put_on_server(documents: Documents, url: str, schema: Schema) -> None:
    """Store a course in an empty database of a server, as a store of ours has it."""
    backend = open_mongo(url)
    prepare_write(backend, -1, WriteRules(new_schema=schema))
    backend.close()
    client: MongoClient[RawBSONDocument]
    with MongoClient(url, document_class=RawBSONDocument) as client:
        database = client.get_default_database()
        for name, stored in documents.by_collection.items():
            database[_PREFIX + name].insert_many(map(RawBSONDocument, stored))


def put_on_sqlite(documents: Documents, url: str, schema: Schema) -> None:
    """Store a course in a SQLite file that is not there yet, as a store of ours has it."""
    backend = open_sqlite(sqlite_path(url))
    prepare_write(backend, -1, WriteRules(new_schema=schema))
    with backend.group() as group:
        for name, port in (("definitions", group.definitions), ("structures", group.structures)):
            port.put_many({document_id(document): document for document in documents.by_collection[name]})
        for entry in documents.by_collection["active_versions"]:
            group.index.insert(decode_entry(bson.decode(entry)))
    backend.close()
