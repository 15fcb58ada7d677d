"""Courses that archives were not made for: what is written of them reads as what they are, and is written
again byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from modulestore.keys import BlockKey
from modulestore.model.plain import PlainBlock, PlainCourse
from modulestore.olx.writing import write_course
from tests.olx.test_writing import course_of, differences, read_again

ROOT, CHAPTER, SEQUENTIAL = (
    BlockKey("course", "course"),
    BlockKey("chapter", "c"),
    BlockKey("sequential", "s"),
)
UNIT = BlockKey("vertical", "u")


def expect_stable(plain: PlainCourse) -> PlainCourse:
    """The course as it is read, which is written as the first one was."""
    again = read_again(plain)
    assert [problem for problem in again.problems if "kept" not in problem.action] == []
    assert write_course(again).files == write_course(plain).files
    return again


def with_settings(key: BlockKey, settings: Mapping[str, Any]) -> PlainCourse:
    plain = course_of()
    return replace(plain, blocks={**plain.blocks, key: replace(plain.blocks[key], settings=settings)})


@pytest.mark.parametrize("key", [ROOT, SEQUENTIAL, UNIT])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a text", "a text"),
        (3, "3"),
        (None, "null"),
        (datetime(2030, 1, 1, tzinfo=UTC), "2030-01-01T00:00:00Z"),
    ],
)
def test_a_field_that_no_table_knows(key: BlockKey, value: object, text: str) -> None:
    """It becomes an attribute among others, at the place that such have."""
    again = expect_stable(with_settings(key, {"display_name": "A", "zeal": "x", "answers_to": value}))
    assert again.blocks[key].settings == {
        "display_name": "A",
        "xml_attributes": {"answers_to": text, "zeal": "x"},
    }


@pytest.mark.parametrize("key", [ROOT, SEQUENTIAL])
@pytest.mark.parametrize(
    "settings",
    [
        {"url_name": "x", "name": "y", "slug": "z", "org": "o"},
        {"xml_attributes": 3, "of_mine": "x"},
        {"xml_attributes": {"a b": "c", "of_mine": "x"}, "of_mine": "y"},
        {"index_in_children_list": "0", "parent_url": "x"},
        {"of_mine": "\x07"},
    ],
)
def test_names_that_mean_something_else(key: BlockKey, settings: dict[str, Any]) -> None:
    assert expect_stable(with_settings(key, settings)).blocks[key].settings == settings


@pytest.mark.parametrize("key", [ROOT, UNIT])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none(key: BlockKey, value: float) -> None:
    """One of them, and nothing else in the file could be read."""
    again = expect_stable(with_settings(key, {"days_early_for_beta": value, "display_name": "A"}))
    assert again.blocks[key].settings["display_name"] == "A"
    assert again.blocks[key].settings["days_early_for_beta"] in ("NaN", "Infinity", "-Infinity")


@pytest.mark.parametrize("block_type", ["html", "problem", "static_tab", "about"])
@pytest.mark.parametrize("data", [3, True, datetime(2030, 1, 1, tzinfo=UTC), None, ["x"]])
def test_a_body_that_is_no_text(block_type: str, data: object) -> None:
    block = PlainBlock(BlockKey(block_type, "x"), {}, {"data": data})
    plain = course_of() if block_type in ("static_tab", "about") else course_of(block)
    expect_stable(replace(plain, blocks={**plain.blocks, block.key: block}))


@pytest.mark.parametrize("name", ["from", "to", "youtube"])
def test_a_field_that_is_called_like_an_attribute_of_old(name: str) -> None:
    block = PlainBlock(BlockKey("video", "v"), {name: "2030", "display_name": "A"})
    assert expect_stable(course_of(block)).blocks[block.key].settings == block.settings


@pytest.mark.parametrize("content", [{"data": "a < b"}, {"data": "\ufffe"}, {"data": "<mine><p/></mine>"}])
@pytest.mark.parametrize("block_type", ["mine", "annotatable"])
@pytest.mark.parametrize("settings", [{"of_mine": "x"}, {"of_mine": None}, {"xml_attributes": {"a": "b"}}])
def test_content_that_is_no_element_and_fields_beside(
    block_type: str, content: dict[str, Any], settings: dict[str, Any]
) -> None:
    """Neither of the two is lost for the other."""
    block = PlainBlock(BlockKey(block_type, "x"), settings, content)
    again = expect_stable(course_of(block)).blocks[block.key]
    assert again.content == content
    assert "of_mine" not in settings or "of_mine" in str(again)


@pytest.mark.parametrize("block_type", ["mine", "poll"])
def test_blocks_in_a_block_whose_type_tells_of_none(block_type: str) -> None:
    inner, poll = BlockKey("html", "i"), BlockKey("poll", "p")
    box = PlainBlock(BlockKey(block_type, "box"), {"display_name": "A"}, {}, [inner, poll])
    if block_type == "mine":
        box = replace(box, content={"data": "<mine><p/></mine>"})
    plain = course_of(
        box, PlainBlock(inner, {}, {"data": "<p>i</p>"}), PlainBlock(poll, {"display_name": "P"})
    )
    again = expect_stable(plain)
    was, found = (
        {key: blocks[key] for key in (box.key, inner, poll)} for blocks in (plain.blocks, again.blocks)
    )
    assert differences(was, found) == []


def test_blocks_where_none_can_be() -> None:
    inner = BlockKey("html", "i")
    problem = PlainBlock(BlockKey("problem", "p"), {}, {"data": "<problem/>\n"}, [inner])
    plain = course_of(problem, PlainBlock(inner, {}, {"data": "<p>i</p>"}))
    assert [told.place for told in write_course(plain).problems] == ["problem/p"]
    expect_stable(plain)


@pytest.mark.parametrize(
    "block_type",
    ["..", "._x", "1x", "a:b", "a~", "a²", "x" * 300, "static", "drafts", "tabs", "wiki", "meta"],
)
def test_types_that_no_element_can_have(block_type: str) -> None:
    """They are told, hurt nobody else, and lead nowhere outside."""
    html = PlainBlock(BlockKey("html", "h"), {}, {"data": "<p>h</p>"})
    plain = course_of(PlainBlock(BlockKey(block_type, "x"), {}, {"data": "<a/>"}), html)
    root, outline = plain.blocks[ROOT], BlockKey(block_type, "y")
    blocks = {**plain.blocks, outline: PlainBlock(outline)}
    blocks[ROOT] = replace(root, children=[*(root.children or ()), outline])
    plain = replace(plain, blocks=blocks)
    written = write_course(plain)
    assert {problem.action for problem in written.problems} == {"left out"}
    assert len(written.problems) == 2
    assert not any(".." in path.split("/") for path in written.files)
    assert expect_stable(plain).blocks[UNIT].children == [html.key]


@pytest.mark.parametrize("block_type", ["html", "problem"])
def test_a_folder_that_is_called_like_a_file(block_type: str) -> None:
    blocks = [
        PlainBlock(BlockKey(block_type, name), {"display_name": name}, {"data": f"<{block_type}/>\n"})
        for name in ("a", "a.xml:b", "a.html:b")
    ]
    plain = course_of(*blocks)
    again = expect_stable(plain)
    assert [again.blocks[block.key].settings for block in blocks] == [block.settings for block in blocks]
    folders = {path.rpartition("/")[0] for path in write_course(plain).files}
    assert not folders & write_course(plain).files.keys()


@pytest.mark.parametrize("block_type", ["problem", "word_cloud", "lti", "video", "mine"])
def test_a_name_that_no_file_can_have_is_no_content(block_type: str) -> None:
    data = {"data": f"<{block_type}>\n  <p/>\n</{block_type}>" + "\n" * (block_type == "problem")}
    block = PlainBlock(BlockKey(block_type, "x" * 300), {}, {} if block_type == "video" else data)
    assert expect_stable(course_of(block)).blocks[block.key].content == block.content


@pytest.mark.parametrize("slug", [3, None, "\x07", ["x"]])
def test_a_wiki_of_no_name(slug: object) -> None:
    plain = course_of()
    root = replace(plain.blocks[ROOT], content={"wiki_slug": slug})
    expect_stable(replace(plain, blocks={**plain.blocks, ROOT: root}))


def test_a_root_of_another_id() -> None:
    """Older courses have the run there. All that speaks of the root, drafts too, finds it."""
    plain = course_of()
    root, draft = BlockKey("course", "2026_x"), BlockKey("html", "d")
    blocks = {key: block for key, block in plain.blocks.items() if key != ROOT}
    blocks[root] = PlainBlock(root, {"display_name": "A", "name": "left"}, {}, [CHAPTER])
    drafts = {
        root: replace(blocks[root], children=[CHAPTER, draft]),
        draft: PlainBlock(draft, {}, {"data": "<p/>"}),
    }
    again = expect_stable(replace(plain, root=root, blocks=blocks, draft_blocks=drafts))
    assert again.blocks[ROOT].settings == blocks[root].settings
    assert again.draft_blocks[ROOT].children == [CHAPTER, draft]


# --- drafts


def with_drafts(*units: PlainBlock, pages: tuple[PlainBlock, ...] = ()) -> PlainCourse:
    """A course whose sequence has these units, as drafts."""
    plain = course_of()
    parent = plain.blocks[SEQUENTIAL]
    parent = replace(parent, children=[*(parent.children or ()), *(unit.key for unit in units)])
    drafts = {block.key: block for block in (parent, *units, *pages)}
    return replace(plain, draft_blocks=drafts if units else {page.key: page for page in pages})


@pytest.mark.parametrize("unit_id", ["._x", "..", "x~", "y" * 300, "a.xml:b", "é"])
@pytest.mark.parametrize("unit_type", ["vertical", "html", "problem", "video", "poll", "mine"])
def test_a_draft_that_no_file_can_be_called_after(unit_type: str, unit_id: str) -> None:
    children: list[BlockKey] | None = [] if unit_type == "vertical" else None
    content = {"html": {"data": "<p/>"}, "problem": {"data": "<problem/>\n"}}.get(unit_type, {})
    unit = PlainBlock(BlockKey(unit_type, unit_id), {"display_name": "A"}, content, children)
    last = PlainBlock(BlockKey("vertical", "last"), {}, {}, [])
    plain = with_drafts(unit, last)
    assert write_course(plain).problems == []
    again = expect_stable(plain)
    assert again.draft_blocks[SEQUENTIAL].children == [UNIT, unit.key, last.key]
    assert again.draft_blocks[unit.key].settings == unit.settings


def test_a_draft_that_is_written_as_what_is_published() -> None:
    """It is none: else the next export had it no more."""
    problem = PlainBlock(BlockKey("problem", "p"), {}, {"data": "<problem/>"})
    plain = course_of(problem)
    draft = replace(problem, content={"data": "<problem/>\n"})
    assert expect_stable(replace(plain, draft_blocks={draft.key: draft})).draft_blocks == {}


def test_pages_that_are_drafts() -> None:
    """Templates of tags are edited as drafts, like blocks."""
    aside = {"aside_type": "notes", "fields": {"a": 3}}
    template = PlainBlock(
        BlockKey("custom_tag_template", "t"), {"display_name": "A"}, {"data": "<$x/>"}, None, [aside]
    )
    about = PlainBlock(BlockKey("about", "overview"), {}, {"data": "<p/>"})
    plain = with_drafts(pages=(template, about))
    assert expect_stable(plain).draft_blocks == plain.draft_blocks


def test_units_of_what_is_not_published() -> None:
    """No draft can say where they are. It is told, and nothing else is lost."""
    section, unit = BlockKey("sequential", "new"), BlockKey("vertical", "new")
    plain = course_of()
    parent = replace(plain.blocks[CHAPTER], children=[SEQUENTIAL, section])
    drafts = [parent, PlainBlock(section, {}, {}, [unit]), PlainBlock(unit, {}, {}, [])]
    plain = replace(plain, draft_blocks={block.key: block for block in drafts})
    assert {problem.place for problem in write_course(plain).problems} == {
        "drafts/sequential/new",
        "drafts/vertical/new",
    }
    expect_stable(plain)


# --- pages


def test_what_pages_have_beside_their_text() -> None:
    """Asides, content that no file is named after, and lists that are none."""
    page = PlainBlock(
        BlockKey("course_info", "updates"),
        {},
        {"data": "<p/>", "items": "no list", "of_mine": {"a": 1}},
        None,
        [{"aside_type": "notes", "fields": {"a": "b"}}],
    )
    plain = course_of()
    again = expect_stable(replace(plain, blocks={**plain.blocks, page.key: page}))
    assert again.blocks[page.key] == page


def test_a_chapter_in_a_unit() -> None:
    """It has no drafts of its own, but is in one."""
    chapter, section, unit = (
        BlockKey("chapter", "in"),
        BlockKey("sequential", "in"),
        BlockKey("vertical", "in"),
    )
    plain = course_of()
    drafts = [
        replace(plain.blocks[UNIT], children=[chapter]),
        PlainBlock(chapter, {"display_name": "A"}, {}, [section]),
        PlainBlock(section, {}, {}, [unit]),
        PlainBlock(unit, {}, {}, []),
    ]
    plain = replace(plain, draft_blocks={block.key: block for block in drafts})
    assert write_course(plain).problems == []
    assert differences(expect_stable(plain).draft_blocks, plain.draft_blocks) == []
