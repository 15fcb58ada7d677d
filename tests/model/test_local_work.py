"""What stays of a course when an archive comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modulestore.keys import BlockKey, CourseKey
from modulestore.model.local_work import LocalRules, with_local_work
from modulestore.model.plain import PlainBlock, PlainCourse

KEY = CourseKey("A", "B", "C")
ROOT = BlockKey("course", "course")


def key(name: str) -> BlockKey:
    kinds = {"c": "chapter", "s": "sequential", "u": "vertical", "h": "html"}
    return ROOT if name == "course" else BlockKey(kinds[name[0]], name)


Tree = Mapping[str, Sequence[str]]


def course(tree: Tree, drafts: Tree | None = None, titles: Mapping[str, str] | None = None) -> PlainCourse:
    """A course of names; a title ``draft:name`` is that of the draft."""

    def blocks(part: Tree, prefix: str) -> dict[BlockKey, PlainBlock]:
        names = dict.fromkeys([*part, *(child for children in part.values() for child in children)])
        found = {}
        for name in names:
            title = (titles or {}).get(f"{prefix}{name}")
            settings: dict[str, Any] = {} if title is None else {"display_name": title}
            children = [key(child) for child in part.get(name, ())]
            found[key(name)] = PlainBlock(key(name), settings, {}, None if name[0] == "h" else children)
        return found

    own = blocks(tree, "")
    more = {} if drafts is None else blocks(drafts, "draft:")
    return PlainCourse(
        KEY, ROOT, own, {name: block for name, block in more.items() if own.get(name) != block}
    )


def tree_of(found: PlainCourse, *, draft: bool) -> dict[str, list[str]]:
    blocks = {**found.blocks, **found.draft_blocks} if draft else found.blocks
    return {
        name.id: [child.id for child in block.children or ()]
        for name, block in blocks.items()
        if block.children
    }


PLAIN: Tree = {"course": ["c1"], "c1": ["s1"], "s1": ["u1", "u2"], "u1": ["h1"], "u2": ["h2"]}
LOCAL: Tree = {**PLAIN, "s1": ["u1", "u9", "u2"], "u9": ["h9"], "u1": ["h8", "h1"]}


def test_without_rules_nothing_stays() -> None:
    plain = course(PLAIN)
    assert with_local_work(plain, course(LOCAL), LocalRules()) == (plain, [])


def test_what_the_archive_lacks_stays_where_it_is() -> None:
    found, kept = with_local_work(course(PLAIN), course(LOCAL), LocalRules(missing="keep"))
    assert tree_of(found, draft=False) == dict(LOCAL)
    assert found.draft_blocks == {}
    assert kept == sorted([key("u9"), key("h9"), key("h8")])


def test_one_block_of_them() -> None:
    rules = LocalRules(blocks={key("u9"): "keep"})
    found, kept = with_local_work(course(PLAIN), course(LOCAL), rules)
    assert tree_of(found, draft=False) == {**PLAIN, "s1": ["u1", "u9", "u2"], "u9": ["h9"]}
    assert kept == sorted([key("u9"), key("h9")])
    rules = LocalRules(missing="keep", blocks={key("u9"): "remove"})
    found, kept = with_local_work(course(PLAIN), course(LOCAL), rules)
    assert tree_of(found, draft=False) == {**PLAIN, "u1": ["h8", "h1"]}
    assert kept == [key("h8")]


def test_who_keeps_a_block_keeps_what_it_is_in() -> None:
    local = course({**PLAIN, "course": ["c1", "c9"], "c9": ["s9"], "s9": ["u9"], "u9": ["h9", "h8"]})
    found, kept = with_local_work(course(PLAIN), local, LocalRules(blocks={key("h9"): "keep"}))
    assert tree_of(found, draft=False)["u9"] == ["h9"]
    assert kept == sorted(map(key, ("c9", "s9", "u9", "h9")))


def test_what_moved_in_the_archive_is_not_there_twice() -> None:
    archive = course({**PLAIN, "u1": [], "u2": ["h2", "h1"]})
    found, kept = with_local_work(archive, course(PLAIN), LocalRules(missing="keep"))
    assert tree_of(found, draft=False) == tree_of(archive, draft=False)
    assert kept == []


def test_drafts_stay_drafts() -> None:
    local = course(PLAIN, PLAIN, {"draft:h1": "edited here", "draft:h2": "here too"})
    archive = course(PLAIN, None, {"h1": "of the archive"})
    found, kept = with_local_work(archive, local, LocalRules(drafts="keep"))
    assert found.blocks[key("h1")].settings == {"display_name": "of the archive"}
    assert found.draft_blocks[key("h1")].settings == {"display_name": "edited here"}
    assert kept == sorted([key("h1"), key("h2")])
    found, kept = with_local_work(archive, local, LocalRules(blocks={key("u2"): "keep"}))
    assert list(found.draft_blocks) == kept == [key("h2")]
    rules = LocalRules(drafts="keep", blocks={key("s1"): "overwrite", key("u1"): "keep"})
    assert with_local_work(archive, local, rules)[1] == [key("h1")], "the nearest counts"


def test_a_draft_that_the_archive_has_published_is_none_any_more() -> None:
    local = course(PLAIN, PLAIN, {"draft:h1": "new"})
    found, kept = with_local_work(course(PLAIN, None, {"h1": "new"}), local, LocalRules(drafts="keep"))
    assert (found.draft_blocks, kept) == ({}, [])


def test_a_unit_that_only_the_draft_has() -> None:
    local = course(PLAIN, {**PLAIN, "s1": ["u1", "u5", "u2"], "u5": ["h5"]})
    found, kept = with_local_work(course(PLAIN), local, LocalRules(missing="keep"))
    assert tree_of(found, draft=False) == dict(PLAIN)
    assert tree_of(found, draft=True)["s1"] == ["u1", "u5", "u2"]
    assert kept == sorted([key("u5"), key("h5")])
    assert with_local_work(course(PLAIN), local, LocalRules(drafts="keep"))[1] == []


def test_a_unit_that_the_draft_has_taken_out() -> None:
    local = course(PLAIN, {**PLAIN, "s1": ["u2"]})
    found, _ = with_local_work(course(PLAIN), local, LocalRules(drafts="keep"))
    assert tree_of(found, draft=False)["s1"] == ["u1", "u2"]
    assert tree_of(found, draft=True)["s1"] == ["u2"]
    found, _ = with_local_work(course(PLAIN), local, LocalRules())
    assert tree_of(found, draft=True)["s1"] == ["u1", "u2"]


NAMES = ["u1", "u2", "u3", "h1", "h2", "h3"]


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    units = draw(st.lists(st.sampled_from(NAMES[:3]), unique=True))
    rest = draw(st.lists(st.sampled_from(NAMES[3:]), unique=True))
    where = [draw(st.sampled_from(units)) for _ in rest] if units else []
    inside = {unit: [name for name, at in zip(rest, where, strict=False) if at == unit] for unit in units}
    return {"course": ["c1"], "c1": ["s1"], "s1": units, **inside}


@given(
    trees(),
    trees(),
    trees(),
    trees(),
    st.sampled_from(["keep", "overwrite"]),
    st.sampled_from(["keep", "remove"]),
    st.dictionaries(st.sampled_from(NAMES).map(key), st.sampled_from(["keep", "remove"]), max_size=2),
)
def test_whatever_is_kept(
    tree: Tree, drafts: Tree, local_tree: Tree, local_drafts: Tree, draft: Any, missing: Any, blocks: Any
) -> None:
    """Children are there, each once under one parent; what the archive publishes is published."""
    plain, local = course(tree, drafts), course(local_tree, local_drafts)
    found, kept = with_local_work(plain, local, LocalRules(draft, missing, blocks))
    for is_draft in (False, True):
        view = {**found.blocks, **found.draft_blocks} if is_draft else found.blocks
        listed = [child for block in view.values() for child in block.children or ()]
        assert set(listed) <= view.keys()
        for block in view.values():
            assert len(set(block.children or ())) == len(block.children or ())
    assert plain.blocks.keys() <= found.blocks.keys()
    assert set(kept) <= {**found.blocks, **found.draft_blocks}.keys()
    there = {**plain.blocks, **plain.draft_blocks}
    if missing == "keep" and not blocks:
        assert {*local.blocks, *local.draft_blocks} - there.keys() <= set(kept)


@pytest.mark.parametrize("rules", [LocalRules(), LocalRules(blocks={key("u1"): "remove"})])
def test_rules_that_keep_nothing(rules: LocalRules) -> None:
    assert rules.keep_nothing
