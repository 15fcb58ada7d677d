"""New courses, libraries and runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modulestore.errors import BlockExists, BranchNotFound, InvalidInput
from modulestore.keys import CourseKey, LibraryKey, VersionId
from modulestore.model.branches import DRAFT, LIBRARY, PUBLISHED
from modulestore.model.creating import NewCourse, new_course, new_library, rerun
from modulestore.model.edits import AddBlock
from modulestore.model.publishing import unpublished
from tests.model.revisions import children, record
from tests.structures import NOW, block_key, version

KEY = CourseKey("Org", "Course", "Run")
K = block_key


def ids(start: int = 0) -> Iterator[VersionId]:
    while True:
        start += 1
        yield version(start)


def created(*blocks: AddBlock, **fields: object) -> NewCourse:
    return new_course(KEY, fields=fields, blocks=blocks, author=7, now=NOW, ids=ids())


def test_a_course_begins_published() -> None:
    about = AddBlock(K("about/overview"), None, None, {"data": "<p/>"})
    new = created(about, display_name="Title", wiki_slug="wiki", start=NOW)
    draft, published = new.structures[DRAFT], new.structures[PUBLISHED]
    assert new.entry.heads == {DRAFT: draft.id, PUBLISHED: published.id}
    assert (new.entry.key, new.entry.search_targets) == (KEY, {"wiki_slug": "wiki"})
    assert (new.entry.edited_by, new.entry.edited_on, new.entry.last_update) == (7, NOW, NOW)
    root = record(draft, "course/course")
    assert root.settings == {"display_name": "Title", "start": NOW}
    assert new.definitions[root.definition].fields == {"wiki_slug": "wiki"}
    assert (root.children, children(published, "course/course")) == (None, [])
    assert unpublished(draft, published) == frozenset()
    assert [structure.header.original_version for structure in (draft, published)] == [draft.id, published.id]
    assert [structure.header.previous_version for structure in (draft, published)] == [None, None]


def test_a_course_may_begin_with_an_outline() -> None:
    new = created(AddBlock(K("chapter/a"), K("course/course")), AddBlock(K("vertical/u"), K("chapter/a")))
    assert children(new.structures[PUBLISHED], "course/course") == ["chapter/a"]
    assert children(new.structures[PUBLISHED], "chapter/a") == []
    assert len(new.structures[DRAFT]) == 3
    with pytest.raises(BlockExists):
        created(AddBlock(K("course/course"), None))
    with pytest.raises(InvalidInput, match="children"):
        created(children=[])


def test_a_library() -> None:
    key = LibraryKey("Org", "Lib")
    new = new_library(key, fields={"display_name": "Bank"}, author=7, now=NOW, ids=ids())
    assert new.entry.heads == {LIBRARY: new.structures[LIBRARY].id}
    assert record(new.structures[LIBRARY], "library/library").settings == {"display_name": "Bank"}
    assert new.entry.search_targets == {}


def test_a_run_shares_the_versions_of_its_source() -> None:
    source = created(display_name="Old", wiki_slug="wiki")
    target = CourseKey("Org", "Course", "Next")
    new = rerun(source.entry, target, author=8, now=NOW, ids=ids(100))
    assert (new.entry.heads, new.entry.key) == (source.entry.heads, target)
    assert new.entry.id != source.entry.id
    assert new.entry.search_targets == {"wiki_slug": "wiki"}
    assert not new.structures
    assert not new.definitions


def test_a_run_with_fields_of_its_own() -> None:
    source = created(AddBlock(K("chapter/a"), K("course/course")), display_name="Old", wiki_slug="wiki")
    target = CourseKey("Org", "Course", "Next")
    new = rerun(
        source.entry,
        target,
        structures=source.structures,
        contents=source.definitions,
        fields={"display_name": "New", "wiki_slug": "next"},
        author=8,
        now=NOW,
        ids=ids(100),
    )
    for branch in (DRAFT, PUBLISHED):
        structure = new.structures[branch]
        assert new.entry.heads[branch] == structure.id
        assert structure.header.previous_version == source.entry.heads[branch]
        assert record(structure, "course/course").settings == {"display_name": "New"}
        assert children(structure, "course/course") == ["chapter/a"]
    assert unpublished(new.structures[DRAFT], new.structures[PUBLISHED]) == frozenset()
    assert new.entry.search_targets == {"wiki_slug": "next"}
    (definition,) = new.definitions.values()
    assert definition.fields == {"wiki_slug": "next"}
    # The source is as it was.
    assert record(source.structures[DRAFT], "course/course").settings == {"display_name": "Old"}


def test_a_run_needs_the_heads_that_it_changes() -> None:
    source = created(display_name="Old")
    target = CourseKey("Org", "Course", "Next")
    fields = {"display_name": "New"}
    with pytest.raises(BranchNotFound):
        rerun(source.entry, target, fields=fields, author=8, now=NOW, ids=ids(100))
    draft = {DRAFT: source.structures[DRAFT]}
    with pytest.raises(InvalidInput, match="published"):
        rerun(source.entry, target, structures=draft, fields=fields, author=8, now=NOW, ids=ids(100))
    same = rerun(
        source.entry,
        target,
        structures=source.structures,
        fields={"display_name": "Old"},
        author=8,
        now=NOW,
        ids=ids(100),
    )
    assert same.entry.heads == source.entry.heads
    assert not same.structures
