"""Courses of the older store in the new one: what is written of each, and what is told of it afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from modulestore.formats.old_draft import OldCourse
from modulestore.keys import BlockKey, CourseKey, VersionId
from modulestore.model.branches import DIRECT_ONLY, DRAFT, PUBLISHED
from modulestore.model.comparing import same_value
from modulestore.model.creating import NewCourse
from modulestore.model.definition import Definition
from modulestore.model.index import IndexEntry
from modulestore.model.plain import PlainBlock, Problem
from modulestore.model.structure import BlockRecord, EditInfo, Structure, StructureHeader
from modulestore.model.values import Author

__all__ = ["ConvertedCourse", "DraftConversion", "count_drafts", "differences", "plan_course"]

_SEARCH_TARGET = "wiki_slug"


@dataclass(frozen=True, slots=True)
class ConvertedCourse:
    """What became of one course of the older store.

    Attributes:
        source: its key there.
        key: of the new course; None if it needs one that it was not given.
        state: ``converted``; ``to convert``, by a dry run; ``already``, if it was converted before and its
            documents are the same; ``left``.
        reason: why it was left; None for the others.
        version, draft_version: heads of the new course; None if it has none.
        blocks: that the root of the published branch leads to, each counted once.
        detached: beside the tree: pages, course info, and what nothing leads to.
        drafts: that are new on the draft branch, or differ there.
        definitions: that were made.
        files: that were copied with it.
        problems: what had to be worked around in it.
    """

    source: str
    key: CourseKey | None
    state: Literal["converted", "to convert", "already", "left"]
    reason: str | None = None
    version: VersionId | None = None
    draft_version: VersionId | None = None
    blocks: int = 0
    detached: int = 0
    drafts: int = 0
    definitions: int = 0
    files: int = 0
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftConversion:
    """What a conversion of courses of the older store did, or would do.

    Attributes:
        courses: by their keys there.
        problems: with blocks and documents that belong to none of them.
    """

    courses: tuple[ConvertedCourse, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def flawless(self) -> bool:
        """Whether nothing was left, or had to be worked around."""
        return not self.problems and not any(
            course.problems or course.state == "left" for course in self.courses
        )


def plan_course(
    old: OldCourse, *, author: Author, integers: bool, now: datetime, ids: Iterator[VersionId]
) -> NewCourse:
    """The documents of a new course: one version of each branch.

    Args:
        author: of the versions, and of blocks that do not say whose they are.
        integers: whether authors have to be numbers; ``author`` stands for others then.
    """
    return _Planner(old, author, integers, now, ids).plan()


class _Planner:
    def __init__(
        self, old: OldCourse, author: Author, integers: bool, now: datetime, ids: Iterator[VersionId]
    ) -> None:
        self.old = old
        self.author = author
        self.integers = integers
        self.now = now
        self.ids = ids
        self.versions = {branch: next(ids) for branch in (DRAFT, PUBLISHED)}
        self.definitions: dict[VersionId, Definition] = {}
        self.of_block: dict[BlockKey, list[Definition]] = {}

    def plan(self) -> NewCourse:
        # The published content comes first, for the draft was made from it.
        records = {branch: self._records(branch) for branch in (PUBLISHED, DRAFT)}
        drafts = {record.key: record for record in records[DRAFT]}
        records[PUBLISHED] = [self._published(record, drafts) for record in records[PUBLISHED]]
        structures = {branch: self._structure(branch, records[branch]) for branch in (DRAFT, PUBLISHED)}
        entry = IndexEntry(
            id=next(self.ids),
            key=self.old.key,
            heads=self.versions,
            edited_by=self.author,
            edited_on=self.now,
            last_update=self.now,
            search_targets=self._search_targets(),
        )
        return NewCourse(entry, structures, self.definitions)

    def _records(self, branch: str) -> list[BlockRecord]:
        there = self.old.branches[branch]
        records = []
        for key, block in there.blocks.items():
            edit = there.edits[key]
            by, on = edit.edited_by, edit.edited_on
            if branch == PUBLISHED and edit.published_on is not None:
                by, on = edit.published_by, edit.published_on
            children = block.children
            if branch == PUBLISHED and children is None:
                children = ()  # as the platform's publication writes it
            records.append(
                BlockRecord(
                    key=key,
                    definition=self._definition(block, edit.edited_by, edit.edited_on),
                    children=children,
                    settings=block.settings,
                    edit_info=EditInfo(
                        update_version=self.versions[branch],
                        edited_on=on or self.now,
                        edited_by=self._author(by),
                    ),
                )
            )
        return records

    def _definition(self, block: PlainBlock, by: Author, on: datetime | None) -> VersionId:
        """The definition of this content; both branches share it if theirs is the same."""
        made = self.of_block.setdefault(block.key, [])
        for definition in made:
            if same_value(definition.fields, block.content):
                return definition.id
        new = next(self.ids)
        before = made[-1] if made else None
        definition = Definition(
            id=new,
            block_type=block.key.type,
            fields=block.content,
            edited_by=self._author(by),
            edited_on=on or self.now,
            previous_version=before.id if before else None,
            original_version=before.original_version if before else new,
        )
        made.append(definition)
        self.definitions[new] = definition
        return new

    def _published(self, record: BlockRecord, drafts: Mapping[BlockKey, BlockRecord]) -> BlockRecord:
        """The block with the mark by which the platform tells whether its draft is another."""
        draft = drafts.get(record.key)
        if draft is None or not _same_block(record, draft):
            return record
        info = record.edit_info._replace(source_version=draft.edit_info.update_version)
        return BlockRecord(
            key=record.key,
            definition=record.definition,
            children=record.children,
            settings=record.settings,
            edit_info=info,
        )

    def _structure(self, branch: str, records: Sequence[BlockRecord]) -> Structure:
        version = self.versions[branch]
        header = StructureHeader(version, self.old.root, None, version, self.author, self.now)
        return Structure.of(header, records)

    def _author(self, by: Author) -> Author:
        return self.author if by is None or (self.integers and not isinstance(by, int)) else by

    def _search_targets(self) -> dict[str, str]:
        root = self.old.branches[PUBLISHED].blocks[self.old.root]
        slug = root.content.get(_SEARCH_TARGET, root.settings.get(_SEARCH_TARGET))
        return {_SEARCH_TARGET: slug} if isinstance(slug, str) else {}


def _same_block(a: BlockRecord, b: BlockRecord) -> bool:
    return (
        a.definition == b.definition
        and same_value(a.settings, b.settings)
        and tuple(a.children or ()) == tuple(b.children or ())
    )


def count_drafts(draft: Structure, published: Structure) -> int:
    """Blocks that are new on the draft branch or differ there, without those above units: they have no drafts
    of their own, and differ for a child only.
    """
    same = {
        published.key(position)
        for position in range(len(published))
        if published.data.edit_info(position).source_version is not None
    }
    keys = (draft.key(position) for position in range(len(draft)))
    return sum(key.type not in DIRECT_ONLY and key not in same for key in keys)


def differences(
    old: OldCourse, structures: Mapping[str, Structure], definitions: Mapping[VersionId, Definition]
) -> list[str]:
    """What versions that were read say otherwise than the documents that they were made from; in words."""
    found = []
    for branch, there in old.branches.items():
        structure = structures[branch]
        stored = {structure.key(position): position for position in range(len(structure))}
        found += [
            f"{branch}: {key.type}/{key.id} is {'too much' if key in stored else 'missing'}"
            for key in sorted(stored.keys() ^ there.blocks.keys())
        ]
        for key, block in there.blocks.items():
            if key in stored:
                record = structure.record(stored[key])
                definition = definitions.get(record.definition)
                same = {
                    "settings": same_value(record.settings, block.settings),
                    "content": definition is not None and same_value(definition.fields, block.content),
                    "children": tuple(record.children or ()) == tuple(block.children or ()),
                }
                wrong = [name for name, equal in same.items() if not equal]
                found += [f"{branch}: {name} of {key.type}/{key.id} differ" for name in wrong]
    return found
