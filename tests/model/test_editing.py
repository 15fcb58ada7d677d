"""What edits do to the blocks of a new version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from modulestore.errors import (
    BlockExists,
    BlockNotFound,
    DefinitionNotFound,
    InvalidInput,
    ModuleStoreError,
)
from modulestore.keys import BlockKey
from modulestore.model.editing import apply_edits, main_parent, needed_definitions
from modulestore.model.edits import (
    AddBlock,
    DeleteBlock,
    Edit,
    MoveBlock,
    ReorderChildren,
    SetAside,
    UpdateFields,
)
from modulestore.model.revision import Revision
from modulestore.model.structure import EditInfo
from tests.model.revisions import children, edited, record, revise
from tests.structures import NOW, TREE, block_key, structure, version

K = block_key


def touched(revision: Revision) -> set[str]:
    return {
        f"{key.type}/{key.id}"
        for key, changed in revision.changes.items()
        if changed is not None and changed.edit_info.update_version == revision.version
    }


def removed(revision: Revision) -> set[str]:
    return {f"{key.type}/{key.id}" for key, changed in revision.changes.items() if changed is None}


class TestAdding:
    def test_a_block_comes_last_with_fields_by_scope_and_a_definition(self) -> None:
        fields = {"display_name": "Quiz", "data": "<problem/>", "markdown": ">>q<<", "own": 1}
        revision = edited(structure(TREE), AddBlock(K("problem/q"), K("vertical/u"), None, fields))
        added = record(revision, "problem/q")
        assert added.settings == {"display_name": "Quiz", "markdown": ">>q<<", "own": 1}
        assert revision.definitions[added.definition].fields == {"data": "<problem/>"}
        assert added.children is None
        assert added.edit_info == EditInfo(
            update_version=version(50), edited_on=revision.now, edited_by="ana"
        )
        assert children(revision, "vertical/u") == ["video/v1", "html/h", "problem/q"]
        assert touched(revision) == {"problem/q", "vertical/u"}

    def test_the_parent_keeps_its_source_version(self) -> None:
        base = revise(structure(TREE), 2)
        unit = record(base, "vertical/u")
        info = unit.edit_info._replace(source_version=version(33))
        base.put(type(unit)(unit.key, unit.definition, unit.children, edit_info=info))
        revision = edited(base.structure(), AddBlock(K("html/n"), K("vertical/u")))
        assert record(revision, "vertical/u").edit_info == EditInfo(
            version(1), version(50), version(33), revision.now, "ana"
        )

    @pytest.mark.parametrize(("index", "at"), [(0, 0), (1, 1), (99, 2), (None, 2)])
    def test_at_an_index(self, index: int | None, at: int) -> None:
        revision = edited(structure(TREE), AddBlock(K("html/n"), K("vertical/u"), index))
        assert children(revision, "vertical/u").index("html/n") == at

    def test_detached_types_are_never_attached(self) -> None:
        revision = edited(structure(TREE), AddBlock(K("static_tab/t3"), K("course/course")))
        assert touched(revision) == {"static_tab/t3"}

    def test_without_a_parent_it_is_unattached(self) -> None:
        revision = edited(structure(TREE), AddBlock(K("vertical/loose"), None))
        assert main_parent(revision, K("vertical/loose")) is None

    def test_data_of_an_unknown_type_is_content(self) -> None:
        revision = edited(structure(TREE), AddBlock(K("my_block/x"), None, None, {"data": "d", "other": 1}))
        added = record(revision, "my_block/x")
        assert (added.settings, revision.definitions[added.definition].fields) == (
            {"other": 1},
            {"data": "d"},
        )

    def test_an_id_may_be_used_once_per_type(self) -> None:
        edited(structure(TREE), AddBlock(K("html/v1"), None))
        with pytest.raises(BlockExists, match="html/h"):
            edited(structure(TREE), AddBlock(K("html/h"), None))
        with pytest.raises(BlockExists):
            edited(structure(TREE), AddBlock(K("html/n"), None), AddBlock(K("html/n"), None))

    def test_a_deleted_block_can_be_added_again_in_the_same_version(self) -> None:
        revision = edited(structure(TREE), DeleteBlock(K("html/h")), AddBlock(K("html/h"), K("vertical/u")))
        assert children(revision, "vertical/u") == ["video/v1", "html/h"]
        assert record(revision, "html/h").edit_info.previous_version is None

    @pytest.mark.parametrize(
        ("edit", "error", "place"),
        [
            (AddBlock(K("html/n"), K("vertical/none")), BlockNotFound, "vertical/none"),
            (AddBlock(K("html/n"), K("html/h")), InvalidInput, "html/h"),
            (AddBlock(K("html/n"), K("vertical/u"), -1), InvalidInput, "vertical/u"),
            (AddBlock(BlockKey("html", "a b"), K("vertical/u")), InvalidInput, "html/a b"),
            (AddBlock(BlockKey("html", ""), K("vertical/u")), InvalidInput, "html/"),
            (AddBlock(BlockKey("ht ml", "x"), K("vertical/u")), InvalidInput, "ht ml/x"),
            (AddBlock(K("vertical/n"), None, None, {"children": []}), InvalidInput, "vertical/n"),
        ],
    )
    def test_refused(self, edit: Edit, error: type[ModuleStoreError], place: str) -> None:
        with pytest.raises(error) as raised:
            edited(structure(TREE), edit)
        assert raised.value.place == place


class TestUpdating:
    def test_settings(self) -> None:
        base = structure(TREE, settings={"video/v1": {"sub": "s", "display_name": "old", "start": NOW}})
        revision = edited(base, UpdateFields(K("video/v1"), {"display_name": "new", "due": NOW}, ["sub"]))
        video = record(revision, "video/v1")
        assert list(video.settings.items()) == [("display_name", "new"), ("due", NOW), ("start", NOW)]
        assert video.definition == record(base, "video/v1").definition
        assert video.children is None
        assert video.edit_info == EditInfo(version(1), version(50), None, revision.now, "ana")
        assert touched(revision) == {"video/v1"}

    def test_content_makes_a_definition_in_its_chain(self) -> None:
        base = structure(TREE)
        revision = edited(base, UpdateFields(K("html/h"), {"data": "new"}), h={"data": "old", "rest": 1})
        before = record(base, "html/h").definition
        made = revision.definitions[record(revision, "html/h").definition]
        assert made.fields == {"data": "new", "rest": 1}
        assert (made.previous_version, made.original_version) == (before, before)
        assert (made.edited_by, made.edited_on) == ("ana", revision.now)

    def test_two_edits_of_content_in_one_version_make_one_definition(self) -> None:
        edits = [UpdateFields(K("html/h"), {"data": text}) for text in ("one", "two")]
        revision = edited(structure(TREE), *edits)
        assert [made.fields for made in revision.definitions.values()] == [{"data": "two"}]
        revision = edited(structure(TREE), AddBlock(K("html/n"), None, None, {"data": "one"}), edits[0])
        assert len(revision.definitions) == 2

    @pytest.mark.parametrize(
        ("edit", "content"),
        [
            (UpdateFields(K("html/h"), {"data": "same"}), {"data": "same"}),
            (UpdateFields(K("html/h"), {"display_name": "name"}), {}),
            (UpdateFields(K("html/h"), {}, ["due", "data"]), {}),
            (UpdateFields(K("html/h")), {}),
        ],
    )
    def test_nothing_differs(self, edit: Edit, content: Mapping[str, Any]) -> None:
        base = structure(TREE, settings={"html/h": {"display_name": "name"}})
        revision = edited(base, edit, h=content)
        assert revision.is_empty
        assert not revision.definitions

    @pytest.mark.parametrize(("old", "new"), [(1, True), (1, 1.0), ([1], [True]), ({"a": 0}, {"a": False})])
    def test_values_of_other_types_differ(self, old: Any, new: Any) -> None:
        base = structure(TREE, settings={"html/h": {"own": old}})
        assert touched(edited(base, UpdateFields(K("html/h"), {"own": new}))) == {"html/h"}

    def test_an_unknown_field_stays_where_it_is(self) -> None:
        base = structure(TREE, settings={"html/h": {"here": 1}})
        revision = edited(base, UpdateFields(K("html/h"), {"here": 2, "there": 3, "new": 4}), h={"there": 1})
        html = record(revision, "html/h")
        assert html.settings == {"here": 2, "new": 4}
        assert revision.definitions[html.definition].fields == {"there": 3}

    def test_the_source_version_is_cleared_once_the_block_is_saved(self) -> None:
        base = revise(structure(TREE), 2)
        html = record(base, "html/h")
        info = html.edit_info._replace(source_version=version(33))
        base.put(type(html)(html.key, html.definition, (), edit_info=info))
        revision = edited(base.structure(), UpdateFields(K("html/h"), {"display_name": "x"}))
        assert record(revision, "html/h").edit_info.source_version is None
        assert record(revision, "html/h").children == ()

    def test_which_definitions_are_needed(self) -> None:
        base = structure(TREE, settings={"html/h": {"odd": 1}})
        definition = record(base, "html/h").definition

        def needed(*names: str, unset: Sequence[str] = ()) -> bool:
            edits: list[Edit] = [UpdateFields(K("html/h"), dict.fromkeys(names), unset)]
            edits.append(DeleteBlock(K("video/v1")))
            return needed_definitions(base, edits) == {definition}

        assert needed("data")
        assert needed("unknown")
        assert needed(unset=["data"])
        assert not needed("display_name", "odd")
        assert needed_definitions(base, [UpdateFields(K("html/none"), {"data": ""})]) == set()
        with pytest.raises(DefinitionNotFound, match="html/h"):
            apply_edits(revise(base, 50), [UpdateFields(K("html/h"), {"data": ""})], {})

    @pytest.mark.parametrize(
        ("edit", "error"),
        [
            (UpdateFields(K("html/none"), {"data": ""}), BlockNotFound),
            (UpdateFields(K("vertical/u"), {"children": []}), InvalidInput),
            (UpdateFields(K("vertical/u"), {}, ["children"]), InvalidInput),
            (UpdateFields(K("vertical/u"), {"due": None}, ["due"]), InvalidInput),
        ],
    )
    def test_refused(self, edit: Edit, error: type[ModuleStoreError]) -> None:
        with pytest.raises(error, match=r"html/none|vertical/u"):
            edited(structure(TREE), edit)

    def test_what_was_given_may_be_changed_afterwards(self) -> None:
        tags = ["a"]
        revision = edited(structure(TREE), UpdateFields(K("html/h"), {"tags": tags}))
        tags.append("b")
        assert record(revision, "html/h").settings == {"tags": ["a"]}


class TestMoving:
    def test_under_another_parent(self) -> None:
        revision = edited(structure(TREE), MoveBlock(K("html/h"), K("vertical/shared"), 0))
        assert children(revision, "vertical/u") == ["video/v1"]
        assert children(revision, "vertical/shared") == ["html/h", "video/v2"]
        assert touched(revision) == {"vertical/u", "vertical/shared"}

    def test_under_the_same_parent_the_index_counts_without_the_block(self) -> None:
        tree = {
            "course/course": ["html/a", "html/b", "html/c"],
            "html/a": None,
            "html/b": None,
            "html/c": None,
        }
        revision = edited(structure(tree), MoveBlock(K("html/a"), K("course/course"), 1))
        assert children(revision, "course/course") == ["html/b", "html/a", "html/c"]
        assert edited(structure(tree), MoveBlock(K("html/b"), K("course/course"), 1)).is_empty
        assert edited(structure(tree), MoveBlock(K("html/c"), K("course/course"))).is_empty

    def test_a_shared_block_leaves_the_parent_that_stands_for_all(self) -> None:
        revision = edited(structure(TREE), MoveBlock(K("vertical/shared"), K("chapter/a")))
        assert children(revision, "chapter/a") == ["sequential/s", "vertical/shared"]
        assert children(revision, "chapter/b") == []
        assert children(revision, "sequential/s") == ["vertical/u", "vertical/shared"]

    def test_an_orphan_is_attached(self) -> None:
        revision = edited(structure(TREE), MoveBlock(K("vertical/lost"), K("sequential/s")))
        assert touched(revision) == {"sequential/s"}
        revision = edited(structure(TREE), MoveBlock(K("html/lost"), K("vertical/u")))
        assert children(revision, "vertical/lost") == []

    @pytest.mark.parametrize(
        ("block", "parent", "error"),
        [
            ("course/course", "chapter/a", InvalidInput),
            ("chapter/a", "chapter/a", InvalidInput),
            ("chapter/a", "vertical/u", InvalidInput),
            ("static_tab/t1", "chapter/a", InvalidInput),
            ("vertical/u", "html/lost", InvalidInput),
            ("vertical/none", "chapter/a", BlockNotFound),
            ("vertical/u", "chapter/none", BlockNotFound),
        ],
    )
    def test_refused(self, block: str, parent: str, error: type[ModuleStoreError]) -> None:
        with pytest.raises(error):
            edited(structure(TREE), MoveBlock(K(block), K(parent)))

    def test_order_of_children(self) -> None:
        revision = edited(structure(TREE), ReorderChildren(K("vertical/u"), [K("html/h"), K("video/v1")]))
        assert children(revision, "vertical/u") == ["html/h", "video/v1"]
        same = ReorderChildren(K("vertical/u"), [K("video/v1"), K("html/h")])
        assert edited(structure(TREE), same).is_empty
        for order in (["html/h"], ["html/h", "html/h"], ["html/h", "video/v2"]):
            with pytest.raises(InvalidInput, match="vertical/u"):
                edited(structure(TREE), ReorderChildren(K("vertical/u"), [K(name) for name in order]))


class TestDeleting:
    def test_all_below_goes_and_the_parent_changes(self) -> None:
        base = revise(structure(TREE), 2)
        parent = record(base, "sequential/s")
        info = parent.edit_info._replace(source_version=version(33))
        base.put(type(parent)(parent.key, parent.definition, parent.children, edit_info=info))
        revision = edited(base.structure(), DeleteBlock(K("vertical/u")))
        assert removed(revision) == {"vertical/u", "video/v1", "html/h"}
        assert children(revision, "sequential/s") == ["vertical/shared"]
        assert record(revision, "sequential/s").edit_info == EditInfo(
            version(1), version(50), None, revision.now, "ana"
        )

    def test_what_has_another_parent_stays(self) -> None:
        revision = edited(structure(TREE), DeleteBlock(K("chapter/a")))
        assert removed(revision) == {"chapter/a", "sequential/s", "vertical/u", "video/v1", "html/h"}

    def test_a_shared_block_goes_from_all_parents(self) -> None:
        revision = edited(structure(TREE), DeleteBlock(K("vertical/shared")))
        assert touched(revision) == {"sequential/s", "chapter/b"}
        assert removed(revision) == {"vertical/shared", "video/v2"}

    def test_a_block_shared_by_what_is_deleted_goes_too(self) -> None:
        tree = {
            "course/course": ["vertical/a"],
            "vertical/a": ["vertical/b", "vertical/c"],
            "vertical/b": ["html/x"],
            "vertical/c": ["vertical/d"],
            "vertical/d": ["html/x"],
            "html/x": None,
        }
        assert len(edited(structure(tree), DeleteBlock(K("vertical/a"))).structure()) == 1
        assert removed(edited(structure(tree), DeleteBlock(K("vertical/b")))) == {"vertical/b"}

    def test_refused(self) -> None:
        with pytest.raises(InvalidInput, match="root"):
            edited(structure(TREE), DeleteBlock(K("course/course")))
        with pytest.raises(BlockNotFound, match="html/none"):
            edited(structure(TREE), DeleteBlock(K("html/none")))
        with pytest.raises(BlockNotFound, match="html/h"):
            edited(structure(TREE), DeleteBlock(K("vertical/u")), DeleteBlock(K("html/h")))


def test_many_edits_of_a_block_change_its_edit_info_once() -> None:
    edits: list[Edit] = [
        UpdateFields(K("vertical/u"), {"display_name": "x"}),
        DeleteBlock(K("html/h")),
        AddBlock(K("html/n"), K("vertical/u")),
        UpdateFields(K("vertical/u"), {"display_name": "y"}),
    ]
    revision = edited(structure(TREE), *edits)
    assert record(revision, "vertical/u").edit_info == EditInfo(
        version(1), version(50), None, revision.now, "ana"
    )
    made = revision.structure()
    assert (made.header.previous_version, made.header.original_version) == (version(1), version(1))
    untouched = K("video/v1")
    position = made.position(untouched)
    assert position is not None
    assert made.record(position) == record(structure(TREE), "video/v1")


class TestAsides:
    def test_an_aside_is_set_replaced_and_removed(self) -> None:
        base = structure(TREE)
        first = edited(base, SetAside(K("html/h"), "tags", {"a": 1}), SetAside(K("html/h"), "more", {"b": 2}))
        assert record(first, "html/h").asides == [
            {"aside_type": "tags", "fields": {"a": 1}},
            {"aside_type": "more", "fields": {"b": 2}},
        ]
        second = edited(first.structure(), SetAside(K("html/h"), "tags", {"a": 3}))
        assert [aside["fields"] for aside in record(second, "html/h").asides] == [{"a": 3}, {"b": 2}]
        third = edited(first.structure(), SetAside(K("html/h"), "tags", None))
        assert [aside["aside_type"] for aside in record(third, "html/h").asides] == ["more"]

    def test_nothing_differs(self) -> None:
        base = edited(structure(TREE), SetAside(K("html/h"), "tags", {"a": 1})).structure()
        assert edited(base, SetAside(K("html/h"), "tags", {"a": 1})).is_empty
        assert edited(base, SetAside(K("html/h"), "none", None)).is_empty
