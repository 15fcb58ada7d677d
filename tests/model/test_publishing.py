"""What goes from draft to published, by itself and when asked."""

from __future__ import annotations

import pytest

from modulestore.errors import BlockNotFound, NotPublished
from modulestore.model.editing import apply_edits
from modulestore.model.edits import (
    AddBlock,
    DeleteBlock,
    Edit,
    MoveBlock,
    ReorderChildren,
    SetAsset,
)
from modulestore.model.publishing import (
    EVERYTHING,
    auto_publish,
    changed_blocks,
    discard,
    has_changes,
    needs_publication,
    publish,
)
from modulestore.model.revision import Revision
from modulestore.model.structure import EditInfo
from tests.model.revisions import COURSE, ROOT, Branches, badges, children, name, record, revise
from tests.structures import block_key, structure, version

K = block_key


class TestPublishing:
    def test_the_first_publication_of_a_course(self) -> None:
        branches = Branches(structure(COURSE))
        assert branches.published_names() == COURSE.keys()
        assert record(branches.published, "html/1").children == []
        info = record(branches.published, "html/1").edit_info
        assert info == EditInfo(None, version(99), version(1), branches.published.header.edited_on, "ana")
        # A first version begins with its root.
        assert record(branches.published, "course/course").edit_info.previous_version == version(99)
        assert branches.published.key(0) == ROOT

    def test_a_unit_after_an_edit(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(name("html/1"))
        assert branches.publish("vertical/u")
        unit = record(branches.published, "vertical/u")
        assert unit.edit_info == EditInfo(
            version(99), branches.published.id, version(1), branches.published.header.edited_on, "pub"
        )
        assert record(branches.published, "html/1").settings == {"display_name": "new"}
        # All of the subtree counts as published, the rest stays.
        assert record(branches.published, "html/2").edit_info.update_version == branches.published.id
        assert record(branches.published, "html/4").edit_info.update_version == version(99)
        assert record(branches.published, "sequential/s").edit_info.update_version == version(99)

    def test_publishing_what_is_published_changes_nothing(self) -> None:
        branches = Branches(structure(COURSE))
        assert not branches.publish("course/course")
        assert not branches.publish("vertical/u", "html/4")
        branches.edit(name("html/1"))
        assert not branches.publish("vertical/v")
        assert branches.publish("course/course")
        assert not branches.publish("course/course")

    def test_an_edit_taken_back_is_published_so_that_the_badge_goes(self) -> None:
        branches = Branches(structure(COURSE, settings={"html/1": {"display_name": "old"}}))
        branches.edit(name("html/1"))
        branches.edit(name("html/1", "old"))
        assert badges(branches) == {"html/1", "vertical/u", "sequential/s", "chapter/a", "course/course"}
        assert not changed_blocks(branches.draft, branches.published)
        assert branches.publish("html/1")
        assert badges(branches) == set()

    def test_new_moved_and_deleted_children(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(AddBlock(K("html/5"), K("vertical/u"), 0), DeleteBlock(K("html/2")))
        branches.edit(ReorderChildren(K("vertical/u"), [K("html/3"), K("html/1"), K("html/5")]))
        branches.publish("html/5")
        # Its parent gets it, and the draft's order; what the draft has no more goes with it.
        assert children(branches.published, "vertical/u") == ["html/3", "html/1", "html/5"]
        assert "html/2" not in branches.published_names()
        assert record(branches.published, "vertical/u").edit_info.update_version == version(99)
        assert "vertical/u" in badges(branches)
        branches.publish("vertical/u")
        assert badges(branches) == set()

    def test_a_block_moved_within_what_is_published_survives(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(MoveBlock(K("html/1"), K("vertical/v")))
        branches.publish("sequential/s")
        assert children(branches.published, "vertical/v") == ["html/4", "html/1"]
        assert record(branches.published, "html/1").edit_info.update_version == branches.published.id

    def test_a_leaf_moved_away_goes_with_the_publication_of_its_old_unit(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(MoveBlock(K("html/1"), K("vertical/v")))
        branches.publish("vertical/u")
        assert "html/1" not in branches.published_names()
        branches.publish("vertical/v")
        assert children(branches.published, "vertical/v") == ["html/4", "html/1"]

    def test_what_is_left_out(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(name("html/1"), AddBlock(K("html/5"), K("vertical/u")), name("vertical/u"))
        branches.publish("vertical/u", without=("html/1", "html/5"))
        # What was published stays as it was, what is new waits.
        assert children(branches.published, "vertical/u") == ["html/1", "html/2", "html/3"]
        assert record(branches.published, "html/1").settings == {}
        assert record(branches.published, "vertical/u").settings == {"display_name": "new"}
        fresh = Branches(structure(COURSE), "vertical/u", "sequential/t")
        assert children(fresh.published, "sequential/s") == ["vertical/v"]
        assert not {"html/1", "sequential/t", "vertical/w"} & fresh.published_names()

    def test_without_all_that_is_below(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(AddBlock(K("html/5"), K("vertical/u")), DeleteBlock(K("html/1")))
        published = revise(branches.published, 300)
        publish(branches.draft, published, [K("vertical/u")], EVERYTHING)
        assert children(published, "vertical/u") == ["html/2", "html/3"]
        assert K("html/1") not in published

    def test_below_what_is_not_published(self) -> None:
        branches = Branches(structure(COURSE), "sequential/s")
        with pytest.raises(NotPublished, match="vertical/u: it is below sequential/s"):
            branches.publish("vertical/u")
        assert branches.publish("sequential/s", "vertical/u")
        with pytest.raises(BlockNotFound, match="vertical/none"):
            branches.publish("vertical/none")

    def test_a_course_of_which_nothing_is_published(self) -> None:
        first = revise(None, 20)
        with pytest.raises(NotPublished, match="nothing of this course"):
            publish(structure(COURSE), first, [K("vertical/u")])
        publish(structure(COURSE), first, [K("static_tab/tab"), ROOT])
        assert first.structure().key(0) == ROOT
        assert K("static_tab/tab") in first

    def test_one_parent_that_is_published_is_enough(self) -> None:
        shared = {**COURSE, "sequential/t": ["vertical/w", "vertical/u"]}
        branches = Branches(structure(shared), "sequential/s", "vertical/u")
        branches.publish("vertical/u")
        assert children(branches.published, "sequential/t") == ["vertical/w", "vertical/u"]

    def test_a_shared_block_is_copied_for_each_parent(self) -> None:
        shared = {**COURSE, "vertical/v": ["html/4", "html/1"]}
        branches = Branches(structure(shared), "sequential/s")
        branches.publish("sequential/s")
        # As on the platform, the second copy counts the first as the version before.
        assert record(branches.published, "html/1").edit_info.previous_version == branches.published.id
        assert record(branches.published, "html/2").edit_info.previous_version is None

    def test_a_block_that_is_new_there_has_the_drafts_version_before(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(AddBlock(K("html/5"), K("vertical/u")))
        before = branches.draft.id
        branches.edit(name("html/5"))
        branches.publish("html/5")
        assert record(branches.published, "html/5").edit_info.previous_version == before

    def test_a_shared_block_goes_with_its_last_parent(self) -> None:
        shared = {**COURSE, "vertical/v": ["html/4", "html/1"]}
        branches = Branches(structure(shared))
        branches.edit(MoveBlock(K("html/1"), K("vertical/w")))
        branches.publish("vertical/u")
        assert "html/1" in branches.published_names()
        branches.edit(DeleteBlock(K("html/1")))
        branches.publish("vertical/v")
        assert "html/1" not in branches.published_names()

    def test_what_was_copied_from_elsewhere_keeps_its_source_version(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(name("html/1"))
        draft = revise(branches.draft, 300)
        discard(draft, branches.published, K("html/1"))
        branches.draft = draft.structure()
        assert record(branches.draft, "html/1").edit_info.source_version == version(1)
        assert not branches.publish("html/1")

    def test_damaged_structures_do_no_harm(self) -> None:
        cycle = {**COURSE, "vertical/w": ["vertical/x", "html/none"], "vertical/x": ["vertical/w"]}
        branches = Branches(structure(cycle))
        assert {"vertical/w", "vertical/x"} <= branches.published_names()
        assert children(branches.published, "vertical/w") == ["vertical/x"]
        # A child that is not there is an unpublished change for ever, as for the platform.
        assert "vertical/w" in badges(branches)
        assert has_changes(branches.draft, branches.published, K("vertical/x"))


class TestAutomatically:
    def test_an_outline_block_is_published_without_what_is_below(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(name("sequential/s"), name("html/1"))
        assert record(branches.published, "sequential/s").settings == {"display_name": "new"}
        assert record(branches.published, "html/1").settings == {}
        assert badges(branches) == {"html/1", "vertical/u", "sequential/s", "chapter/a", "course/course"}

    def test_a_new_outline_block_and_its_parent(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(AddBlock(K("chapter/c"), ROOT, 0))
        assert children(branches.published, "course/course") == ["chapter/c", "chapter/a", "chapter/b"]
        assert badges(branches) == set()
        assert record(branches.published, "chapter/c").edit_info.previous_version == branches.published.id

    def test_a_new_outline_in_one_version(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(
            AddBlock(K("chapter/c"), ROOT),
            AddBlock(K("sequential/q"), K("chapter/c")),
            AddBlock(K("vertical/q"), K("sequential/q")),
        )
        assert {"chapter/c", "sequential/q"} <= branches.published_names()
        assert children(branches.published, "sequential/q") == []
        assert badges(branches) == {"vertical/q", "sequential/q", "chapter/c", "course/course"}

    def test_a_new_unit_leaves_the_published_branch_alone(self) -> None:
        branches = Branches(structure(COURSE))
        before = branches.published.id
        branches.edit(AddBlock(K("vertical/x"), K("sequential/s")))
        branches.edit(AddBlock(K("html/x"), K("vertical/x")), name("html/1"))
        assert branches.published.id == before
        assert "sequential/s" in badges(branches)

    def test_a_page_beside_the_tree(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(AddBlock(K("static_tab/new"), None, None, {"data": "x"}))
        assert record(branches.published, "static_tab/new").edit_info.previous_version is None
        branches.edit(DeleteBlock(K("static_tab/new")))
        assert "static_tab/new" not in branches.published_names()

    def test_a_page_that_comes_and_goes_in_one_version(self) -> None:
        branches = Branches(structure(COURSE))
        draft, published = revise(branches.draft, 300), revise(branches.published, 301)
        page = K("static_tab/new")
        apply_edits(draft, [AddBlock(page, None)], {})
        auto_publish(draft, published)
        assert page in published
        apply_edits(draft, [DeleteBlock(page)], {})
        auto_publish(draft, published, [page])
        assert page not in published

    def test_a_deleted_unit_is_unpublished_with_its_parent(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(DeleteBlock(K("vertical/u")))
        assert not {"vertical/u", "html/1"} & branches.published_names()
        assert children(branches.published, "sequential/s") == ["vertical/v"]
        assert badges(branches) == set()

    def test_a_deleted_leaf_stays_published(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(DeleteBlock(K("html/1")))
        assert "html/1" in branches.published_names()
        assert "vertical/u" in badges(branches)

    def test_a_deleted_outline_block_is_deleted_on_both(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(DeleteBlock(K("chapter/a")))
        assert not {"chapter/a", "sequential/s", "vertical/u", "html/1"} & branches.published_names()
        # As on the platform the parent is not published: it counts as changed until it is.
        assert record(branches.published, "course/course").edit_info.source_version is None
        assert badges(branches) == {"course/course"}
        assert not changed_blocks(branches.draft, branches.published)

    def test_deleting_one_never_publishes_anything_else(self) -> None:
        branches = Branches(structure(COURSE), "chapter/b")
        branches.edit(name("html/1"), AddBlock(K("vertical/x"), K("sequential/s")))
        before = branches.published.id
        branches.edit(DeleteBlock(K("chapter/b")))
        assert branches.published.id == before
        assert record(branches.published, "html/1").settings == {}

    def test_one_that_only_the_published_branch_has(self) -> None:
        branches = Branches(structure(COURSE))
        without = revise(branches.draft, 300)
        apply_edits(without, [DeleteBlock(K("chapter/b"))], {})
        published = revise(branches.published, 301)
        auto_publish(revise(without.structure(), 302), published, [K("chapter/b"), K("chapter/none")])
        assert not {K("chapter/b"), K("vertical/w")} & set(published.keys())

    def test_a_moved_unit_is_unpublished_until_it_is_published_again(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(MoveBlock(K("vertical/u"), K("sequential/t"), 0))
        assert not {"vertical/u", "html/1"} & branches.published_names()
        assert children(branches.published, "sequential/t") == ["vertical/w"]
        branches.publish("vertical/u")
        assert children(branches.published, "sequential/t") == ["vertical/u", "vertical/w"]
        assert badges(branches) == set()

    def test_a_moved_subsection_is_published_under_its_new_section(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(MoveBlock(K("sequential/s"), K("chapter/b")))
        assert children(branches.published, "chapter/a") == []
        assert children(branches.published, "chapter/b") == ["sequential/t", "sequential/s"]
        assert children(branches.published, "sequential/s") == []

    def test_units_in_another_order(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(ReorderChildren(K("sequential/s"), [K("vertical/v"), K("vertical/u")]))
        assert children(branches.published, "sequential/s") == ["vertical/v", "vertical/u"]
        assert badges(branches) == set()

    def test_under_what_is_not_published(self) -> None:
        branches = Branches(structure(COURSE), "chapter/b")
        before = branches.published.id
        branches.edit(name("sequential/t"))
        assert branches.published.id == before

    def test_a_course_of_which_nothing_is_published(self) -> None:
        draft = revise(structure(COURSE), 20)
        apply_edits(draft, [name("chapter/a")], {})
        nothing = Revision(None, ROOT, version=version(21), author=1, now=draft.now, ids=iter(()))
        auto_publish(draft, nothing)
        assert not nothing.changes
        apply_edits(draft, [name("course/course")], {})
        auto_publish(draft, nothing)
        assert list(nothing.keys()) == [ROOT, K("chapter/a")]

    def test_an_outline_block_in_which_nothing_differs(self) -> None:
        branches = Branches(structure(COURSE))
        published = revise(branches.published, 300)
        auto_publish(revise(branches.draft, 301), published, [ROOT, K("chapter/a"), K("vertical/u")])
        assert published.is_empty

    def test_asset_metadata_goes_to_both_branches(self) -> None:
        branches = Branches(structure(COURSE))
        branches.edit(SetAsset("asset", "b.png", {"locked": True}), SetAsset("asset", "a.png", {}))
        assert branches.draft.assets == branches.published.assets
        branches.edit(SetAsset("asset", "b.png", None))
        assert branches.published.assets is not None
        assert [entry["filename"] for entry in branches.published.assets["asset"]] == ["a.png"]

    @pytest.mark.parametrize(
        ("edit", "needed"),
        [
            (name("html/1"), False),
            (name("chapter/a"), True),
            (DeleteBlock(K("static_tab/tab")), True),
            (SetAsset("asset", "a", {}), True),
        ],
    )
    def test_when_it_is_needed(self, edit: Edit, needed: bool) -> None:
        draft = revise(structure(COURSE), 20)
        apply_edits(draft, [edit], {})
        assert needs_publication(draft) is needed
