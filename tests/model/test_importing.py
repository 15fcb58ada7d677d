"""What an import writes: nothing that is there already, and marks that tell unpublished changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from modulestore.keys import BlockKey, CourseKey, LibraryKey, VersionId
from modulestore.model.importing import Existing, ImportPlan, plan_import, report
from modulestore.model.index import IndexEntry
from modulestore.model.plain import PlainBlock, PlainCourse, Problem
from modulestore.model.structure import EditInfo, Structure
from tests.structures import KEY, NOW, block_key, version

LATER = NOW + timedelta(hours=1)


def block(
    name: str, *children: str, content: Mapping[str, Any] | None = None, leaf: bool = False, **settings: Any
) -> PlainBlock:
    keys = None if leaf else [block_key(child) for child in children]
    return PlainBlock(block_key(name), settings, content or {}, keys)


def leaf(name: str, text: str = "", **settings: Any) -> PlainBlock:
    return block(name, content={"data": text}, leaf=True, **settings)


def plain(*blocks: PlainBlock, drafts: tuple[PlainBlock, ...] = (), **changes: Any) -> PlainCourse:
    course = PlainCourse(
        KEY,
        blocks[0].key,
        {block.key: block for block in blocks},
        {block.key: block for block in drafts},
    )
    return replace(course, **changes)


BASE = (
    block("course/course", "chapter/a", content={"wiki_slug": "slug"}, display_name="A course"),
    block("chapter/a", "html/h", "html/g"),
    leaf("html/h", "hello"),
    leaf("html/g", "good bye"),
    leaf("about/overview", "all about"),
)


def ids(start: int) -> Iterator[VersionId]:
    return map(version, count(start))


def planned(course: PlainCourse, existing: Existing | None = None, *, start: int = 100) -> ImportPlan:
    return plan_import(course, existing, author=7, now=NOW if existing is None else LATER, ids=ids(start))


def stored(plan: ImportPlan, before: Existing | None = None) -> Existing:
    """The course after a plan was carried out."""
    definitions = {**(before.definitions if before else {}), **{d.id: d for d in plan.definitions}}
    heads = {branch: structure.id for branch, structure in plan.heads.items()}
    entry = plan.entry or (replace(before.entry, heads=heads) if before else None)
    assert entry is not None
    return Existing(entry, dict(plan.heads), definitions)


def info(structure: Structure, name: str) -> EditInfo:
    position = structure.position(block_key(name))
    assert position is not None
    return structure.data.edit_info(position)


def has_changes(plan: ImportPlan, name: str) -> bool:
    """The platform's rule for one block: the marks of its two copies differ, or one is missing."""

    def mark(branch: str) -> VersionId | None:
        structure = plan.heads[branch]
        if structure.position(block_key(name)) is None:
            return None
        copy = info(structure, name)
        return copy.source_version or copy.update_version

    return mark("draft") is None or mark("draft") != mark("published")


def test_a_new_course() -> None:
    plan = planned(plain(*BASE))
    assert plan.entry is not None
    assert plan.entry.heads == {branch: structure.id for branch, structure in plan.new_structures.items()}
    assert plan.entry.search_targets == {"wiki_slug": "slug"}
    draft, published = plan.heads["draft"], plan.heads["published"]
    assert len(plan.definitions) == len(BASE), "one definition per block, shared by both branches"
    assert list(draft.definitions) == list(published.definitions)
    assert draft.header.previous_version is None
    assert draft.header.original_version == draft.id
    assert draft.child_keys(2) is None
    assert published.child_keys(2) == (), "the platform's publication gives leaves an empty list"
    assert info(draft, "html/h") == EditInfo(update_version=draft.id, edited_on=NOW, edited_by=7)
    assert info(published, "html/h").source_version == draft.id
    assert not any(has_changes(plan, f"{b.key.type}/{b.key.id}") for b in BASE)
    assert [d.fields["data"] for d in plan.definitions if d.block_type == "html"] == ["hello", "good bye"]
    assert all(d.original_version == d.id and d.previous_version is None for d in plan.definitions)


def test_the_same_again_changes_nothing() -> None:
    existing = stored(planned(plain(*BASE)))
    plan = planned(plain(*BASE), existing, start=500)
    assert plan.changes_nothing
    assert plan.heads == dict(existing.structures)


def test_one_changed_text_makes_one_definition_and_shares_the_rest() -> None:
    existing = stored(planned(plain(*BASE)))
    changed = plain(*BASE[:2], leaf("html/h", "hello again"), *BASE[3:])
    plan = planned(changed, existing, start=500)
    (definition,) = plan.definitions
    before = existing.structures["draft"]
    old = before.definitions[2]
    assert definition.fields == {"data": "hello again"}
    assert (definition.previous_version, definition.original_version) == (old, old)
    draft = plan.new_structures["draft"]
    assert draft.header.previous_version == before.id
    assert draft.header.original_version == before.header.original_version
    assert [a == b for a, b in zip(draft.definitions, before.definitions, strict=True)] == [
        True,
        True,
        False,
        True,
        True,
    ]
    assert info(draft, "html/h").previous_version == before.id
    assert info(draft, "html/h").update_version == draft.id
    assert info(draft, "html/g") == info(before, "html/g")
    assert not has_changes(plan, "html/h")
    assert plan.expected == {branch: head.id for branch, head in existing.structures.items()}


def test_a_block_that_the_archive_lacks_leaves_both_heads() -> None:
    existing = stored(planned(plain(*BASE)))
    without = plain(BASE[0], block("chapter/a", "html/h"), BASE[2], BASE[4])
    plan = planned(without, existing, start=500)
    for structure in plan.new_structures.values():
        assert structure.position(("html", "g")) is None
        assert len(structure) == 4
    assert plan.definitions == []


