"""What must be true of the blocks of a version: each rule by itself, and what mending makes of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modulestore.formats.ids import new_version_id
from modulestore.keys import BlockKey, VersionId
from modulestore.model.revision import Revision
from modulestore.model.structure import BlockRecord, EditInfo, Structure
from modulestore.testing.soundness import structure_problems
from modulestore.upkeep.checking.blocks import (
    block_problems,
    closing_edges,
    definition_problems,
    duplicate_keys,
    insides_of,
    loose_blocks,
)
from modulestore.upkeep.checking.mending import keep_published_marks, mend_blocks, without_duplicates
from modulestore.upkeep.checking.problems import Kind, Problem, Severity, Spot
from tests.structures import NOW, block_key, structure, version

KEY = "course-v1:Org+Course+Run"
REPAIR = f"modulestore check {KEY} --repair"

Shape = Mapping[str, Sequence[str] | None]
ROOT = "course/course"


def spot(one: Structure, **more: bool) -> Spot:
    return Spot(KEY, "draft", one.id, **more)


def found(shape: Shape, *, shown: Collection[str] = ()) -> list[tuple[str, str, str, bool]]:
    one = structure(shape)
    elsewhere = [block_key(name) for name in shown]
    problems = block_problems(one, spot(one), duplicates=duplicate_keys(one), shown_elsewhere=elsewhere)
    return sorted(
        (problem.severity, problem.kind, problem.place.rpartition(", ")[2], problem.is_repairable)
        for problem in problems
    )


def test_a_sound_version() -> None:
    shape = {ROOT: ["chapter/a"], "chapter/a": ["html/h"], "html/h": None, "static_tab/t": ["html/below"]}
    assert found({**shape, "html/below": []}) == []


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ({"chapter/a": []}, [("error", "no-root", f"version {version(1)}", True)]),
        ({ROOT: ["html/x"]}, [("error", "child-missing", ROOT, True)]),
        ({ROOT: ["html/x", "html/y"]}, [("error", "child-missing", ROOT, True)] * 2),
        ({ROOT: ["html/x", "html/x"], "html/x": None}, [("warning", "child-twice", ROOT, True)]),
        ({ROOT: [ROOT]}, [("error", "cycle", ROOT, True)]),
        (
            {ROOT: ["chapter/a"], "chapter/a": ["vertical/b"], "vertical/b": ["chapter/a"]},
            [("error", "cycle", "vertical/b", True)],
        ),
        ({ROOT: [], "html/x": None}, [("warning", "orphan", "html/x", True)]),
        (
            {ROOT: [], "vertical/x": ["html/y"], "html/y": None},
            [("warning", "orphan", "html/y", True), ("warning", "orphan", "vertical/x", True)],
        ),
        (
            {
                ROOT: ["chapter/a", "chapter/b"],
                "chapter/a": ["html/x"],
                "chapter/b": ["html/x"],
                "html/x": [],
            },
            [("warning", "several-parents", "html/x", False)],
        ),
        ({ROOT: ["static_tab/t"], "static_tab/t": None}, [("warning", "listed", "static_tab/t", False)]),
        (
            {ROOT: [], "vertical/x": [ROOT]},
            [("warning", "listed", ROOT, True), ("warning", "orphan", "vertical/x", True)],
        ),
    ],
)
def test_rules(shape: Shape, expected: list[tuple[str, str, str, bool]]) -> None:
    assert found(shape) == expected


def test_orphans_that_the_other_branch_shows_stay_with_what_is_below_them() -> None:
    shape: Shape = {
        ROOT: [],
        "vertical/x": ["html/y", "html/z"],
        "html/y": None,
        "html/z": None,
        "html/w": None,
    }
    assert [(place, mended) for _, _, place, mended in found(shape, shown=["vertical/x"])] == [
        ("html/w", True),
        ("html/y", False),
        ("html/z", False),
        ("vertical/x", False),
    ]
    assert [(place, mended) for _, _, place, mended in found(shape, shown=["html/y"])] == [
        ("html/w", True),
        ("html/y", False),
        ("html/z", True),
        ("vertical/x", True),
    ]


def test_in_old_versions_nothing_is_serious() -> None:
    one = structure({ROOT: ["html/x"]})
    (problem,) = block_problems(one, spot(one, is_head=False, is_read=False))
    assert (problem.severity, problem.mend, problem.is_serious) == (Severity.NOTE, None, False)
    (problem,) = block_problems(one, spot(one, is_head=False))
    assert (problem.severity, problem.mend) == (Severity.ERROR, None)


def test_the_command_that_mends() -> None:
    one = structure({ROOT: ["html/x"]})
    (problem,) = block_problems(one, spot(one))
    assert problem == Problem(
        Severity.ERROR,
        f"{KEY}, draft, version {one.id}, {ROOT}",
        "its child html/x is not there",
        REPAIR,
        Kind.CHILD_MISSING,
    )


def with_records(one: Structure, records: Sequence[BlockRecord]) -> Structure:
    return Structure.of(one.header, records)


def test_definitions() -> None:
    one = structure({ROOT: ["html/a", "html/b", "html/c"], "html/a": None, "html/b": None, "html/c": None})
    course, a, b, _ = one.definitions
    types = {course: "course", a: "video"}
    problems = list(definition_problems(one, spot(one), types, {b: "it is broken"}))
    assert [(problem.severity, problem.kind, problem.is_repairable) for problem in problems] == [
        ("warning", "definition-type", False),
        ("error", "definition-unreadable", True),
        ("error", "definition-missing", True),
    ]
    assert "it is broken" in problems[1].message


def test_what_is_in_blocks() -> None:
    pin, source, draft = version(50), version(51), version(52)
    one = structure(
        {ROOT: ["html/a", "html/b"], "html/a": None, "html/b": None},
        settings={
            "html/a": {"source_library_version": str(pin), "source_library_id": "library-v1:A+B"},
            "html/b": {"source_library_version": "what somebody wrote"},
        },
    )
    records = [one.record(at) for at in range(3)]
    records[2] = replace(records[2], edit_info=EditInfo(source_version=draft, original_usage_version=source))
    insides = insides_of(with_records(one, records), spot(one))
    assert insides.pins == {pin: (block_key("html/a"), "library-v1:A+B")}
    assert insides.sources == {source: block_key("html/b")}
    assert (insides.shown, insides.problems) == ([draft], [])


def test_a_block_that_cannot_be_read() -> None:
    one = structure({ROOT: ["html/a"], "html/a": None})

    class Broken:
        def __getattr__(self, name: str) -> object:
            raise AttributeError("no such thing")

    one.data = Broken()  # type: ignore[assignment]
    problems = insides_of(one, spot(one)).problems
    assert [problem.kind for problem in problems] == [Kind.BLOCK_UNREADABLE] * 2


# --- mending


def revision_of(one: Structure) -> Revision:
    ids = iter(new_version_id, None)
    return Revision(one, one.header.root, version=next(ids), author=9, now=NOW, ids=ids)


def mended(
    one: Structure, *, shown: Collection[BlockKey] = (), lost: Collection[VersionId] = ()
) -> Structure:
    duplicates = duplicate_keys(one)
    revision = revision_of(without_duplicates(one, duplicates))
    mend_blocks(
        revision,
        duplicates=duplicates,
        shown_elsewhere=shown,
        lost=lost,
        empty=lambda revision, key, old: revision.define(key.type, {}, None),
    )
    return one if revision.is_empty else revision.structure()


NAMES = [ROOT, *(f"vertical/{number}" for number in range(6)), "static_tab/t"]
SHAPES = st.dictionaries(
    st.sampled_from(NAMES),
    st.none() | st.lists(st.sampled_from([*NAMES, "html/absent"]), max_size=5),
).map(lambda shape: {ROOT: [], **shape})


@example({ROOT: None, "vertical/0": ["vertical/4"], "vertical/4": ["vertical/0"]}, {"vertical/4"})
@given(SHAPES, st.sets(st.sampled_from(NAMES)))
def test_mending_leaves_only_what_a_person_has_to_decide(shape: Shape, shown: set[str]) -> None:
    one = structure(shape)
    elsewhere = [block_key(name) for name in shown]
    there = list(block_problems(one, spot(one), shown_elsewhere=elsewhere))
    after = mended(one, shown=elsewhere)
    left = list(block_problems(after, spot(after), shown_elsewhere=elsewhere))
    assert not [problem for problem in left if problem.is_repairable]
    # It is a new version if and only if there was something to mend.
    assert (after is not one) == any(problem.is_repairable for problem in there)
    # What the root leads to stays, in its order.
    kept = [one.key(position) for position in one.outline.order]
    assert [after.key(position) for position in after.outline.order] == kept
    assert mended(after, shown=elsewhere) is after


@given(SHAPES)
def test_a_cycle_has_a_closing_edge_and_without_these_there_is_none(shape: Shape) -> None:
    one = structure(shape)
    closing = set(closing_edges(one))
    below = {
        at: {child for child in children if (at, child) not in closing}
        for at, children in enumerate(one.outline.below)
    }
    while leaves := {at for at, children in below.items() if not children}:
        below = {at: children - leaves for at, children in below.items() if at not in leaves}
    assert not below


def test_blocks_say_that_they_were_mended() -> None:
    one = structure({ROOT: ["html/x", "html/a"], "html/a": None})
    after = mended(one)
    info = after.record(0).edit_info
    assert (info.update_version, info.previous_version, info.edited_by) == (after.id, one.id, 9)
    assert after.record(1).edit_info == one.record(1).edit_info
    assert (after.header.previous_version, after.header.original_version) == (one.id, one.id)


def test_duplicates_leave_the_last() -> None:
    one = structure({ROOT: ["html/a"], "html/a": None})
    first, second = (replace(one.record(1), settings={"n": n}) for n in (1, 2))
    twice = with_records(one, [one.record(0), first, second])
    assert [
        problem.kind for problem in block_problems(twice, spot(twice), duplicates=duplicate_keys(twice))
    ] == [Kind.DUPLICATE_BLOCK]
    assert structure_problems(twice) != []
    after = mended(twice)
    assert (len(after), after.record(1).settings) == (2, {"n": 2})
    assert structure_problems(after) == []


def test_lost_content_is_empty() -> None:
    one = structure({ROOT: ["html/a"], "html/a": None})
    revision = revision_of(one)
    mend_blocks(
        revision,
        lost=[one.definitions[1]],
        empty=lambda revision, key, old: revision.define(key.type, {}, None),
    )
    (definition,) = revision.definitions.values()
    assert (definition.block_type, definition.fields) == ("html", {})
    record = revision.get(block_key("html/a"))
    assert record is not None
    assert record.definition == definition.id


def test_what_was_published_still_is() -> None:
    """Blocks that were the same on both branches are the same when both were mended; others are not."""
    draft = structure({ROOT: ["html/x", "html/a"], "html/a": ["html/x"]}, number=5)
    source = EditInfo(update_version=version(6), source_version=version(5))
    other = EditInfo(update_version=version(6), source_version=version(4))
    published = with_records(
        structure({}, number=6),
        [replace(draft.record(0), edit_info=source), replace(draft.record(1), edit_info=other)],
    )
    revisions = [revision_of(draft), revision_of(published)]
    for revision in revisions:
        mend_blocks(revision, empty=lambda revision, key, old: old)
    keep_published_marks(*revisions)
    root, a = (revisions[1].get(block_key(name)) for name in (ROOT, "html/a"))
    assert root is not None
    assert a is not None
    assert root.edit_info.source_version == revisions[0].version
    assert a.edit_info.source_version == version(4)
    keep_published_marks(None, alone := revision_of(published))
    assert alone.is_empty


def test_loose_blocks_are_not_what_detached_blocks_have() -> None:
    one = structure({ROOT: [], "about/a": ["html/x"], "html/x": None, "html/y": None})
    assert loose_blocks(one, ()) == ({3}, set())
