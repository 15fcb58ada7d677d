"""Whether a database may be written to, and what it needs before its first write.

A new, empty database is prepared at its first write: it gets the indexes of the migrations, and a record that
says that it is ours and in which format. A database that has documents and no such record is a platform's: it
is written to only on request, since a running platform reads its heads elsewhere and would neither see our
writes nor spare them from its pruning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modulestore._async.ports import Backend
from modulestore.errors import InvalidAuthor, ReadOnlyStore
from modulestore.formats import v1
from modulestore.model.values import Author
from modulestore.upkeep.migrations import load_steps
from modulestore.upkeep.steps import PendingStep

__all__ = ["apply_steps", "pending_steps", "prepare_write"]

_FORMAT = ("database", "format")


async def prepare_write(backend: Backend, author: Author, *, writes_allowed: bool) -> None:
    """Get a database ready to be written to by ``author``. One round trip when it is.

    Raises:
        ReadOnlyStore: it is a platform's, and writing there was not asked for.
        InvalidAuthor: it is a platform's, which wants integers.
    """
    if await backend.records.get(*_FORMAT) is not None:
        return
    if await backend.is_empty():
        await apply_steps(backend)
        await backend.records.put_if_absent(*_FORMAT, _format_record())
        return
    if not writes_allowed:
        raise ReadOnlyStore(
            "this database was written by an Open edX platform, and is open for reading",
            hint="add ?writes=yes to the URL if no platform is running on it: it would not see these writes",
        )
    if not isinstance(author, int) or isinstance(author, bool):
        raise InvalidAuthor(
            f"the platform's documents need an integer author, not {author!r}", hint="give a user id, or -1"
        )


def _format_record() -> Mapping[str, Any]:
    return {"schema_version": v1.SCHEMA_VERSION}


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
