"""What lies beside the blocks: policies, pages, static files, asset metadata."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from modulestore.keys import BlockKey
from modulestore.model.plain import PlainFile
from modulestore.olx.statics import content_type
from tests.olx.trees import block, course_with, messages, unit

POLICY = "policies/R1/policy.json"


def policy(entries: dict[str, Any]) -> dict[str, str | bytes]:
    return {POLICY: json.dumps(entries)}


def test_a_policy_goes_over_what_the_xml_says() -> None:
    found = course_with(
        '<html url_name="a:b" display_name="X" editor="raw">.</html>',
        policy(
            {
                "course/R1": {
                    "start": "2020-01-01T00:00",
                    "tabs": [{"type": "wiki"}],
                    "graded": "true",
                    "odd": [1],
                },
                "html/a:b": {"display_name": "P", "data": "not this", "due": None},
            }
        ),
        attributes='start="2019-01-01" display_name="C"',
    )
    assert block(found, "course/course").settings == {
        "start": datetime(2020, 1, 1, tzinfo=UTC),
        "display_name": "C",
        "tabs": [{"type": "wiki"}],
        "graded": True,
        "xml_attributes": {"odd": [1]},
    }
    html = block(found, "html/a:b")
    assert html.settings == {"display_name": "P", "editor": "raw", "due": None}
    assert html.content == {"data": "."}
    assert not found.problems


def test_where_the_platform_read_a_block_is_no_attribute() -> None:
    found = course_with(
        "",
        policy({"course/R1": {"xml_attributes": {"filename": ["a", "a"], "semester": "S"}}}),
        attributes='number="1"',
    )
    assert block(found, "course/course").settings == {"xml_attributes": {"number": "1", "semester": "S"}}


def test_entries_that_no_block_takes() -> None:
    found = unit(
        '<video url_name="v" display_name="V"/><poll url_name="p" question="Q"/>',
        policy(
            {"video/v": {"display_name": "P"}, "poll/p": {"question": "R"}, "html/gone": {}, "checklists": []}
        ),
    )
    assert block(found, "video/v").settings == {"display_name": "V"}
    assert block(found, "poll/p").content == {"question": "Q"}
    assert messages(found) == [
        f"{POLICY}: the entry 'video/v' is for no block that takes one: left out",
        f"{POLICY}: the entry 'poll/p' is for no block that takes one: left out",
        f"{POLICY}: the entry 'html/gone' is for no block that takes one: left out",
        f"{POLICY}: the entry 'checklists' is no set of settings: left out",
    ]


@pytest.mark.parametrize(
    ("files", "name", "problems"),
    [
        ({POLICY: "{}", "policies/R1.json": '{"course/R1": {"display_name": "old"}}'}, "old", 0),
        ({POLICY: '{"course/R1": {"display_name": "new"}}', "policies/R1.json": "no json"}, "new", 0),
        ({POLICY: "no json"}, "X", 1),
        ({POLICY: "[1]"}, "X", 1),
        ({POLICY: b"\xff{}"}, "X", 1),
        ({POLICY: "  "}, "X", 0),
        ({POLICY: '\ufeff{"course/R1": {"display_name": "bom"}}'}, "bom", 0),
    ],
)
def test_where_a_policy_is(files: dict[str, str | bytes], name: str, problems: int) -> None:
    found = course_with('<html url_name="h">.</html>', files, attributes='display_name="X"')
    assert block(found, "course/course").settings["display_name"] == name
    assert len(found.problems) == problems


def test_a_value_of_another_kind_in_a_policy_is_kept() -> None:
    found = course_with(
        "", policy({"course/R1": {"display_name": 5, "lti_passports": "a:b:c", "max_attempts": "x"}})
    )
    assert block(found, "course/course").settings == {
        "display_name": "5",
        "lti_passports": "a:b:c",
        "max_attempts": "x",
    }
    assert messages(found) == [
        f"{POLICY}: the value of lti_passports of course/course is no list: kept",
        f"{POLICY}: the value of max_attempts of course/course is no integer: kept",
    ]


@pytest.mark.parametrize("path", ["policies/R1/grading_policy.json", "grading_policy.json"])
def test_the_grading_policy_is_completed(path: str) -> None:
    grading = block(course_with("", {path: '{"GRADE_CUTOFFS": {"A": 1}}'}), "course/course").content[
        "grading_policy"
    ]
    assert grading["GRADE_CUTOFFS"] == {"A": 1}
    assert sum(grader["weight"] for grader in grading["GRADER"]) == pytest.approx(1)


def test_a_grading_policy_that_is_none() -> None:
    for text in ("{", "[]"):
        found = course_with("", {"grading_policy.json": text})
        assert "grading_policy" not in block(found, "course/course").content
        assert len(found.problems) == 1


def test_pages_beside_the_tree() -> None:
    found = unit(
        '<html url_name="h">.</html>',
        {
            "about/overview.html": "all",
            "about/R1/overview.html": "this run",
            "about/R1/effort.html": "",
            "info/updates.html": '<a href="/c4x/Org/C1/asset/x.png">',
            "info/updates.items.json": '[{"id": 1}]',
            "info/alone.items.json": "[]",
            "tabs/a b.html": "tab",
            "tabs/two.html": "tab",
            "custom_tags/book": "template",
            **policy(
                {
                    "course/R1": {
                        "tabs": [
                            {"type": "static_tab", "name": "A", "url_slug": "a b", "course_staff_only": True},
                            {"type": "static_tab", "name": "B", "url_slug": "gone"},
                            {"type": "wiki"},
                        ]
                    }
                }
            ),
        },
    )
    names = [f"{key.type}/{key.id}" for key in found.blocks][5:]
    assert names == [
        "about/effort",
        "about/overview",
        "course_info/alone",
        "course_info/updates",
        "static_tab/a_b",
        "static_tab/two",
        "custom_tag_template/book",
    ]
    assert block(found, "about/overview").content == {"data": "this run"}
    assert block(found, "about/effort").content == {"data": ""}
    assert block(found, "course_info/updates").content == {
        "data": '<a href="/static/x.png">',
        "items": [{"id": 1}],
    }
    assert block(found, "static_tab/a_b").settings == {"display_name": "A", "course_staff_only": True}
    assert block(found, "static_tab/two").settings == {}
    tabs = block(found, "course/course").settings["tabs"]
    assert [tab.get("url_slug") for tab in tabs] == ["a_b", "gone", None]
    assert all(found.blocks[key].children is None for key in list(found.blocks)[5:])
    assert messages(found) == [
        "tabs/a b.html: 'a b' cannot be the id of a block: read as 'a_b'",
        f"{POLICY}: the tab 'gone' has no file in tabs/: kept in the list",
    ]


def test_pages_that_cannot_be_read_well() -> None:
    found = course_with(
        "",
        {
            "about/x.html": "1",
            "about/x.txt": "2",
            "about/∂.html": "no id",
            "info/u.items.json": "{}",
            "info/v.items.json": "[",
            "info/w.html": b"\xe9",
        },
    )
    assert block(found, "about/x").content == {"data": "2"}
    assert block(found, "course_info/w").content == {"data": "é"}
    assert [key.id for key in found.blocks] == ["course", "x", "w"]
    assert [line.partition(":")[0] for line in messages(found)] == [
        "about/x.txt",
        "about/∂.html",
        "info/u.items.json",
        "info/v.items.json",
        "info/w.html",
    ]


def test_static_files_get_names_and_types() -> None:
    found = course_with(
        "",
        {
            "static/images/pic name (1).png": b"12345",
            "static/a.srt": "",
            "static/sub/b.pdf": "",
            "static_import/c.tar.gz": "",
            "static/noending": "",
            "policies/assets.json": json.dumps(
                {
                    "images_pic_name__1_.png": {
                        "displayname": "Pic",
                        "contentType": "image/webp",
                        "locked": True,
                        "thumbnail_location": ["c4x", "o", "c", "thumbnail", "t.jpg", None],
                    },
                    "sub_b.pdf": {"contentType": "text/pdf", "displayname": 5, "locked": "yes"},
                    "noending": 3,
                    "gone.png": {},
                }
            ),
        },
    )
    assert found.files == [
        PlainFile("a.srt", "static/a.srt", 0, "a.srt", "application/octet-stream", False, "a.srt"),
        PlainFile(
            "c.tar.gz", "static_import/c.tar.gz", 0, "c.tar.gz", "application/octet-stream", False, "c.tar.gz"
        ),
        PlainFile(
            "images_pic_name__1_.png",
            "static/images/pic name (1).png",
            5,
            "Pic",
            "image/webp",
            True,
            "images/pic name (1).png",
            "t.jpg",
        ),
        PlainFile("noending", "static/noending", 0, "noending", None, False, "noending"),
        PlainFile("sub_b.pdf", "static/sub/b.pdf", 0, "b.pdf", "application/pdf", False, "sub/b.pdf"),
    ]
    assert messages(found) == ["policies/assets.json: there is no file for 'gone.png': left out"]


def test_two_paths_that_give_one_name() -> None:
    found = course_with("", {"static/a/b.txt": "1", "static/a_b.txt": "22", "static_import/a/b.txt": "333"})
    assert [(file.name, file.size) for file in found.files] == [("a_b.txt", 1)]
    assert messages(found) == [
        "static/a_b.txt: gets the name 'a_b.txt' like static/a/b.txt: left out",
        "static_import/a/b.txt: gets the name 'a_b.txt' like static/a/b.txt: left out",
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.JPG", "image/jpeg"),
        ("a%20b.png", "image/png"),
        ("data:x.css", "text/css"),
        ("x.sjson", "application/octet-stream"),
        ("x.svgz", "application/octet-stream"),
        ("x.woff2", "font/woff2"),
        ("x.nobody", None),
    ],
)
def test_types_come_from_one_table(name: str, expected: str | None) -> None:
    assert content_type(name) == expected


def test_asset_metadata() -> None:
    found = course_with(
        "",
        {
            "assets/assets.xml": """<assets>
              <asset><type>video</type><filename>b</filename><locked>true</locked><contenttype>None</contenttype>
                <fields>{"a": 1}</fields><edited_by>12</edited_by>
                <edited_on>2020-01-01T00:00:00+00:00</edited_on></asset>
              <asset><filename>z</filename><fields>nonsense</fields><created_by>me</created_by></asset>
              <asset><type>video</type><filename>a</filename></asset>
              <asset/>
            </assets>"""
        },
    )
    assert list(found.assets) == ["asset", "video"]
    assert [entry["filename"] for entry in found.assets["video"]] == ["a", "b"]
    assert found.assets["video"][1] == {
        "filename": "b",
        "asset_type": "video",
        "pathname": None,
        "internal_name": None,
        "contenttype": None,
        "thumbnail": None,
        "locked": True,
        "fields": {"a": 1},
        "edit_info": {
            "curr_version": None,
            "prev_version": None,
            "created_by": None,
            "created_by_email": None,
            "created_on": None,
            "edited_by": 12,
            "edited_by_email": None,
            "edited_on": datetime(2020, 1, 1, tzinfo=UTC),
        },
    }
    assert found.assets["asset"][0]["edit_info"]["created_by"] == "me"
    assert len(found.problems) == 2


def test_asset_metadata_that_is_no_xml() -> None:
    found = course_with("", {"assets/assets.xml": "<assets>"})
    assert found.assets == {}
    assert len(found.problems) == 1


def test_root_of_the_course_is_the_first_block() -> None:
    found = course_with("", {"about/a.html": "."})
    assert list(found.blocks) == [BlockKey("course", "course"), BlockKey("about", "a")]
