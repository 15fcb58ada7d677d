"""Whether a database may be written to, and what it needs before its first write.

A new, empty database is prepared at its first write: it gets the indexes of the migrations, and a record that
says that it is ours and in which format. A database that has documents and no such record is a platform's: it
is written to only on request, since a running platform reads its heads elsewhere and would neither see our
writes nor spare them from its pruning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast, get_args

from modulestore._async.ports import Backend, Record
from modulestore.errors import InvalidAuthor, ReadOnlyStore, UnknownFormat
from modulestore.formats.structures import PLATFORM_SCHEMA, Schema, as_schema
from modulestore.model.values import Author
from modulestore.upkeep.migrations import load_steps
from modulestore.upkeep.steps import PendingStep, Step

__all__ = [
    "FORMAT",
    "FileLayout",
    "Prepared",
    "WriteRules",
    "apply_steps",
    "conversion_steps",
    "file_layout",
    "format_record",
    "pending_steps",
    "prepare_write",
    "schema_in",
    "set_format",
]

FORMAT: Final = ("database", "format")
"""Kind and key of the record that says that a database is ours, and in which format."""

_PLACE: Final = "record database/format"

FileLayout: TypeAlias = Literal["platform", "content"]
"""How a MongoDB database keeps files: in GridFS, for platforms to read, or the bytes once per SHA-256. It
never changes, whatever becomes of the structures.
"""


@dataclass(frozen=True, slots=True)
class WriteRules:
    """What somebody who writes has to keep to.

    Attributes:
        on_platform: whether a database with a platform's documents may be written to.
        new_schema: in which format the structures of a new, empty database will be.
    """

    on_platform: bool = False
    new_schema: Schema = 2


class Prepared(NamedTuple):
    """How a database is written to.

    Attributes:
        schema: the format of structures, at this moment: a database may be converted at any time.
        is_ours: it has a record that says so; else it is a platform's, where authors are integers.
    """

    schema: Schema
    is_ours: bool


async def prepare_write(backend: Backend, author: Author, rules: WriteRules) -> Prepared:
    """Get a database ready to be written to by ``author``. One round trip when it is ready.

    Raises:
        ReadOnlyStore: it is a platform's, and writing there was not asked for.
        InvalidAuthor: it is a platform's, which wants integers.
    """
    record = await backend.records.get(*FORMAT)
    if record is None and await backend.is_empty():
        await apply_steps(backend)
        await backend.records.put_if_absent(*FORMAT, _new_record(rules.new_schema))
        record = await backend.records.get(*FORMAT)  # which may be somebody else's by now
    if record is not None:
        return Prepared(schema_in(record), is_ours=True)
    if not rules.on_platform:
        raise ReadOnlyStore(
            "this database was written by an Open edX platform, and is open for reading",
            hint="add ?writes=yes to the URL if no platform is running on it: it would not see these writes",
        )
    if not isinstance(author, int) or isinstance(author, bool):
        raise InvalidAuthor(
            f"the platform's documents need an integer author, not {author!r}", hint="give a user id, or -1"
        )
    return Prepared(PLATFORM_SCHEMA, is_ours=False)


def format_record(schema: Schema) -> Mapping[str, Any]:
    """The record that says in which format the structures of a database are written."""
    return {"schema_version": schema}


def _new_record(schema: Schema) -> Mapping[str, Any]:
    """That of a new, empty database; one in the platform's format is for platforms to read, files too."""
    files = {} if schema == PLATFORM_SCHEMA else {"files": "content"}
    return {**format_record(schema), **files}


def schema_in(record: Record | None) -> Schema:
    """The format that structures are written in, in a database with this record of it; or with documents and
    none, which is a platform's.

    Raises:
        UnknownFormat: a later one than this release knows: it must not be written to, mended or pruned.
        CorruptDocument: the record does not say.
    """
    return PLATFORM_SCHEMA if record is None else as_schema(record.value.get("schema_version"), _PLACE)


def file_layout(record: Record | None) -> FileLayout:
    """The layout of files in a MongoDB database with this record of its format, or with documents and none.

    Raises:
        UnknownFormat: this release does not know it.
    """
    layout = "platform" if record is None else record.value.get("files", "platform")
    if layout not in get_args(FileLayout):
        raise UnknownFormat(f"files in a layout {layout!r}", place=_PLACE)
    return cast(FileLayout, layout)


async def set_format(backend: Backend, schema: Schema) -> None:
    """From now on structures are written in this format. A platform's database that is to stay in the
    platform's format stays the platform's.
    """
    while True:
        record = await backend.records.get(*FORMAT)
        if record is None:
            if schema == PLATFORM_SCHEMA or await backend.records.put_if_absent(
                *FORMAT, format_record(schema)
            ):
                return
        elif record.value.get("schema_version") == schema or await backend.records.swap(
            record, {**record.value, **format_record(schema)}
        ):
            return


async def conversion_steps(backend: Backend) -> list[Step]:
    """The steps that would convert the database's structures to a format that it does not have; none if there
    is nothing in it.
    """
    record = await backend.records.get(*FORMAT)
    if record is None and await backend.is_empty():
        return []
    schema = schema_in(record)
    return [step for step in load_steps() if step.schema not in (None, schema)]


async def pending_steps(backend: Backend) -> list[PendingStep]:
    """The steps that have something to do, in order. Changes nothing."""
    pending = []
    for step in load_steps():
        missing = await backend.missing_indexes(step.indexes)
        if missing:
            pending.append(PendingStep(step, tuple(missing)))
    return pending


async def apply_steps(backend: Backend) -> list[PendingStep]:
    """Do the steps that have something to do, in order; what was done. Doing it again does nothing."""
    done = []
    for step in load_steps():
        made = await backend.create_indexes(step.indexes)
        if made:
            done.append(PendingStep(step, tuple(made)))
    return done
