"""Reading the roots of a database: everything outside its structures that refers to one.

Who adds a kind of reference to structures adds it here: pruning spares what is found here, and what that
needs in its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from modulestore._async.catalog import DELETED
from modulestore._async.conflicts import CONFLICT
from modulestore._async.history import TAG
from modulestore._async.ports import Backend, Record
from modulestore._async.rerunning import CLAIM
from modulestore.errors import CorruptDocument, InvalidKey
from modulestore.keys import VersionId
from modulestore.upkeep.roots import Root, RootKind

__all__ = ["read_roots", "roots_of"]


async def read_roots(backend: Backend) -> list[Root]:
    """Every root, heads first. Six round trips.

    Heads are read twice, records in between: of a course that is deleted or taken back meanwhile the one or
    the other is seen.

    Raises:
        CorruptDocument: a record cannot be read.
    """
    before = await backend.index.list()
    kept = [
        *(_tag(record) for record in await backend.records.starting(TAG)),
        *_each(_conflict, await backend.records.list(CONFLICT)),
        *_each(_claim, await backend.records.list(CLAIM)),
        *_each(_deleted, await backend.records.list(DELETED)),
    ]
    after = await backend.index.list()
    heads = {
        Root(RootKind.HEAD, head, str(entry.key), branch): None
        for entry in [*after, *before]
        for branch, head in entry.heads.items()
    }
    return [*heads, *kept]


def roots_of(record: Record) -> list[Root]:
    """The roots that a record is; none of one that refers to no structure.

    Raises:
        CorruptDocument: it cannot be read.
    """
    if record.kind.startswith(TAG):
        return [_tag(record)]
    kinds = {CONFLICT: _conflict, CLAIM: _claim, DELETED: _deleted}
    try:
        return list(kinds[record.kind](record)) if record.kind in kinds else []
    except (KeyError, TypeError, AttributeError) as error:
        place = f"record {record.kind}/{record.key}"
        raise CorruptDocument(f"unreadable record: {error!r}", place=place) from error


def _each(roots: Callable[[Record], Iterator[Root]], records: Iterable[Record]) -> Iterator[Root]:
    return (root for record in records for root in roots(record))


def _tag(record: Record) -> Root:
    course = record.kind.removeprefix(TAG)
    return Root(RootKind.TAG, _version(record, record.value, "version"), course, record.key)


def _conflict(record: Record) -> Iterator[Root]:
    for side in ("base", "mine"):
        version = _version(record, record.value, side)
        yield Root(RootKind.CONFLICT, version, str(record.value.get("key")), f"{record.key} ({side})")


def _claim(record: Record) -> Iterator[Root]:
    for branch in record.value.get("heads", ()):
        version = _version(record, record.value["heads"], branch)
        yield Root(RootKind.RERUN, version, record.key, branch)


def _deleted(record: Record) -> Iterator[Root]:
    for branch in record.value["heads"]:
        version = _version(record, record.value["heads"], branch)
        yield Root(RootKind.DELETED, version, record.key.partition(" ")[0], branch, record.key)


def _version(record: Record, values: Mapping[str, Any], name: str) -> VersionId:
    try:
        return VersionId.parse(str(values[name]))
    except (KeyError, InvalidKey) as error:
        place = f"record {record.kind}/{record.key}"
        raise CorruptDocument(f"there is no version in {name!r}", place=place) from error
