"""What is written is what was read: over real archives, samples, and courses that no archive ever held."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from modulestore.keys import BlockKey
from modulestore.model.comparing import same_value
from modulestore.model.plain import PlainBlock, PlainCourse
from modulestore.olx import open_archive, read_course
from modulestore.olx.writing import write_course
from tests.conftest import SHARED
from tests.olx.plain_courses import KEY, courses
from tests.olx.trees import DictTree

SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
MISSING = object()
NO_TIMES = [(name, time) for name in ("start_time", "end_time") for time in ("", "00:00:00")]
ARCHIVES = sorted((SHARED / "courses").glob("*.tar.gz"))


def read_again(plain: PlainCourse) -> PlainCourse:
    """A course that was written and read."""
    written = write_course(plain)
    statics = {path: bytes(file.size) for path, file in written.statics.items()}
    return read_course(DictTree({**written.files, **statics}, name=written.folder))


def differences(one: Mapping[BlockKey, PlainBlock], other: Mapping[BlockKey, PlainBlock]) -> list[str]:
    """What is not the same, by block and field."""
    found = [f"{key.type}/{key.id} is in one only" for key in one.keys() ^ other.keys()]
    for key in one.keys() & other.keys():
        a, b = one[key], other[key]
        for scope in ("settings", "content"):
            mine, theirs = getattr(a, scope), getattr(b, scope)
            for name in {*mine, *theirs}:
                if name not in mine or name not in theirs or not same_value(mine[name], theirs[name]):
                    shown = f"{mine.get(name, 'not set')!r} → {theirs.get(name, 'not set')!r}"
                    found.append(f"{key.type}/{key.id} {name}: {shown}")
        if a.children != b.children:
            found.append(f"{key.type}/{key.id} children: {a.children} → {b.children}")
        if not same_value(list(a.asides), list(b.asides)):
            found.append(f"{key.type}/{key.id} asides")
    return found


def expect_same(one: PlainCourse, other: PlainCourse) -> None:
    assert (one.key, one.root) == (other.key, other.root)
    assert differences(one.blocks, other.blocks) == []
    assert differences(one.draft_blocks, other.draft_blocks) == []
    assert same_value(one.assets, other.assets)
    assert [replace(file, path="") for file in one.files] == [replace(file, path="") for file in other.files]


def expect_laws(plain: PlainCourse) -> None:
    again = read_again(plain)
    expect_same(plain, again)
    assert write_course(again).files == write_course(plain).files


@pytest.mark.parametrize("name", ["sample-course", "sample-library"])
def test_a_sample(name: str) -> None:
    with open_archive(SAMPLES / name) as tree:
        plain = read_course(tree)
    assert write_course(plain).problems == []
    expect_laws(plain)


@pytest.mark.skipif(not ARCHIVES, reason="../shared/courses is absent: no real archive was written")
@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: path.name.partition(".")[0])
def test_a_real_archive(path: Path) -> None:
    with open_archive(path) as tree:
        plain = read_course(tree)
    assert write_course(plain).problems == []
    expect_laws(plain)


@settings(max_examples=max(60, settings().max_examples), suppress_health_check=list(HealthCheck))
@given(courses(stored=False))
def test_what_was_read_once_is_in_its_normal_form(plain: PlainCourse) -> None:
    """Whatever is in a course, and however often it goes there and back."""
    written = write_course(plain)
    again = read_again(plain)
    assert write_course(again).files == written.files
    expect_same(again, read_again(again))


@settings(max_examples=max(60, settings().max_examples), suppress_health_check=list(HealthCheck))
@given(courses(stored=True))
def test_values_survive(plain: PlainCourse) -> None:
    """Every value that the reader could have made."""
    again = read_again(plain)
    lost = {
        f"{key.type}/{key.id} {name}: {value!r} → {found.get(name, 'not set')!r}"
        for key, block in plain.blocks.items()
        for fields, found in (
            (block.settings, again.blocks[key].settings),
            (block.content, again.blocks[key].content),
        )
        for name, value in fields.items()
        if name not in ("data", "inner_xml", "xml_attributes")
        and (name, value) not in NO_TIMES
        and not same_value(value, found.get(name, MISSING))
    }
    assert lost == set()


# --- what takes care


def course_of(*blocks: PlainBlock) -> PlainCourse:
    """A course with one unit that has these blocks; the first ones are its children."""
    root, chapter = BlockKey("course", "course"), BlockKey("chapter", "c")
    sequential, unit = BlockKey("sequential", "s"), BlockKey("vertical", "u")
    inner = {child for block in blocks for child in block.children or ()}
    top = [block.key for block in blocks if block.key not in inner]
    tree = {root: [chapter], chapter: [sequential], sequential: [unit], unit: top}
    return PlainCourse(
        KEY,
        root,
        {
            **{key: PlainBlock(key, {}, {}, children) for key, children in tree.items()},
            **{block.key: block for block in blocks},
        },
    )


def test_a_block_that_a_conditional_alone_shows() -> None:
    """It was somewhere else when it was imported, and was taken out there."""
    html, other = BlockKey("html", "h"), BlockKey("html", "o")
    content = {"sources_list": [], "show_tag_list": [list(html)], "conditional_attr": "correct"}
    conditional = PlainBlock(BlockKey("conditional", "x"), {}, content, [html, other])
    again = read_again(
        course_of(
            conditional,
            PlainBlock(html, {}, {"data": "<p>kept</p>"}),
            PlainBlock(other, {}, {"data": "<p>too</p>"}),
        )
    )
    assert again.blocks[html].content == {"data": "<p>kept</p>"}
    assert again.blocks[conditional.key].children == [html, other]
    assert again.blocks[conditional.key].content["show_tag_list"] == [list(html)]


@pytest.mark.parametrize(
    "aside",
    [
        {"aside_type": "1 2", "fields": {}},
        {"aside_type": "notes", "fields": {"a b": "c"}},
        {"aside_type": "notes", "fields": {"a": "\x00"}},
        {"aside_type": "notes", "fields": {"a": 3, "b": ["x"], "content": " "}},
        {"aside_type": "notes", "fields": {"content": "<p>"}},
    ],
)
def test_asides_that_are_no_xml(aside: dict[str, Any]) -> None:
    """They are said elsewhere, and hurt nobody else."""
    good = {"aside_type": "tagging", "fields": {"a": "<&>", "content": "<p/>"}}
    block = PlainBlock(BlockKey("html", "h"), {}, {"data": "text"}, None, [aside, good])
    plain = course_of(block)
    assert write_course(plain).problems == []
    assert read_again(plain).blocks[block.key] == block


@pytest.mark.parametrize("block_id", ["..", "a:..:b", "._x", "b~:c", "x" * 300])
@pytest.mark.parametrize("block_type", ["html", "problem", "video", "poll", "annotatable", "image"])
def test_ids_that_can_be_no_file(block_type: str, block_id: str) -> None:
    """No path leads out of the archive, and nothing is where nobody sees it."""
    data = {"html": "<p>x</p>", "problem": "<problem>\n  <p>x</p>\n</problem>\n"}.get(block_type)
    content = {} if data is None else {"data": data}
    block = PlainBlock(BlockKey(block_type, block_id), {"display_name": "A name"}, content)
    plain = course_of(block)
    written = write_course(plain)
    for path in written.files:
        assert ".." not in path.split("/")
        assert all(len(part.encode()) < 256 for part in path.split("/"))
    assert written.problems == []
    again = read_again(plain)
    assert again.problems == []
    assert again.blocks[block.key].settings == block.settings
    assert write_course(again).files == written.files


def test_what_no_element_can_say() -> None:
    block = PlainBlock(BlockKey("poll", "p"), {"display_name": "bell \x07"}, {"question": None})
    written = write_course(course_of(block))
    assert json.loads(written.files["modulestore.json"]) == {
        "blocks": {"poll/p": {"settings": {"display_name": "bell \x07"}}}
    }
    assert differences({block.key: block}, {block.key: read_again(course_of(block)).blocks[block.key]}) == []


def test_stored_xml_that_no_file_may_hold() -> None:
    """Entities of a stored document type would be cut off from it, and the file would read as nothing."""
    data = '<!DOCTYPE problem [<!ENTITY a "b">]>\n<problem>&a;</problem>'
    block = PlainBlock(BlockKey("problem", "p"), {}, {"data": data})
    again = read_again(course_of(block))
    assert again.problems == []
    assert again.blocks[block.key].content == {"data": data}
