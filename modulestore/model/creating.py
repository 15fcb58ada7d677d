"""New courses and libraries, and runs that begin as another one is.

Source: Open edX split modulestore, create_course, create_library and clone_course.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modulestore.errors import BranchNotFound, InvalidInput
from modulestore.keys import BlockKey, CourseKey, LibraryKey, VersionId
from modulestore.model.branches import DRAFT, LIBRARY, PUBLISHED
from modulestore.model.definition import Definition
from modulestore.model.editing import apply_edits, split_fields, stored_order
from modulestore.model.edits import AddBlock, UpdateFields
from modulestore.model.index import IndexEntry
from modulestore.model.publishing import auto_publish
from modulestore.model.revision import Revision
from modulestore.model.structure import BlockRecord, EditInfo, Structure
from modulestore.model.values import Author

__all__ = ["COURSE_ROOT", "LIBRARY_ROOT", "NewCourse", "new_course", "new_library", "rerun"]

COURSE_ROOT = BlockKey("course", "course")
LIBRARY_ROOT = BlockKey("library", "library")
_SEARCH_TARGET = "wiki_slug"


@dataclass(frozen=True, slots=True)
class NewCourse:
    """What a new course or library is made of.

    Attributes:
        entry: its index entry.
        structures: new versions by branch; a re-run without changes has none.
        definitions: new ones, by id.
    """

    entry: IndexEntry
    structures: Mapping[str, Structure]
    definitions: Mapping[VersionId, Definition]


def new_course(
    key: CourseKey,
    *,
    fields: Mapping[str, Any],
    blocks: Sequence[AddBlock] = (),
    author: Author,
    now: datetime,
    ids: Iterator[VersionId],
) -> NewCourse:
    """A course of a root block with these fields and of ``blocks`` (about pages …), on both branches.

    The root and all blocks that have no drafts are published. A ``wiki_slug`` is also what the course is
    found by.

    Raises:
        InvalidInput, BlockExists, BlockNotFound: as `apply_edits`, for the blocks.
    """
    draft = _with_root(COURSE_ROOT, fields, author, now, ids)
    apply_edits(draft, blocks, {})
    published = Revision(None, COURSE_ROOT, version=next(ids), author=author, now=now, ids=ids)
    auto_publish(draft, published)
    entry = _entry(key, {DRAFT: draft, PUBLISHED: published}, author, now, ids, _targets(fields))
    return _made(entry, {DRAFT: draft, PUBLISHED: published})


def new_library(
    key: LibraryKey, *, fields: Mapping[str, Any], author: Author, now: datetime, ids: Iterator[VersionId]
) -> NewCourse:
    """A library of a root block with these fields.

    Raises:
        InvalidInput: children are given as a field.
    """
    revision = _with_root(LIBRARY_ROOT, fields, author, now, ids)
    return _made(_entry(key, {LIBRARY: revision}, author, now, ids, {}), {LIBRARY: revision})


def rerun(
    source: IndexEntry,
    key: CourseKey,
    *,
    structures: Mapping[str, Structure] | None = None,
    contents: Mapping[VersionId, Definition] | None = None,
    fields: Mapping[str, Any] | None = None,
    author: Author,
    now: datetime,
    ids: Iterator[VersionId],
) -> NewCourse:
    """A course that begins as ``source`` is: it shares its versions, and nothing is copied.

    Args:
        structures, contents: with ``fields``, the heads of the source, and the definition of the draft's
            root.
        fields: what the root of the new course has otherwise: a name, a start date. That makes new versions.

    Raises:
        BranchNotFound: ``fields`` are given and the source has no draft.
        InvalidInput, DefinitionNotFound: as `apply_edits`, for the fields.
    """
    heads = dict(source.heads)
    changed: dict[str, Revision] = {}
    if fields:
        there = structures or {}
        if DRAFT not in heads or DRAFT not in there:
            raise BranchNotFound("it has no draft whose root could be changed", place=str(source.key))
        if PUBLISHED in heads and PUBLISHED not in there:
            raise InvalidInput("the published head is needed too", place=str(source.key))
        for branch, base in there.items():
            root = base.header.root
            changed[branch] = Revision(base, root, version=next(ids), author=author, now=now, ids=ids)
        draft = changed[DRAFT]
        apply_edits(draft, [UpdateFields(draft.root, fields)], contents or {})
        if PUBLISHED in changed:
            auto_publish(draft, changed[PUBLISHED])
        changed = {branch: revision for branch, revision in changed.items() if not revision.is_empty}
        heads.update((branch, revision.version) for branch, revision in changed.items())
    targets = {**source.search_targets, **_targets(fields or {})}
    entry = IndexEntry(next(ids), key, heads, author, now, now, targets)
    return _made(entry, changed)


def _with_root(
    key: BlockKey, fields: Mapping[str, Any], author: Author, now: datetime, ids: Iterator[VersionId]
) -> Revision:
    revision = Revision(None, key, version=next(ids), author=author, now=now, ids=ids)
    settings, content = split_fields(key.type, fields)
    revision.put(
        BlockRecord(
            key=key,
            definition=revision.define(key.type, stored_order(content), None),
            settings=stored_order(settings),
            edit_info=EditInfo(update_version=revision.version, edited_on=now, edited_by=author),
        )
    )
    return revision


def _targets(fields: Mapping[str, Any]) -> dict[str, str]:
    slug = fields.get(_SEARCH_TARGET)
    return {_SEARCH_TARGET: slug} if isinstance(slug, str) else {}


def _entry(
    key: CourseKey | LibraryKey,
    revisions: Mapping[str, Revision],
    author: Author,
    now: datetime,
    ids: Iterator[VersionId],
    targets: Mapping[str, str],
) -> IndexEntry:
    heads = {branch: revision.version for branch, revision in revisions.items()}
    return IndexEntry(next(ids), key.bare, heads, author, now, now, targets)


def _made(entry: IndexEntry, revisions: Mapping[str, Revision]) -> NewCourse:
    definitions: dict[VersionId, Definition] = {}
    for revision in revisions.values():
        definitions.update(revision.definitions)
    return NewCourse(
        entry, {branch: revision.structure() for branch, revision in revisions.items()}, definitions
    )
