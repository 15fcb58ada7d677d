"""New versions of small structures, for tests of the rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from modulestore.keys import BlockKey, VersionId
from modulestore.model.definition import Definition
from modulestore.model.editing import apply_edits
from modulestore.model.edits import Edit, UpdateFields
from modulestore.model.publishing import auto_publish, publish, unpublished
from modulestore.model.revision import Revision
from modulestore.model.structure import BlockRecord, Structure
from tests.structures import NOW, block_key, version

ROOT = BlockKey("course", "course")
COURSE: Mapping[str, Sequence[str] | None] = {
    "course/course": ["chapter/a", "chapter/b"],
    "chapter/a": ["sequential/s"],
    "chapter/b": ["sequential/t"],
    "sequential/s": ["vertical/u", "vertical/v"],
    "sequential/t": ["vertical/w"],
    "vertical/u": ["html/1", "html/2", "html/3"],
    "vertical/v": ["html/4"],
    "vertical/w": None,
    "html/1": None,
    "html/2": None,
    "html/3": None,
    "html/4": None,
    "static_tab/tab": None,
}
"""Two sections with a subsection each; units, one of which never had children; a page beside the tree."""


def revise(base: Structure | None, number: int, author: str = "ana") -> Revision:
    """Version ``number``, on its way, made that many minutes later."""

    def ids() -> Iterator[VersionId]:
        count = number * 10_000
        while True:
            count += 1
            yield version(count)

    now = NOW + timedelta(minutes=number)
    root = base.header.root if base else ROOT
    return Revision(base, root, version=version(number), author=author, now=now, ids=ids())


def content_of(structure: Structure, **fields: Mapping[str, Any]) -> dict[VersionId, Definition]:
    """Definitions of all blocks: empty, but for those named by id."""
    contents = {}
    for position, block_id in enumerate(structure.ids):
        at = structure.definitions[position]
        content = fields.get(block_id, {})
        contents[at] = Definition(at, structure.types[position], content, 7, NOW, None, at)
    return contents


def record(blocks: Revision | Structure, name: str) -> BlockRecord:
    """``video/v1`` as it is there."""
    key = block_key(name)
    if isinstance(blocks, Revision):
        found = blocks.get(key)
        assert found is not None
        return found
    position = blocks.position(key)
    assert position is not None
    return blocks.record(position)


def children(blocks: Revision | Structure, name: str) -> list[str]:
    """Children of ``vertical/u`` by name."""
    return [f"{child.type}/{child.id}" for child in record(blocks, name).children or ()]


def edited(base: Structure, *edits: Edit, **content: Mapping[str, Any]) -> Revision:
    """A new version with these edits."""
    revision = revise(base, 50)
    apply_edits(revision, edits, content_of(base, **content))
    return revision


class Branches:
    """A draft and a published branch in memory, on which edits and publications are made one after another.

    To begin with all is published but ``left_out`` and what is below.
    """

    def __init__(self, draft: Structure, *left_out: str) -> None:
        self.draft = draft
        self.contents = content_of(draft)
        self.number = 100
        revision = revise(None, 99)
        beside = [draft.key(at) for at in range(len(draft)) if draft.types[at] == "static_tab"]
        publish(draft, revision, [ROOT, *beside], [block_key(name) for name in left_out])
        self.published = revision.structure()

    def edit(self, *edits: Edit) -> None:
        """Make a version of the draft, and of what is published by itself."""
        self.number += 1
        draft = revise(self.draft, self.number)
        apply_edits(draft, edits, self.contents)
        self.contents.update(draft.definitions)
        self.number += 1
        published = revise(self.published, self.number)
        auto_publish(draft, published)
        self.draft = self.draft if draft.is_empty else draft.structure()
        self.published = self.published if published.is_empty else published.structure()

    def publish(self, *names: str, without: tuple[str, ...] = ()) -> bool:
        """Publish blocks; whether that made a version."""
        self.number += 1
        published = revise(self.published, self.number, "pub")
        publish(self.draft, published, map(block_key, names), [block_key(name) for name in without])
        if published.is_empty:
            return False
        self.published = published.structure()
        return True

    def published_names(self) -> set[str]:
        """What the published branch has."""
        return {f"{kind}/{name}" for kind, name in zip(self.published.types, self.published.ids, strict=True)}


def name(key: str, text: str = "new") -> UpdateFields:
    """The edit that gives a block a name."""
    return UpdateFields(block_key(key), {"display_name": text})


def badges(branches: Branches) -> set[str]:
    """The blocks that have unpublished changes."""
    return {f"{key.type}/{key.id}" for key in unpublished(branches.draft, branches.published)}
