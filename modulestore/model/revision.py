"""A new version of a branch while it is made: what changes against the version that it is made from.

The rules of editing, publishing and merging work on a `Revision`. It looks like the outline that is being
made, costs what changes, and leaves the version that it is made from alone. When it is done it gives a
structure that shares everything else with that version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from modulestore.errors import InvalidKey
from modulestore.keys import BlockKey, VersionId
from modulestore.model.definition import Definition
from modulestore.model.deriving import derive
from modulestore.model.structure import BlockRecord, Structure, StructureHeader
from modulestore.model.values import Author

__all__ = ["Revision"]


class Revision:
    """One branch, on its way from ``base`` to a new version.

    Attributes:
        base: the version that it is made from; None for the first of a branch.
        root: key of the root block.
        version: id of the new version.
        author, now: who makes it, and when (millisecond precision).
        definitions: those that it needs and that are not stored yet, by id.
        assets: asset metadata of the new version; None where there is none.
        merged: whether it brings together what two authors have made of the same version.
    """

    def __init__(
        self,
        base: Structure | None,
        root: BlockKey,
        *,
        version: VersionId,
        author: Author,
        now: datetime,
        ids: Iterator[VersionId],
    ) -> None:
        self.base = base
        self.root = root
        self.version = version
        self.author = author
        self.now = now
        self.definitions: dict[VersionId, Definition] = {}
        self.assets: Mapping[str, Sequence[Mapping[str, Any]]] | None = base.assets if base else None
        self.merged = False
        self._ids = ids
        self._changed: dict[BlockKey, BlockRecord | None] = {}

    def __contains__(self, key: BlockKey) -> bool:
        if key in self._changed:
            return self._changed[key] is not None
        return self.base is not None and self.base.position(key) is not None

    def get(self, key: BlockKey) -> BlockRecord | None:
        """The block as it is in the new version so far; None if it has none of this key."""
        if key in self._changed:
            return self._changed[key]
        position = None if self.base is None else self.base.position(key)
        return None if self.base is None or position is None else self.base.record(position)

    def children(self, key: BlockKey) -> tuple[BlockKey, ...]:
        """Children of a block in order, absent ones too; none for a block without a list, or that is not
        there.
        """
        if key not in self._changed and self.base is not None:
            position = self.base.position(key)
            return () if position is None else self.base.child_keys(position) or ()
        record = self._changed.get(key)
        return () if record is None else tuple(record.children or ())

    def parents(self, key: BlockKey) -> list[BlockKey]:
        """The blocks that list this one as a child: those that did not change in stored order, then the
        others.
        """
        found = []
        position = None if self.base is None else self.base.position(key)
        if self.base is not None and position is not None:
            above = (self.base.key(parent) for parent in self.base.outline.parents[position])
            found = [parent for parent in above if parent not in self._changed]
        found += [
            parent for parent, record in self._changed.items() if record and key in (record.children or ())
        ]
        return found

    def keys(self) -> Iterator[BlockKey]:
        """Every block of the new version: in stored order, new ones last."""
        if self.base is not None:
            for position in range(len(self.base)):
                key = self.base.key(position)
                if self._changed.get(key, True) is not None:
                    yield key
        for key, record in self._changed.items():
            if record is not None and (self.base is None or self.base.position(key) is None):
                yield key

    def put(self, record: BlockRecord) -> None:
        """Let the new version have this block, new or in place of the one of its key."""
        self._changed[record.key] = record

    def remove(self, key: BlockKey) -> None:
        """Let the new version not have this block. Lists of children are not touched."""
        if self.base is not None and self.base.position(key) is not None:
            self._changed[key] = None
        else:
            self._changed.pop(key, None)

    def touched(self, record: BlockRecord) -> BlockRecord:
        """The block with edit info that says that it changed in this version, once, however often it does.

        Source: split modulestore documents, ``edit_info`` of a block.
        """
        info = record.edit_info
        if info.update_version == self.version:
            return replace(record, edit_info=info._replace(source_version=None))
        info = info._replace(
            previous_version=info.update_version,
            update_version=self.version,
            source_version=None,
            edited_on=self.now,
            edited_by=self.author,
        )
        return replace(record, edit_info=info)

    def define(self, block_type: str, fields: Mapping[str, Any], before: Definition | None) -> VersionId:
        """A new version of a block's content, chained to the one before; its id."""
        version = next(self._ids)
        self.definitions[version] = Definition(
            id=version,
            block_type=block_type,
            fields=fields,
            edited_by=self.author,
            edited_on=self.now,
            previous_version=before.id if before else None,
            original_version=before.original_version if before else version,
        )
        return version

    @property
    def changes(self) -> Mapping[BlockKey, BlockRecord | None]:
        """The blocks that were put, and None for those that were removed, in order of the first change."""
        return self._changed

    @property
    def shared_definitions(self) -> set[VersionId]:
        """The stored definitions that it needs, and that its base has not at the same blocks."""
        base = self.base
        found: set[VersionId] = set()
        for key, record in self._changed.items():
            if record is not None and record.definition not in self.definitions:
                position = None if base is None else base.position(key)
                if base is None or position is None or base.definitions[position] != record.definition:
                    found.add(record.definition)
        return found

    @property
    def opened(self) -> set[VersionId]:
        """Versions of libraries that the blocks which changed lead to.

        Source: split modulestore documents, ``source_library_version`` and ``original_usage_version``.
        """
        found: set[VersionId] = set()
        for record in self._changed.values():
            if record is not None:
                source = record.edit_info.original_usage_version
                found.update([] if source is None else [source])
                pin = record.settings.get("source_library_version")
                if isinstance(pin, str) and len(pin) == 24:
                    with suppress(InvalidKey):
                        found.add(VersionId.parse(pin))
        return found

    def restore(self, changes: Mapping[BlockKey, BlockRecord | None]) -> None:
        """Go back to the blocks as they were when ``changes`` was copied from `changes`."""
        self._changed = dict(changes)

    @property
    def is_empty(self) -> bool:
        """Whether the new version would be the one that it is made from."""
        return self.base is not None and not self._changed and self.assets == self.base.assets

    def structure(self) -> Structure:
        """The new version."""
        header = StructureHeader(
            self.version,
            self.root,
            self.base.header.id if self.base else None,
            self.base.header.original_version if self.base else self.version,
            self.author,
            self.now,
        )
        records = {key: record for key, record in self._changed.items() if record is not None}
        if self.base is None:
            return Structure.of(header, list(records.values()), assets=self.assets)
        removed = [key for key, record in self._changed.items() if record is None]
        return derive(self.base, header, records, removed, assets=self.assets)
