"""The courses in ``docs/examples``: they read without a problem and show most features."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from modulestore.keys import BlockKey, CourseKey, LibraryKey
from modulestore.model.plain import PlainCourse
from modulestore.olx import open_archive, read_course
from tests.olx.test_fuzz import SAMPLES, TAR_GZ
from tests.olx.trees import block


def sample(name: str) -> PlainCourse:
    with open_archive(SAMPLES / name) as tree:
        return read_course(tree)


def test_the_sample_course() -> None:
    course = sample("sample-course")
    assert course.key == CourseKey("Example", "MS101", "2026")
    assert not course.problems
    types = Counter(key.type for key in course.blocks)
    assert types["chapter"] == 3
    assert types["video"] == 3
    assert types["problem"] >= 4
    wanted = {
        "word_cloud",
        "poll",
        "drag-and-drop-v2",
        "discussion",
        "library_content",
        "split_test",
        "conditional",
    }
    assert wanted | {"tide-clock", "about", "course_info", "static_tab"} <= set(types)
    assert block(course, "sequential/table-quiz").settings["graded"] is True
    assert "潮汐" in block(course, "html/hello").content["data"]
    assert course.draft_roots == 2
    assert set(course.draft_blocks) == {
        BlockKey("vertical", "welcome"),
        BlockKey("vertical", "a-walk-at-night"),
        BlockKey("html", "by-night"),
        BlockKey("problem", "how-long"),
        BlockKey("sequential", "living-with-tides"),
    }
    assert {file.name for file in course.files if file.locked} == {"example-haven-september.csv"}


def test_the_files_that_the_sample_course_uses_are_there() -> None:
    course = sample("sample-course")
    names = {file.name for file in course.files}
    assert block(course, "course/course").settings["course_image"] in names
    for key, found in course.blocks.items():
        if key.type == "video":
            assert set(found.settings.get("transcripts", {}).values()) <= names


def test_the_sample_library() -> None:
    library = sample("sample-library")
    assert library.key == LibraryKey("Example", "Tides")
    assert len(library.blocks) == 4
    assert not library.problems


def test_a_tar_file_of_the_sample_gives_the_same(tmp_path: Path) -> None:
    path = tmp_path / "sample-course.tar.gz"
    path.write_bytes(TAR_GZ)
    with open_archive(path) as tree:
        assert read_course(tree) == sample("sample-course")