def test_drafts_land_on_the_draft_branch_only() -> None:
    drafts = (
        block("chapter/a", "html/h", "html/g", "html/new"),
        leaf("html/h", "draft text"),
        leaf("html/new", "new"),
    )
    plan = planned(plain(*BASE, drafts=drafts))
    draft, published = plan.heads["draft"], plan.heads["published"]
    assert published.position(("html", "new")) is None
    at = draft.position(("html", "h"))
    assert at is not None
    assert draft.definitions[at] != published.definitions[2]
    assert {
        name: has_changes(plan, name)
        for name in ("chapter/a", "html/h", "html/new", "html/g", "course/course")
    } == {
        "chapter/a": True,
        "html/h": True,
        "html/new": True,
        "html/g": False,
        "course/course": False,
    }
    again = planned(plain(*BASE, drafts=drafts), stored(plan), start=500)
    assert again.changes_nothing
    assert plain(*BASE, drafts=drafts).draft_count == 2, "the chapter is there for its child only"


def test_importing_over_local_drafts_publishes_what_the_archive_has() -> None:
    drafts = (leaf("html/h", "my own edit"),)
    existing = stored(planned(plain(*BASE, drafts=drafts)))
    plan = planned(plain(*BASE), existing, start=500)
    assert not has_changes(plan, "html/h")
    assert plan.definitions == [], "the published text is there already"
    assert not planned(plain(*BASE), stored(plan, existing), start=900).new_structures


def test_a_library_has_one_branch() -> None:
    key = LibraryKey("Org", "Lib")
    library = plain(block("library/library", "html/h"), leaf("html/h", "x"), key=key)
    plan = planned(library)
    assert list(plan.heads) == ["library"]
    assert plan.heads["library"].child_keys(1) is None
    assert planned(library, stored(plan), start=500).changes_nothing


def test_an_older_course_keeps_its_root_id() -> None:
    old = PlainBlock(BlockKey("course", "2012_Fall"), BASE[0].settings, BASE[0].content, BASE[0].children)
    existing = stored(planned(plain(old, *BASE[1:])))
    assert planned(plain(*BASE), existing, start=500).changes_nothing


def test_the_stored_spelling_of_the_key_is_kept() -> None:
    existing = stored(planned(plain(*BASE)))
    plan = planned(plain(*BASE, leaf("html/new"), key=CourseKey("org", "COURSE", "run")), existing, start=500)
    assert plan.key == KEY


@pytest.mark.parametrize(("a", "b"), [(1, True), (1, 1.0), (0, False), ("1", 1), ([], {}), (None, "")])
def test_values_of_different_kinds_are_different(a: Any, b: Any) -> None:
    existing = stored(planned(plain(block("course/course", field=a))))
    assert not planned(plain(block("course/course", field=b)), existing, start=500).changes_nothing


def test_template_defaults_and_origin_stay_with_a_block() -> None:
    existing = stored(planned(plain(*BASE)))
    draft = existing.structures["draft"]
    copied = replace(
        draft.record(2),
        defaults={"weight": 1.0},
        edit_info=EditInfo(original_usage="lib-block-v1:O+L+type@html+block@x"),
    )
    records = [copied if at == 2 else draft.record(at) for at in range(len(draft))]
    existing = replace(
        existing, structures={**existing.structures, "draft": Structure.of(draft.header, records)}
    )
    plan = planned(plain(*BASE[:2], leaf("html/h", "changed"), *BASE[3:]), existing, start=500)
    after = plan.heads["draft"].record(2)
    assert after.defaults == {"weight": 1.0}
    assert after.edit_info.original_usage == copied.edit_info.original_usage


def test_asset_metadata_is_merged_by_name_and_sorted() -> None:
    def assets(*names: str, locked: bool = False) -> Any:
        return {"asset": [{"filename": name, "locked": locked} for name in names]}

    existing = stored(planned(plain(*BASE, assets=assets("b", "c"))))
    plan = planned(plain(*BASE, assets=assets("a", "b", locked=True)), existing, start=500)
    assert plan.new_structures["draft"].assets == {
        "asset": [
            {"filename": "a", "locked": True},
            {"filename": "b", "locked": True},
            {"filename": "c", "locked": False},
        ]
    }
    assert planned(plain(*BASE), stored(plan, existing), start=900).changes_nothing


def test_a_changed_wiki_slug_changes_the_index() -> None:
    existing = stored(planned(plain(*BASE)))
    renamed = replace(BASE[0], content={"wiki_slug": "other"})
    assert planned(plain(renamed, *BASE[1:]), existing, start=500).search_targets == {"wiki_slug": "other"}


def test_a_course_that_has_only_a_draft_branch_gets_a_published_one() -> None:
    first = stored(planned(plain(*BASE)))
    entry: IndexEntry = replace(first.entry, heads={"draft": first.entry.heads["draft"]})
    existing = replace(first, entry=entry, structures={"draft": first.structures["draft"]})
    plan = planned(plain(*BASE), existing, start=500)
    assert list(plan.new_structures) == ["published"]
    assert plan.expected["published"] is None
    assert plan.definitions == []


def test_the_report_counts() -> None:
    drafts = (leaf("html/new"), block("chapter/a", "html/h", "html/g", "html/new"))
    problems = [Problem("a.xml:1", "odd", "left out")]
    course = plain(*BASE, drafts=drafts, problems=problems)
    plan = planned(course)
    told = report(plan, course, changed=True)
    assert (told.blocks, told.detached, told.drafts, told.definitions) == (4, 1, 1, 6)
    assert told.problems == (problems[0],)
    assert told.version == plan.heads["published"].id
