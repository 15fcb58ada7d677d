"""Documents of the platform's older store as values, and courses put together from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import SON

from modulestore.errors import CorruptDocument
from modulestore.formats.old_draft import (
    OldCourse,
    OldEdit,
    assemble,
    decode_old_block,
    gather_blocks,
    unreached,
)
from modulestore.keys import BlockKey, CourseKey
from tests.old_store import (
    EDITED,
    NUMBER,
    OLD_COURSE,
    ORG,
    PUBLISHED,
    RUN,
    document,
    encoded,
    location,
    small_course,
)

OLD_KEY = CourseKey(ORG, NUMBER, RUN, deprecated=True)
NEW_KEY = CourseKey("Org", "New", "Run")
ROOT = BlockKey("course", RUN)


def course_of(
    documents: Sequence[Mapping[str, Any]], *, run: str = RUN, key: CourseKey | None = None
) -> OldCourse:
    return assemble(
        gather_blocks(encoded(documents)), run, key or CourseKey(ORG, NUMBER, run, deprecated=True)
    )


def tree(course: OldCourse, branch: str) -> dict[str, list[str]]:
    return {
        key.id: [child.id for child in block.children or ()]
        for key, block in course.branches[branch].blocks.items()
    }


def said(course: OldCourse) -> list[tuple[str, str, str]]:
    """Problems, without what all places begin with."""
    start = f"i4x://{ORG}/{NUMBER}/"
    return [(one.place.removeprefix(start), one.message, one.action) for one in course.problems]


def root(*children: tuple[str, str], **metadata: Any) -> SON[str, Any]:
    return document("course", RUN, {}, children, **metadata)


# --- one document


def test_a_document_as_the_platform_wrote_it() -> None:
    written = document("problem", "p1", {"data": "<problem/>"}, draft=True, weight=2.0)
    block = decode_old_block(bson.encode(written))
    assert (block.org, block.course, block.key, block.is_draft) == (ORG, NUMBER, ("problem", "p1"), True)
    assert (block.settings, block.content, block.children) == ({"weight": 2.0}, {"data": "<problem/>"}, None)
    assert block.edit == OldEdit(7, EDITED)
    assert block.place == f"i4x://{ORG}/{NUMBER}/problem/p1@draft"
    assert not block.problems
    published = decode_old_block(bson.encode(document("html", "h", "text", draft=False)))
    assert published.content == {"data": "text"}
    assert published.edit == OldEdit(7, EDITED, 8, PUBLISHED)


def test_the_order_of_an_id_is_the_platform_s() -> None:
    assert list(document("html", "h")["_id"]) == ["tag", "org", "course", "category", "name", "revision"]


def an_id(**changes: Any) -> dict[str, Any]:
    return {**document("html", "h")["_id"], **changes}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"_id": 1}, "its _id is that of no block"),
        ({"_id": an_id(tag="c4x")}, "its _id is that of no block"),
        ({"_id": an_id(org=None)}, "its _id has no org"),
        ({"_id": an_id(course=6.002)}, "its _id has no course"),
        ({"_id": an_id(category="")}, "its _id has no category"),
        ({"_id": {"org": "a", "course": "b", "category": "c"}}, "its _id has no name"),
        ({"_id": an_id(revision="published")}, "there is no revision 'published'"),
    ],
)
def test_an_id_of_no_block(written: dict[str, Any], message: str) -> None:
    with pytest.raises(CorruptDocument) as error:
        decode_old_block(bson.encode(written))
    assert error.value.message == message
    assert "collection modulestore" in str(error.value.place)
    good = bson.encode(document("course", RUN))
    gathered = gather_blocks([bson.encode(written), good])
    assert [problem.message for problem in gathered.problems] == [message]
    assert gathered.runs == [RUN]


def test_what_is_no_document() -> None:
    with pytest.raises(CorruptDocument, match="unreadable"):
        decode_old_block(b"\5\0\0\0")


@pytest.mark.parametrize(
    ("changes", "content", "settings", "children", "messages"),
    [
        ({"definition": None, "metadata": None}, {}, {}, None, []),
        ({"definition": {}}, {}, {}, None, []),
        ({"definition": {"data": None}}, {}, {}, None, []),
        ({"definition": {"data": "text"}}, {"data": "text"}, {}, None, []),
        ({"definition": {"data": {"a": 1}}, "metadata": {"data": 2}}, {"a": 1}, {"data": 2}, None, []),
        ({"definition": 5}, {}, {}, None, ["definition is 5"]),
        ({"definition": {"data": [1]}}, {"data": [1]}, {}, None, ["definition.data is [1]"]),
        ({"metadata": "none"}, {}, {}, None, ["metadata is 'none'"]),
        ({"metadata": {"children": [], "a": 1}}, {}, {"a": 1}, None, ["metadata has a field children"]),
        ({"definition": {"children": "x"}}, {}, {}, (), ["definition.children is 'x'"]),
        ({"definition": {"children": ["a", 1]}}, {}, {}, ("a",), ["the child 1 is no location of a block"]),
        ({"edit_info": "never", "other": 1}, {}, {}, None, []),
        ({"edit_info": {"edited_by": True, "edited_on": "1999"}}, {}, {}, None, []),
    ],
)
def test_a_document_that_lacks_something_or_has_something_else(
    changes: dict[str, Any], content: Any, settings: Any, children: Any, messages: list[str]
) -> None:
    block = decode_old_block(bson.encode({"_id": an_id(), **changes}))
    assert (block.content, block.settings, block.children) == (content, settings, children)
    assert block.edit == OldEdit()
    assert [problem.message for problem in block.problems] == messages
    assert all(problem.place == f"i4x://{ORG}/{NUMBER}/html/h" for problem in block.problems)


# --- a course


def test_both_branches_are_exactly_as_expected() -> None:
    course = course_of(small_course())
    assert (course.source, course.key, course.root) == (OLD_COURSE, OLD_KEY, ROOT)
    assert tree(course, "published") == {
        RUN: ["one"],
        "one": ["first"],
        "first": ["same", "edited"],
        "same": ["s1"],
        "s1": [],
        "edited": ["e1", "e2"],
        "e1": [],
        "e2": [],
        "overview": [],
        "news": [],
    }
    assert tree(course, "draft") == {
        RUN: ["one"],
        "one": ["first"],
        "first": ["same", "edited", "new"],
        "same": ["s1"],
        "s1": [],
        "edited": ["e1", "e3"],
        "e1": [],
        "e3": [],
        "new": ["n1"],
        "n1": [],
        "overview": [],
        "news": [],
    }
    draft, published = (course.branches[branch].blocks for branch in ("draft", "published"))
    key = BlockKey("html", "e1")
    assert (draft[key].content, published[key].content) == ({"data": "<p>new</p>"}, {"data": "<p>old</p>"})
    assert draft[key].children is published[key].children is None
    assert draft[BlockKey("vertical", "edited")].settings == {"display_name": "Edited now"}
    # A date is a time; a link stays what it is.
    assert draft[BlockKey("chapter", "one")].settings["start"] == datetime(2013, 2, 20, tzinfo=UTC)
    assert draft[BlockKey("html", "s1")].content == {
        "data": "<p>see /c4x/BerkeleyX/Stat_2.1x/asset/a.png</p>"
    }
    assert not course.problems


def test_the_order_of_the_documents_does_not_matter() -> None:
    documents = small_course()
    assert course_of(documents[::-1]) == course_of(documents)


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        (location("chapter", "gone"), "is not there"),
        (location("chapter", "there", course="other"), "is in another course"),
        (location("chapter", "there", org="other"), "is in another course"),
        ("block-v1:a+b+c+type@chapter+block@there", "is no location of a block"),
        ("i4x://", "is no location of a block"),
        ("", "is no location of a block"),
        (location("course", RUN), "can be nobody's child"),
        (location("about", "overview"), "can be nobody's child"),
        (location("chapter", "there"), "is listed a second time"),
    ],
)
def test_children_that_cannot_be(listed: str, why: str) -> None:
    documents = [
        root(("chapter", "there"), listed),  # type: ignore[arg-type]
        document("chapter", "there", {}, []),
        document("about", "overview", "text"),
    ]
    course = course_of(documents)
    for branch in ("draft", "published"):
        assert tree(course, branch) == {RUN: ["there"], "there": [], "overview": []}
    assert said(course) == [(f"course/{RUN}", f"the child {listed!r} {why}", "left out")]


def test_a_revision_in_a_location_is_passed_over() -> None:
    documents = [root(location("chapter", "there") + "@draft"), document("chapter", "there")]  # type: ignore[arg-type]
    assert tree(course_of(documents), "draft") == {RUN: ["there"], "there": []}


def test_blocks_below_themselves() -> None:
    documents = [
        root(("chapter", "a")),
        document("chapter", "a", {}, [("sequential", "b")]),
        document("sequential", "b", {}, [("chapter", "a"), ("vertical", "c")]),
        document("vertical", "c", {}, []),
    ]
    course = course_of(documents)
    for branch in ("draft", "published"):
        assert tree(course, branch) == {RUN: ["a"], "a": ["b"], "b": ["c"], "c": []}
    assert said(course) == [
        ("sequential/b", "its child chapter/a has it below itself", "no child of it any more")
    ]


def test_a_block_with_two_parents() -> None:
    documents = [
        root(("chapter", "a"), ("chapter", "b")),
        document("chapter", "a", {}, [("vertical", "both")]),
        document("chapter", "b", {}, [("vertical", "both"), ("chapter", "a")]),
        document("vertical", "both", {}, [("html", "h")]),
        document("html", "h", "text"),
    ]
    course = course_of(documents)
    assert tree(course, "draft") == {
        RUN: ["a", "b"],
        "a": ["both"],
        "both": ["h"],
        "h": [],
        "b": ["both", "a"],
    }
    assert not course.problems


@pytest.mark.parametrize("way", [1, -1])
def test_drafts_of_what_has_none(way: int) -> None:
    """In whatever order they come."""
    documents = [
        root(("chapter", "both"), ("chapter", "only")),
        document("chapter", "both", {}, [], display_name="published"),
        document("chapter", "both", {}, [], draft=True, display_name="draft"),
        document("chapter", "only", {}, [], draft=True),
    ][::way]
    course = course_of(documents)
    gathered = gather_blocks(encoded(documents))
    assert (
        tree(course, "published") == tree(course, "draft") == {RUN: ["both", "only"], "both": [], "only": []}
    )
    assert course.branches["draft"].blocks[BlockKey("chapter", "both")].settings == {
        "display_name": "published"
    }
    assert [problem.action for problem in gathered.problems] == ["left out: there is a published one"]
    assert [action for _, _, action in said(course)] == ["read as the published one"]


def test_the_same_id_in_another_order() -> None:
    twice = document("chapter", "a", {}, [], display_name="twice")
    twice["_id"] = SON(reversed(list(twice["_id"].items())))
    gathered = gather_blocks(encoded([root(), document("chapter", "a", {}, []), twice]))
    assert [problem.message for problem in gathered.problems] == ["it is there a second time"]
    assert len(gathered.published) == 2


def test_what_only_one_branch_leads_to() -> None:
    """A block that the draft of its unit has dropped stays published, and its own draft is in no draft."""
    documents = [
        root(("vertical", "u")),
        document("vertical", "u", {}, [("html", "gone"), ("html", "stays")]),
        document("vertical", "u", {}, [("html", "stays")], draft=True),
        document("html", "gone", "a"),
        document("html", "gone", "b", draft=True),
        document("html", "stays", "c"),
    ]
    course = course_of(documents)
    assert tree(course, "draft") == {RUN: ["u"], "u": ["stays"], "stays": []}
    assert tree(course, "published") == {RUN: ["u"], "u": ["gone", "stays"], "gone": [], "stays": []}
    message = "nothing leads to this copy on the draft branch"
    assert said(course) == [("html/gone@draft", message, "left out")]


def test_what_nothing_leads_to_goes_with_the_only_run() -> None:
    documents = [
        root(("chapter", "a")),
        document("chapter", "a", {}, []),
        document("vertical", "lost", {}, [("html", "below")], draft=True),
        document("html", "below", "x"),
    ]
    course = course_of(documents)
    assert tree(course, "draft") == {RUN: ["a"], "a": [], "below": [], "lost": ["below"]}
    assert tree(course, "published") == {RUN: ["a"], "a": [], "below": []}
    message = "nothing leads to it from the course block"
    assert said(course) == [
        ("html/below", message, "kept outside the tree"),
        ("vertical/lost@draft", message, "kept outside the tree"),
    ]


def test_runs_that_share_blocks() -> None:
    documents = [
        document("course", "r1", {}, [("chapter", "both"), ("chapter", "one")]),
        document("course", "r2", {}, [("chapter", "two"), ("chapter", "both")]),
        *(document("chapter", name, {}, [], display_name=name) for name in ("both", "one", "two", "none")),
        document("about", "overview", "text"),
    ]
    old = gather_blocks(encoded(documents))
    assert old.runs == ["r1", "r2"]
    first, second = (course_of(documents, run=run) for run in old.runs)
    assert tree(first, "draft") == {"r1": ["both", "one"], "both": [], "one": [], "overview": []}
    assert tree(second, "published") == {"r2": ["two", "both"], "two": [], "both": [], "overview": []}
    assert first.digest != second.digest
    assert not first.problems
    (problem,) = unreached(old, first.reached | second.reached)
    assert (problem.place, problem.action) == (location("chapter", "none"), "left out")


def test_the_digest_is_of_the_documents_that_count() -> None:
    documents = [
        document("course", "r1", {}, [("chapter", "one")]),
        document("course", "r2", {}, [("chapter", "two")]),
        document("chapter", "one", {}, []),
        document("chapter", "two", {}, []),
    ]
    before = course_of(documents, run="r1").digest
    documents[3]["metadata"] = {"display_name": "changed"}
    assert course_of(documents, run="r1").digest == before
    documents[2]["metadata"] = {"display_name": "changed"}
    assert course_of(documents, run="r1").digest != before


def test_names_that_keys_cannot_hold() -> None:
    documents = [
        root(("html", "a b"), ("html", "a_b"), ("html", "50%"), ("html", "plain")),
        *(document("html", name, "text") for name in ("a b", "a_b", "50%", "plain")),
    ]
    assert tree(course_of(documents), "draft")[RUN] == ["a_b_", "a_b", "50%", "plain"]
    course = course_of(documents, key=NEW_KEY)
    assert tree(course, "draft")["course"] == ["a_b_", "a_b", "50_", "plain"]
    actions = {place: action for place, _, action in said(course)}
    assert actions == {"html/a b": "read as html/a_b_", "html/50%": "read as html/50_"}


# --- fields


def test_dates_and_references() -> None:
    documents = [
        root(
            ("conditional", "c"),
            start='"2013-02-05T05:00:00Z"',
            end=1360040400000,
            enrollment_start="soon",
            enrollment_end=None,
            announcement="",
        ),
        document(
            "conditional",
            "c",
            {
                "show_tag_list": [location("html", "h"), "nothing", location("html", "h", course="other")],
                "sources_list": "i4x://",
            },
            [("html", "h")],
        ),
        document("html", "h", "text"),
    ]
    course = course_of(documents)
    blocks = course.branches["published"].blocks
    assert blocks[ROOT].settings == {
        "start": EDITED,
        "end": EDITED,
        "enrollment_start": "soon",
        "enrollment_end": None,
        "announcement": "",
    }
    assert blocks[BlockKey("conditional", "c")].content == {
        "show_tag_list": [["html", "h"], "nothing", location("html", "h", course="other")],
        "sources_list": "i4x://",
    }
    assert [(place, message) for place, message, _ in said(course)] == [
        (f"course/{RUN}, field enrollment_start", "'soon' is no date"),
        ("conditional/c, field show_tag_list", "'nothing' is no location of a block"),
        (
            "conditional/c, field show_tag_list",
            f"{location('html', 'h', course='other')!r} is in another course",
        ),
    ]


@pytest.mark.parametrize("new", [False, True])
def test_links_change_with_a_key_of_the_new_style_only(new: bool) -> None:
    links: dict[str, Any] = {
        "xml_attributes": {
            "parent_url": location("course", RUN),
            "sources": f"{location('html', 'h')};{location('html', 'i')}",
        },
        "other": [location("html", "h", course="other"), {"poll": location("html", "h")}],
        "handout": f"/c4x/{ORG}/{NUMBER}/asset/a.pdf",
    }
    text = f'<a href="{location("html", "h")}">here</a>'
    documents = [root(("html", "h")), document("html", "h", text, **links)]
    course = course_of(documents, key=NEW_KEY if new else OLD_KEY)
    block = course.branches["draft"].blocks[BlockKey("html", "h")]
    assert block.content == {"data": text}
    if not new:
        assert course.root == ROOT
        assert block.settings == links
        assert not course.problems
        return
    assert course.root == ("course", "course")
    start = "block-v1:Org+New+Run+type@"
    assert block.settings == {
        "xml_attributes": {
            "parent_url": f"{start}course+block@course",
            "sources": f"{start}html+block@h;{start}html+block@i",
        },
        "other": [location("html", "h", course="other"), {"poll": f"{start}html+block@h"}],
        "handout": links["handout"],
    }
    assert [(place, action) for place, _, action in said(course)] == [
        ("html/h, field handout", "kept as it is"),
        ("html/h, field data", "kept as it is"),
    ]
