"""The chain of versions behind a head, and how versions are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from modulestore.keys import BlockKey, VersionId
from modulestore.model.structure import BlockRecord, Structure, StructureHeader
from modulestore.model.values import Author

__all__ = ["BlockVersion", "VersionInfo", "block_versions", "chain"]


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One version in a history.

    Attributes:
        previous: the version that it was made from; None for a first one.
        author, edited_on: who made it, and when.
        message: what its author said of it; None if nothing.
        tags: names that it was given, sorted.
    """

    version: VersionId
    previous: VersionId | None
    author: Author
    edited_on: datetime
    message: str | None = None
    tags: tuple[str, ...] = ()


class BlockVersion(NamedTuple):
    """A version in which one block changed. ``block`` is None where the block is gone since that version."""

    header: StructureHeader
    block: BlockRecord | None


def chain(headers: Mapping[VersionId, StructureHeader], head: VersionId) -> Iterator[StructureHeader]:
    """From ``head`` back along ``previous_version``, newest first.

    It ends with a version that is the first one, or whose predecessor is not in ``headers``.
    """
    seen: set[VersionId] = set()
    version: VersionId | None = head
    while version is not None and version not in seen and version in headers:
        seen.add(version)
        yield headers[version]
        version = headers[version].previous_version


def block_versions(newer: Structure, older: Structure | None, key: BlockKey) -> BlockVersion | None:
    """What ``newer`` did to a block against the version before it; None if nothing."""
    after, before = _record(newer, key), _record(older, key)
    if _content(after) == _content(before):
        return None
    return BlockVersion(newer.header, after)


def _record(structure: Structure | None, key: BlockKey) -> BlockRecord | None:
    position = None if structure is None else structure.position(key)
    return None if structure is None or position is None else structure.record(position)


def _content(record: BlockRecord | None) -> object:
    if record is None:
        return None
    return (
        record.definition,
        dict(record.settings),
        dict(record.defaults),
        tuple(record.children or ()),
        list(record.asides),
    )
