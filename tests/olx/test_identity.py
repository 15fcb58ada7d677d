"""Which course an archive is, and which file holds its course block."""

from __future__ import annotations

import pytest

from modulestore.errors import InvalidArchive, InvalidKey
from modulestore.keys import BlockKey, CourseKey, LibraryKey, VersionId
from modulestore.olx import read_course
from tests.olx.trees import DictTree, block, course_with, messages, read


def test_a_pointer_and_its_file() -> None:
    read_ = course_with('<chapter url_name="c"/>', {"chapter/c.xml": "<chapter/>"})
    assert read_.key == CourseKey("Org", "C1", "R1")
    assert read_.root == BlockKey("course", "course")
    assert block(read_, "course/course").children == [BlockKey("chapter", "c")]


@pytest.mark.parametrize(
    ("root", "key"),
    [
        ('<course slug="R"/>', CourseKey("edx", "folder", "R")),
        ('<course name="My  run!" org="O"/>', CourseKey("O", "folder", "My_run_")),
        ('<course url_name="a" slug="b" name="c" course="C"/>', CourseKey("edx", "C", "a")),
    ],
)
def test_names_that_are_not_said(root: str, key: CourseKey) -> None:
    assert read_course(DictTree({"course.xml": root}, "folder")).key == key


def test_children_in_the_root_file() -> None:
    found = read(
        {
            "course.xml": '<course url_name="R" org="O" course="C" start="2020-01-01"><chapter'
            ' name="A b"/></course>',
            "course/R.xml": "<course/>",
        }
    )
    assert block(found, "course/course").children == [BlockKey("chapter", "A_b")]
    assert messages(found) == ["course/R.xml: nothing in the course leads to this file: left out"]


def test_a_file_name_of_old() -> None:
    found = read(
        {
            "course.xml": '<course url_name="R" filename="main" display_name="Mine"/>',
            "course/main.xml": '<course display_name="File" graded="true"><chapter url_name="c">.'
            "</chapter></course>",
        }
    )
    assert block(found, "course/course").settings == {"display_name": "Mine", "graded": True}
    assert len(found.blocks) == 2


def test_a_library() -> None:
    found = read(
        {
            "library.xml": '<library org="O" library="L" display_name="12" max_attempts="null"'
            ' advanced_modules="[poll]"'
            ' xmlns:option="http://code.edx.org/xblock/option"><option:xqa_key none="true"/>'
            '<option:other>text</option:other><problem url_name="p"/></library>',
            "problem/p.xml": "<problem/>",
        }
    )
    assert found.key == LibraryKey("O", "L")
    assert found.root == BlockKey("library", "library")
    root = block(found, "library/library")
    assert root.settings == {
        "xqa_key": None,
        "other": "text",
        "display_name": "12",
        "max_attempts": None,
        "advanced_modules": ["poll"],
    }
    assert root.children == [BlockKey("problem", "p")]
    assert not found.problems


@pytest.mark.parametrize(
    ("files", "place", "message"),
    [
        ({"readme.txt": "x"}, None, "there is no course.xml"),
        ({"course.xml": "<course/>"}, "course.xml:1", "has no url_name"),
        ({"course.xml": "<course"}, "course.xml:1", "is no XML"),
        ({"course.xml": ""}, "course.xml:1", "is no XML"),
        ({"course.xml": "\n<library/>"}, "course.xml:2", "its root element is 'library'"),
        (
            {"course.xml": '<course url_name="R" org="O" course="C"/>'},
            "course.xml:1",
            "course/R.xml is missing",
        ),
        (
            {"course.xml": '<course url_name="R" org="O" course="C"/>', "course/R.xml": "\n<a>"},
            "course/R.xml:2",
            "is no XML",
        ),
        (
            {"course.xml": '<course url_name="a b" org="O" course="C"> x </course>'},
            "course.xml:1",
            "make no key",
        ),
        (
            {"course.xml": '<course url_name="R" org="" course="a+b"> x </course>'},
            "course.xml:1",
            "make no key",
        ),
        ({"library.xml": '<library library="a/b"/>'}, "library.xml:1", "make no key"),
    ],
)
def test_what_is_no_course(files: dict[str, str], place: str | None, message: str) -> None:
    with pytest.raises(InvalidArchive) as caught:
        read(files)
    assert message in caught.value.message
    assert caught.value.place == place


def test_a_key_helps_where_the_names_make_none() -> None:
    files = {"course.xml": '<course url_name="a b" org="O" course="C">x</course>'}
    with pytest.raises(InvalidArchive) as caught:
        read(files)
    assert caught.value.hint is not None
    assert "--key" in caught.value.hint
    assert read(files, CourseKey("O", "C", "R")).key == CourseKey("O", "C", "R")


def test_a_key_of_the_other_kind_is_refused() -> None:
    with pytest.raises(InvalidArchive, match="holds a course"):
        read({"course.xml": '<course url_name="R"/>'}, LibraryKey("O", "L"))
    with pytest.raises(InvalidArchive, match="holds a library"):
        read({"library.xml": "<library/>"}, CourseKey("O", "C", "R"))


def test_a_key_loses_its_branch_and_version() -> None:
    key = CourseKey("O", "C", "R", "draft-branch", VersionId.parse("0" * 24))
    assert read({"course.xml": '<course url_name="R"/>'}, key).key == CourseKey("O", "C", "R")
    with pytest.raises(InvalidKey):
        read(
            {"course.xml": '<course url_name="R"/>'},
            CourseKey(None, None, None, None, VersionId.parse("0" * 24)),
        )


def test_the_uppermost_course_is_read_and_paths_stay_those_of_the_tree() -> None:
    files = {
        "x/deep/er/course.xml": '<course url_name="deep"/>',
        "x/b/course.xml": '<course url_name="b"/>',
        "x/c/library.xml": "<library/>",
        "x/b/static/a.txt": "text",
    }
    found = read(files)
    assert found.key == CourseKey("edx", "b", "b")
    assert [file.path for file in found.files] == ["x/b/static/a.txt"]
    with pytest.raises(InvalidArchive, match=r"there is no course\.xml"):
        read({"x/b/static/a.txt": "text"})


@pytest.mark.parametrize(
    ("slug", "key", "expected"),
    [
        (None, None, "C1"),
        ("mine", None, "mine"),
        ("Org.C1.R1", CourseKey("A", "B", "C"), "A.B.C"),
        ("C1", CourseKey("A", "B", "C"), "A.B.C"),
        (None, CourseKey("A", "B", "C"), "A.B.C"),
        ("mine", CourseKey("A", "B", "C"), "mine"),
        (None, CourseKey("Org", "C1", "R1"), "C1"),
    ],
)
def test_the_name_of_the_wiki(slug: str | None, key: CourseKey | None, expected: str) -> None:
    wiki = f'<wiki slug="{slug}"/>' if slug else ""
    found = read(
        {"course.xml": f'<course url_name="R1" org="Org" course="C1"><chapter name="x"/>{wiki}</course>'}, key
    )
    assert block(found, "course/course").content["wiki_slug"] == expected
    assert block(found, "course/course").children == [BlockKey("chapter", "x")]
