"""Copies of library blocks in a course."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from modulestore.errors import BlockNotFound, InvalidInput
from modulestore.keys import BlockKey, CourseKey, LibraryKey, VersionId
from modulestore.model.editing import apply_edits
from modulestore.model.edits import AddBlock, DeleteBlock, SetAside, UpdateFields
from modulestore.model.publishing import auto_publish, has_changes, outline_below
from modulestore.model.structure import EditInfo, Structure
from modulestore.model.templates import LibrarySource, copy_from_library, derived_id
from tests.model.revisions import Branches, children, content_of, record, revise
from tests.structures import block_key, structure, version

K = block_key
LIBRARY = LibraryKey("Org", "Lib", "library")
COURSE: Mapping[str, Sequence[str] | None] = {
    "course/course": ["sequential/s"],
    "sequential/s": ["library_content/lc"],
    "library_content/lc": None,
}


def library(**display_names: str) -> Structure:
    blocks = {
        "library/library": ["problem/p", "vertical/v"],
        "problem/p": None,
        "vertical/v": ["html/h"],
        "html/h": None,
    }
    settings: dict[str, dict[str, Any]] = {
        "problem/p": {"display_name": display_names.get("p", "P"), "weight": 2.0, "markdown": "md"},
        "html/h": {"display_name": "H", "markdown": "kept"},
    }
    return structure(blocks, settings=settings, root="library/library", number=9)


def sources(source: Structure, *names: str) -> list[LibrarySource]:
    return [LibrarySource(LIBRARY, source, K(name)) for name in names]


def test_derived_ids_are_the_platforms() -> None:
    # The first is the specification's example, checked by running the platform's code.
    assert derived_id(LibraryKey("Org", "Lib", "library"), "b1", "parent") == "ab27eb58f6910fc83915"
    assert derived_id(LibraryKey("Org", "Lib"), "b1", "parent") == "ad653f0e948e5c97adde"
    at_version = LibraryKey("Org", "Lib", "library", VersionId(bytes(12)))
    assert derived_id(at_version, "b1", "parent") == "ab27eb58f6910fc83915"
    # Bytes literals escape what is not ASCII.
    ids = {
        derived_id(CourseKey(org, "C", "R", "draft-branch"), "b1", "p")
        for org in ("Org", "Örg", "\\xd6rg"[4:])
    }
    assert len(ids) == 3


def test_a_first_copy() -> None:
    draft = revise(structure(COURSE), 50)
    source = library()
    problem, vertical = copy_from_library(
        draft, K("library_content/lc"), sources(source, "problem/p", "vertical/v")
    )
    assert problem == BlockKey("problem", derived_id(LIBRARY, "p", "lc"))
    copy = draft.get(problem)
    assert copy is not None
    assert copy.definition == record(source, "problem/p").definition
    assert (copy.settings, copy.defaults) == ({}, {"display_name": "P", "weight": 2.0})
    assert copy.children is None
    usage = "lib-block-v1:Org+Lib+type@problem+block@p"
    assert copy.edit_info == EditInfo(None, version(50), None, draft.now, "ana", usage, version(9))
    (below,) = draft.children(vertical)
    assert below == BlockKey("html", derived_id(LIBRARY, "h", vertical.id))
    html = draft.get(below)
    assert html is not None
    assert html.defaults == {"display_name": "H", "markdown": "kept"}
    assert [key for key in list(draft.keys()) if key not in map(K, COURSE)] == [problem, vertical, below]
    # The parent is marked with the version before: so the platform does it.
    parent = record(draft, "library_content/lc")
    assert list(parent.children or ()) == [problem, vertical]
    assert parent.edit_info == EditInfo(version(1), version(1), None, draft.now, "ana")


def test_within_a_version_that_has_other_edits_the_parent_is_marked_with_it() -> None:
    draft = revise(structure(COURSE), 50)
    apply_edits(draft, [AddBlock(K("library_content/new"), K("sequential/s"))], {})
    copy_from_library(draft, K("library_content/new"), sources(library(), "problem/p"))
    assert record(draft, "library_content/new").edit_info.update_version == version(50)


def test_a_later_copy_keeps_what_was_set_on_the_copy() -> None:
    first = revise(structure(COURSE), 50)
    problem, vertical = copy_from_library(
        first, K("library_content/lc"), sources(library(), "problem/p", "vertical/v")
    )
    (below,) = first.children(vertical)
    second = revise(first.structure(), 51)
    apply_edits(
        second,
        [UpdateFields(problem, {"weight": 7.0, "data": "mine"}), SetAside(problem, "tags", {})],
        content_of(first.structure()),
    )
    copy = second.get(problem)
    assert copy is not None
    assert list(copy.settings) == ["weight"]
    third = revise(second.structure(), 52)
    newer = library(p="P2")
    assert copy_from_library(third, K("library_content/lc"), sources(newer, "problem/p")) == [problem]
    copy = third.get(problem)
    assert copy is not None
    assert (copy.settings, copy.defaults) == ({"weight": 7.0}, {"display_name": "P2", "weight": 2.0})
    # Content is the library's again.
    assert copy.definition == record(newer, "problem/p").definition
    assert (copy.edit_info.previous_version, copy.edit_info.update_version) == (version(51), version(52))
    assert vertical not in third
    assert below not in third


def test_other_children_go_unless_they_have_another_parent() -> None:
    tree = {
        "course/course": ["library_content/lc", "vertical/u"],
        "library_content/lc": ["vertical/mine", "html/shared"],
        "vertical/mine": ["html/1", "html/2"],
        "vertical/u": ["html/2", "html/shared"],
        "html/1": None,
        "html/2": None,
        "html/shared": None,
    }
    draft = revise(structure(tree), 50)
    (problem,) = copy_from_library(draft, K("library_content/lc"), sources(library(), "problem/p"))
    assert set(draft.keys()) == {
        problem,
        *map(K, ["course/course", "library_content/lc", "vertical/u", "html/2", "html/shared"]),
    }
    assert children(draft, "vertical/u") == ["html/2", "html/shared"]


def test_copies_are_published_with_their_unit_and_badges_tell() -> None:
    branches = Branches(
        structure({**COURSE, "sequential/s": ["vertical/u"], "vertical/u": ["library_content/lc"]})
    )

    def copy(source: Structure, *names: str) -> None:
        branches.number += 1
        draft = revise(branches.draft, branches.number)
        copy_from_library(draft, K("library_content/lc"), sources(source, *names))
        branches.draft = draft.structure()

    copy(library(), "problem/p", "vertical/v")
    assert has_changes(branches.draft, branches.published, K("vertical/u"))
    branches.publish("vertical/u")
    assert not has_changes(branches.draft, branches.published, K("vertical/u"))
    (problem,) = [
        key for key in record(branches.published, "library_content/lc").children or () if key[0] == "problem"
    ]
    position = branches.published.position(problem)
    assert position is not None
    published = branches.published.record(position)
    assert published.defaults == {"display_name": "P", "weight": 2.0}
    assert published.edit_info.original_usage == "lib-block-v1:Org+Lib+type@problem+block@p"
    copy(library(p="P2"), "problem/p")
    assert has_changes(branches.draft, branches.published, K("vertical/u"))


def test_copies_that_have_no_drafts_are_published_by_themselves() -> None:
    source = structure(
        {
            "course/course": ["chapter/c"],
            "chapter/c": ["sequential/q", "vertical/x"],
            "sequential/q": ["vertical/v"],
            "vertical/v": ["sequential/odd"],
            "vertical/x": None,
            "sequential/odd": None,
        },
        number=9,
    )
    branches = Branches(structure({"course/course": []}))
    draft, published = revise(branches.draft, 200), revise(branches.published, 201)
    context = CourseKey("Org", "C", "R", "draft-branch")
    (chapter,) = copy_from_library(
        draft, K("course/course"), [LibrarySource(context, source, K("chapter/c"))]
    )
    outline = outline_below(draft, [chapter])
    assert [key.type for key in outline] == ["chapter", "sequential"]
    auto_publish(draft, published, [*outline, K("course/course")])
    assert [key.type for key in list(published.keys())] == ["course", "chapter", "sequential"]


def test_refused() -> None:
    draft = revise(structure(COURSE), 50)
    with pytest.raises(BlockNotFound, match="library_content/none"):
        copy_from_library(draft, K("library_content/none"), [])
    with pytest.raises(BlockNotFound, match="block@none"):
        copy_from_library(draft, K("library_content/lc"), sources(library(), "problem/none"))
    with pytest.raises(InvalidInput, match="given twice"):
        copy_from_library(draft, K("library_content/lc"), sources(library(), "problem/p", "problem/p"))
    bare = LibrarySource(LibraryKey("Org", "Lib"), library(), K("problem/p"))
    with pytest.raises(InvalidInput, match="branch"):
        copy_from_library(draft, K("library_content/lc"), [bare])


def test_no_sources_empty_the_destination() -> None:
    first = revise(structure(COURSE), 50)
    copy_from_library(first, K("library_content/lc"), sources(library(), "vertical/v"))
    second = revise(first.structure(), 51)
    assert copy_from_library(second, K("library_content/lc"), []) == []
    assert set(second.keys()) == set(map(K, COURSE))
    third = revise(first.structure(), 51)
    apply_edits(third, [DeleteBlock(K("library_content/lc"))], {})
    assert len(third.structure()) == 2
