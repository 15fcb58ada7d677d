"""What is taken back, and what is said to differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modulestore.errors import BlockExists, BlockNotFound, InvalidInput, NotPublished
from modulestore.formats import v1
from modulestore.keys import BlockKey
from modulestore.model.editing import apply_edits
from modulestore.model.edits import (
    AddBlock,
    DeleteBlock,
    Edit,
    MoveBlock,
    ReorderChildren,
    SetAside,
    SetAsset,
    UpdateFields,
)
from modulestore.model.publishing import (
    Change,
    Preview,
    changed_blocks,
    changed_since,
    discard,
    has_changes,
    publish_preview,
    reset,
    unpublish,
    unpublished,
)
from modulestore.model.structure import EditInfo, Structure
from tests.model.revisions import COURSE, ROOT, Branches, badges, children, content_of, name, record, revise
from tests.structures import block_key, structure, version

K = block_key


def blocks(structure: Structure) -> dict[tuple[str, str], Any]:
    """The blocks as they are stored, by type and id."""
    stored = bson.decode(v1.encode_structure(structure))["blocks"]
    return {(block["block_type"], block["block_id"]): block for block in stored}


def names(keys: Mapping[BlockKey, Change]) -> dict[str, str]:
    return {f"{key.type}/{key.id}": kind.value for key, kind in keys.items()}


class TestTakingBack:
    def test_unpublishing_a_unit(self) -> None:
        branches = Branches(structure(COURSE))
        published = revise(branches.published, 300)
        unpublish(published, K("vertical/u"))
        branches.published = published.structure()
        assert not {"vertical/u", "html/1"} & branches.published_names()
        info = record(branches.published, "sequential/s").edit_info
        assert info == EditInfo(version(99), version(300), None, published.now, "ana")
        assert {"vertical/u", "html/1", "sequential/s"} <= badges(branches)
        assert branches.publish("vertical/u")
        assert children(branches.published, "sequential/s") == ["vertical/u", "vertical/v"]

    def test_unpublishing_what_is_not_published_changes_nothing(self) -> None:
        branches = Branches(structure(COURSE), "vertical/u")
        published = revise(branches.published, 300)
        for block in ("vertical/u", "vertical/none"):
            with pytest.raises(NotPublished, match=block):
                unpublish(published, K(block))
        with pytest.raises(InvalidInput, match="sequential/s"):
            unpublish(published, K("sequential/s"))
        assert published.is_empty

    def test_discarding(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(
            name("html/1"),
            SetAside(K("html/3"), "tags", {}),
            AddBlock(K("html/5"), K("vertical/u")),
            DeleteBlock(K("html/2")),
            name("vertical/v"),
        )
        draft = revise(branches.draft, 300)
        discard(draft, branches.published, K("vertical/u"))
        branches.draft = draft.structure()
        assert children(branches.draft, "vertical/u") == ["html/1", "html/2", "html/3"]
        assert branches.draft.position(K("html/5")) is None
        assert record(branches.draft, "html/1").settings == {}
        assert record(branches.draft, "html/1") == record(branches.published, "html/1")
        assert badges(branches) == {"vertical/v", "sequential/s", "chapter/a", "course/course"}

    def test_discarding_where_nothing_differs(self) -> None:
        branches = Branches(structure(COURSE))
        draft = revise(branches.draft, 300)
        discard(draft, branches.published, K("vertical/u"))
        assert draft.is_empty

    def test_a_child_that_was_moved_away_comes_back(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(MoveBlock(K("html/1"), K("vertical/v")))
        draft = revise(branches.draft, 300)
        discard(draft, branches.published, K("vertical/u"))
        assert children(draft, "vertical/u") == ["html/1", "html/2", "html/3"]
        assert children(draft, "vertical/v") == ["html/4"]
        assert record(draft, "vertical/v").edit_info.update_version == version(300)

    def test_a_child_comes_back_from_a_new_block_that_stays(self) -> None:
        branches = Branches(structure({**COURSE, "vertical/v": ["vertical/n"], "vertical/n": []}))
        draft = revise(branches.draft, 200)
        unit = record(draft, "vertical/u")
        draft.put(replace(unit, children=[K("vertical/n"), *(unit.children or ())]))
        apply_edits(draft, [MoveBlock(K("html/1"), K("vertical/n"))], {})
        branches.draft = draft.structure()
        again = revise(branches.draft, 300)
        discard(again, branches.published, K("vertical/u"))
        assert children(again, "vertical/n") == []
        assert children(again, "vertical/u") == ["html/1", "html/2", "html/3"]

    def test_a_shared_child_stays_shared(self) -> None:
        branches = Branches(structure({**COURSE, "vertical/v": ["html/1", "html/4"]}))
        branches.edit(name("html/1"))
        draft = revise(branches.draft, 300)
        discard(draft, branches.published, K("vertical/u"))
        assert children(draft, "vertical/v") == ["html/1", "html/4"]
        assert children(draft, "vertical/u") == ["html/1", "html/2", "html/3"]

    def test_a_deleted_child_of_a_deleted_child_comes_back(self) -> None:
        nested = {**COURSE, "vertical/u": ["vertical/n"], "vertical/n": ["html/1", "html/2"], "html/3": None}
        branches = Branches(structure(nested))
        branches.edit(DeleteBlock(K("vertical/n")))
        draft = revise(branches.draft, 300)
        discard(draft, branches.published, K("vertical/u"))
        assert children(draft, "vertical/n") == ["html/1", "html/2"]

    def test_discarding_refused(self) -> None:
        branches = Branches(structure(COURSE), "vertical/u")
        draft = revise(branches.draft, 300)
        with pytest.raises(NotPublished, match="vertical/u"):
            discard(draft, branches.published, K("vertical/u"))
        with pytest.raises(InvalidInput, match="chapter/a"):
            discard(draft, branches.published, K("chapter/a"))

    def test_going_back_to_an_earlier_version(self) -> None:
        branches = Branches(structure(COURSE))
        first = branches.draft
        branches.edit(name("html/1"), AddBlock(K("html/5"), K("vertical/u")), DeleteBlock(K("html/2")))
        branches.edit(SetAsset("asset", "a.png", {}))
        back = revise(branches.draft, 300)
        reset(back, first)
        made = back.structure()
        assert blocks(made) == blocks(first)
        assert made.assets is None
        assert made.header.previous_version == branches.draft.id
        assert {f"{key.type}/{key.id}" for key in back.changes} == {
            "html/1",
            "html/2",
            "html/5",
            "vertical/u",
        }
        again = revise(made, 301)
        reset(again, first)
        assert again.is_empty


class TestDifferences:
    def test_each_kind(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(
            name("html/1"),
            DeleteBlock(K("html/2")),
            MoveBlock(K("html/3"), K("vertical/v")),
            AddBlock(K("html/5"), K("vertical/u")),
        )
        assert names(changed_blocks(branches.draft, branches.published)) == {
            "html/1": "changed",
            "html/2": "removed",
            "html/3": "moved",
            "html/5": "added",
        }

    @pytest.mark.parametrize(
        ("edit", "block"),
        [
            (ReorderChildren(K("vertical/u"), [K("html/3"), K("html/2"), K("html/1")]), "vertical/u"),
            (UpdateFields(K("html/1"), {"data": "x"}), "html/1"),
            (SetAside(K("html/1"), "tags", {}), "html/1"),
        ],
    )
    def test_changed_in_other_ways(self, edit: Edit, block: str) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(edit)
        assert names(changed_blocks(branches.draft, branches.published)) == {block: "changed"}

    def test_of_a_course_that_was_never_published(self) -> None:
        draft = structure(COURSE)
        assert set(changed_blocks(draft, None).values()) == {Change.ADDED}
        assert len(unpublished(draft, None)) == len(draft)
        assert has_changes(draft, None, K("html/1"))

    def test_a_block_taken_out_of_one_of_its_parents(self) -> None:
        branches = Branches(structure({**COURSE, "vertical/v": ["html/1", "html/4"]}))
        branches.edit(MoveBlock(K("html/1"), K("vertical/w")))
        assert names(changed_blocks(branches.draft, branches.published)) == {"html/1": "moved"}

    def test_has_changes_looks_below(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(name("html/1"))
        answers = {block: has_changes(branches.draft, branches.published, K(block)) for block in COURSE}
        assert {block for block, changed in answers.items() if changed} == badges(branches)
        with pytest.raises(BlockNotFound, match="html/none"):
            has_changes(branches.draft, branches.published, K("html/none"))

    def test_marks_in_one_column(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(name("html/1"))
        expected = badges(branches)
        branches.draft.data = _WithMarks(branches.draft)
        assert badges(branches) == expected

    @pytest.mark.parametrize(
        ("edit", "changed"),
        [
            (name("html/1"), {"html/1"}),
            (DeleteBlock(K("html/2")), {"html/2", "vertical/u"}),
            (MoveBlock(K("html/3"), K("vertical/v")), {"vertical/u"}),
            (AddBlock(K("html/5"), K("vertical/u")), {"html/5", "vertical/u"}),
            (name("html/4"), set()),
            (name("sequential/s"), set()),
        ],
    )
    def test_changed_since_an_author_looked(self, edit: Edit, changed: set[str]) -> None:
        branches = Branches(structure(COURSE))
        seen = branches.draft
        branches.edit(edit)
        found = changed_since(seen, branches.draft, K("vertical/u"))
        assert found == {K(block) for block in changed}
        assert changed_since(seen, branches.draft, ROOT) >= found
        assert changed_since(branches.draft, branches.draft, ROOT) == set()

    def test_preview(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(
            name("html/1"), DeleteBlock(K("html/2")), AddBlock(K("html/5"), K("vertical/u")), name("html/4")
        )
        preview = publish_preview(branches.draft, branches.published, [K("vertical/u")])
        assert preview == Preview((K("html/5"),), (K("html/1"),), (K("html/2"),))
        assert publish_preview(branches.draft, branches.published, [K("vertical/w")]) == Preview((), (), ())
        everything = publish_preview(branches.draft, None, [ROOT])
        assert len(everything.added) == len(branches.draft) - 1
        with pytest.raises(NotPublished):
            publish_preview(branches.draft, None, [K("vertical/u")])


class _WithMarks:
    def __init__(self, structure: Structure) -> None:
        self._structure = structure
        self._data = structure.data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)

    def marks(self) -> list[bytes | None]:
        infos = [self._data.edit_info(at) for at in range(len(self._structure))]
        return [info.source_version or info.update_version for info in infos]


BLOCKS = [*COURSE, "html/new", "vertical/new", "sequential/new"]
some_edits = st.lists(
    st.one_of(
        st.builds(name, st.sampled_from(BLOCKS), st.sampled_from(["x", "y"])),
        st.builds(
            AddBlock,
            st.sampled_from(BLOCKS[-3:]).map(K),
            st.sampled_from(BLOCKS).map(K),
            st.sampled_from([0, None]),
        ),
        st.builds(
            MoveBlock,
            st.sampled_from(BLOCKS).map(K),
            st.sampled_from(BLOCKS).map(K),
            st.sampled_from([0, 1, None]),
        ),
        st.builds(DeleteBlock, st.sampled_from(BLOCKS).map(K)),
    ),
    max_size=6,
)


def do(branches: Branches, edits: Sequence[Edit]) -> None:
    for edit in edits:
        with suppress(InvalidInput, BlockNotFound, BlockExists):
            branches.edit(edit)


def check(structure: Structure) -> None:
    """Nothing dangles, goes round, or hangs in the air."""
    assert not structure.absent
    reachable = structure.outline.reachable
    assert all(at in reachable or structure.types[at] == "static_tab" for at in range(len(structure)))
    for at in range(len(structure)):
        assert len(list(structure.outline.ancestors(at))) < len(structure)


@settings(max_examples=150, deadline=None)
@given(before=some_edits, after=some_edits, leaf=st.sampled_from(["vertical/u", "html/1", "vertical/v"]))
def test_whatever_was_edited_publishing_all_makes_the_branches_the_same(
    before: Sequence[Edit], after: Sequence[Edit], leaf: str
) -> None:
    branches = Branches(structure(COURSE))
    do(branches, before)
    with suppress(NotPublished, BlockNotFound):
        branches.publish(leaf)
    do(branches, after)
    check(branches.draft)
    check(branches.published)
    badged = unpublished(branches.draft, branches.published)
    for at in range(len(branches.draft)):
        key = branches.draft.key(at)
        assert has_changes(branches.draft, branches.published, key) == (key in badged)
    preview = publish_preview(branches.draft, branches.published, [ROOT])
    kinds = changed_blocks(branches.draft, branches.published)
    branches.publish("course/course")
    check(branches.published)
    assert unpublished(branches.draft, branches.published) == frozenset()
    assert kinds == {
        **dict.fromkeys(preview.added, Change.ADDED),
        **{key: kinds[key] for key in preview.changed},
        **dict.fromkeys(preview.removed, Change.REMOVED),
    }
    assert not branches.publish("course/course")
    assert content_of(branches.draft).keys() >= content_of(branches.published).keys()
