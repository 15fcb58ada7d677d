"""The real archives: counts, trees, drafts, pages, files; read from the tar file and from a folder."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modulestore.keys import BlockKey, CourseKey, LibraryKey, is_block_id
from modulestore.model.fields import is_detached
from modulestore.model.plain import PlainCourse
from modulestore.olx import open_archive, read_course
from tests.olx.expected_differences import CHILDREN
from tests.olx.trees import COURSES, block, messages, shared_archive

NAMES = [
    "cs50-python",
    "demo-content-library",
    "demo-content-library-clean",
    "demo-course",
    "fixture-2014-Uni",
    "fixture-conditional",
    "fixture-course-info-updates",
    "fixture-import-draft-order",
    "fixture-pure-xblock-draft",
    "fixture-simple",
    "fixture-simple-with-draft",
    "fixture-split-test-module",
    "fixture-test-start-date",
    "fixture-test-unicode",
    "fixture-toy",
    "fixture-two-toys",
    "fixture-word-cloud",
    "fixture-xml-dag",
    "latex2edx-demo",
    "math-percent-fi",
    "onboarding-developers",
    "onboarding-intro",
    "opencraft-drag-and-drop",
    "opencraft-problem-builder",
    "opencraft-tiny",
    "oxa-kitchen-sink",
    "supported-components",
]
# How many problems each has: none but where something is wrong with it.
PROBLEMS = {
    "cs50-python": 34,
    "fixture-conditional": 1,
    "fixture-import-draft-order": 7,
    "fixture-test-start-date": 2,
    "fixture-test-unicode": 8,
    "fixture-toy": 4,
    "fixture-two-toys": 3,
    "fixture-word-cloud": 1,
    "fixture-xml-dag": 1,
    "latex2edx-demo": 6,
    "opencraft-problem-builder": 2,
    "oxa-kitchen-sink": 1,
    "supported-components": 2,
}
TREES = {"demo-content-library": "demo-content-library-clean"}  # the same library
_read: dict[str, PlainCourse] = {}


def course(name: str) -> PlainCourse:
    """An archive, read once per run."""
    path = shared_archive(name)
    if name not in _read:
        with open_archive(path) as tree:
            _read[name] = read_course(tree)
    return _read[name]


def manifest(name: str) -> dict[str, Any]:
    entries = json.loads((COURSES / "MANIFEST.json").read_text(encoding="utf-8"))
    return next(entry for entry in entries if entry["name"] == name)


def tree_of(read: PlainCourse) -> Iterator[BlockKey]:
    seen: set[BlockKey] = set()
    stack = [read.root]
    while stack:
        key = stack.pop()
        if key not in seen:
            seen.add(key)
            yield key
            stack.extend(reversed(read.blocks[key].children or ()))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_and_what_is_missing_is_what_is_there(name: str) -> None:
    read, entry = course(name), manifest(name)
    missing = [
        line
        for line in messages(read)
        if re.match(r"(?!drafts/).*\.xml is missing: the block is left out", line)
    ]
    assert len(list(tree_of(read))) + len(missing) == entry.get("blocks_unique", entry["blocks"])
    assert read.draft_roots == entry.get("draft_roots", 0)
    assert len(read.files) == entry.get("static_files", 0)
    assert len(read.problems) == PROBLEMS.get(name, 0)


@pytest.mark.parametrize("name", NAMES)
def test_children_are_in_the_order_of_the_archive(name: str) -> None:
    read = course(name)
    tree = json.loads((COURSES / "trees" / f"{TREES.get(name, name)}.json").read_text(encoding="utf-8"))
    children, differences = tree["children"], CHILDREN.get(name, {})
    compared: set[str] = set()

    def compare(theirs: str, ours: BlockKey) -> None:
        expected = differences[theirs].children if theirs in differences else children[theirs]
        got = list(read.blocks[ours].children or ())
        assert [child.type for child in got] == [child.partition("/")[0] for child in expected], theirs
        compared.add(theirs)
        for their_child, our_child in zip(expected, got, strict=True):
            written = their_child.partition("/")[2]
            unnamed = re.fullmatch(re.escape(our_child.type) + r"_\d+", written)
            if not unnamed:
                assert our_child.id == re.sub(r"[^\w:.~-]+", "_", written) or our_child.id == re.sub(
                    r"\W+", "_", written
                )
            if their_child not in compared:
                compare(their_child, our_child)

    compare(tree["root"], read.root)
    left_out = {child for theirs in differences for child in children[theirs]} - compared
    assert compared | left_out == set(children)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_is_sound(name: str) -> None:
    read = course(name)
    keys = list(read.blocks)
    assert keys[0] == read.root
    detached = [key for key in keys if is_detached(key.type)]
    in_tree = list(tree_of(read))
    assert set(in_tree) | set(detached) == set(keys)
    assert keys[: len(in_tree)] == in_tree or name in {"fixture-conditional"}  # one block is listed before
    assert all(is_block_id(key.id) and is_block_id(key.type) for key in (*keys, *read.draft_blocks))
    assert all(read.blocks.get(key) != draft for key, draft in read.draft_blocks.items())
    for blocks in (read.blocks, {**read.blocks, **read.draft_blocks}):
        for key, found in blocks.items():
            assert found.key == key
            assert all(child in blocks for child in found.children or ())
    assert [file.name for file in read.files] == sorted(file.name for file in read.files)


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_gives_the_same_as_the_tar_file(name: str, tmp_path: Path) -> None:
    with tarfile.open(shared_archive(name)) as archive:
        archive.extractall(tmp_path, filter="data")
    with open_archive(tmp_path) as tree:
        assert read_course(tree) == course(name)
    (top,) = [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
    with open_archive(top) as tree:
        again = read_course(tree)
        assert again == course(name)
        for file in again.files:
            with tree.open(file.path) as data:
                assert len(data.read()) == file.size


@pytest.mark.parametrize("name", NAMES)
def test_another_key_changes_the_key_and_little_else(name: str) -> None:
    read = course(name)
    library = isinstance(read.key, LibraryKey)
    key: CourseKey | LibraryKey = LibraryKey("New", "Name") if library else CourseKey("New", "Name", "Run")
    with open_archive(shared_archive(name)) as tree:
        again = read_course(tree, key=key)
    assert again.key == key
    assert list(again.blocks) == list(read.blocks)
    assert again.problems == read.problems
    assert again.draft_blocks == read.draft_blocks
    changed = {key.type for key in read.blocks if read.blocks[key] != again.blocks[key]}
    assert changed <= {"course"}


def test_the_demo_course() -> None:
    read = course("demo-course")
    assert read.key == CourseKey("OpenedX", "DemoX", "DemoCourse")
    root = block(read, "course/course")
    assert root.content["wiki_slug"] == "OpenedX.DemoX.DemoCourse"
    assert set(root.content["grading_policy"]) == {"GRADER", "GRADE_CUTOFFS"}
    with open_archive(shared_archive("demo-course")) as tree:
        policy = json.loads(tree.read("policies/DemoCourse/policy.json"))["course/DemoCourse"]
    assert root.settings["course_image"] == policy["course_image"]
    assert root.settings["tabs"] == policy["tabs"]
    content = block(read, "library_content/34a4d5e71d974c029cbde1956bd7c820")
    assert len(content.children or ()) == 6
    assert content.settings["max_count"] == 2
    survey = next(found for key, found in read.blocks.items() if key.type == "survey")
    assert all(isinstance(survey.settings[name], list) for name in ("answers", "questions"))
    video = block(read, "video/078de40d92a54047b951a2e7a8e2a348")
    assert video.settings["transcripts"].keys() == {"en", "es"}
    assert (video.settings["start_time"], video.settings["end_time"]) == ("00:11:39", "00:12:57")
    assert "<video_asset" in video.content["inner_xml"]


def test_html_bodies_are_kept_byte_for_byte() -> None:
    for name in ("math-percent-fi", "demo-course", "onboarding-developers"):
        read = course(name)
        bodies = {key: found.content["data"] for key, found in read.blocks.items() if key.type == "html"}
        with open_archive(shared_archive(name)) as tree:
            for key, body in bodies.items():
                assert tree.read(f"html/{key.id}.html") == body.encode()


def test_the_drafts_of_the_big_course() -> None:
    read = course("cs50-python")
    lines = messages(read)
    assert sum("is in another course" in line for line in lines) == 33
    (unreadable,) = [line for line in lines if "is no XML" in line]
    assert unreadable.startswith("drafts/problem/7a68129bffad4c599c7747567601332a.xml:8: ")
    drafts = [key for key in read.draft_blocks if key.id.endswith("_quiz")]
    assert len(drafts) == 33
    assert not any(key in read.blocks for key in drafts)


def test_the_order_of_drafts() -> None:
    read = course("fixture-import-draft-order")
    first = block(read, "sequential/0f4f7649b10141b0bdc9922dcf94515a")
    assert [child.id for child in first.children or ()] == [
        "z",
        "5a05be9d59fc4bb79282c94c9e6b88c7",
        "a",
        "second",
        "b",
        "d",
        "c",
    ]
    second = block(read, "sequential/secondseq")
    assert [child.id for child in second.children or ()] == ["asecond", "secondsubsection", "zsecond"]


def test_old_links_and_old_layouts() -> None:
    read = course("fixture-toy")
    assert block(read, "html/nonportable").content["data"] == '<a href="/static/foo.jpg">link</a>\n'
    link = block(read, "html/nonportable_link").content["data"]
    assert link.startswith('<a href="/jump_to_id/nonportable_link">')
    books = block(read, "course/course").settings["pdf_textbooks"]
    assert books[0]["chapters"][0]["url"] == "/static/Chapter1.pdf"
    assert block(read, "html/secret:toylab").settings["display_name"] == "Toy lab"
    assert block(read, "about/effort").content["data"].strip() == "6 hours"
    assert block(read, "static_tab/syllabus").settings["display_name"] == "Syllabus"


def test_references_of_a_conditional_and_of_a_split_test() -> None:
    condition = block(course("fixture-conditional"), "conditional/condone")
    assert condition.content["sources_list"] == [
        ["problem", "choiceprob"],
        ["html", "for_testing_import_rewrites"],
    ]
    assert condition.content["show_tag_list"] == [["html", "congrats"], ["html", "secret_page"]]
    split = block(course("fixture-split-test-module"), "split_test/split1")
    assert split.content["group_id_to_child"] == {
        "0": ["vertical", "sample_0"],
        "2": ["vertical", "sample_2"],
    }
    assert split.content["user_partition_id"] == 0


def test_names_in_every_script() -> None:
    read = course("fixture-2014-Uni")
    assert read.key == CourseKey("Юникода", "échantillon", "2014_Uni")
    other = course("fixture-test-unicode")
    assert block(other, "html/åñ_html_ƒile").settings["display_name"] == "åñ html ƒile"


def test_no_secret_is_in_a_problem() -> None:
    for name in NAMES:
        assert not any("redacted" in line for line in messages(course(name)))
