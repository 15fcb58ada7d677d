"""How each type of block is read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from modulestore.keys import BlockKey, CourseKey
from modulestore.olx import read_course
from tests.olx.trees import DictTree, block, course_with, messages, unit


def test_attributes_of_a_classic_block() -> None:
    found = course_with(
        '<chapter url_name="c" name="Title" start="&quot;2020-01-01T00:00:00+00:00&quot;"'
        ' graded="True" weird="1"'
        ' xmlns:n="urn:n" n:a="2" org="never" data_dir="never" group_access="{&quot;1&quot;: [2]}"/>'
    )
    assert block(found, "chapter/c").settings == {
        "display_name": "Title",
        "start": datetime(2020, 1, 1, tzinfo=UTC),
        "graded": True,
        "group_access": {"1": [2]},
        "xml_attributes": {"weird": "1", "{urn:n}a": "2"},
    }
    assert not found.problems


def test_a_title_said_twice_counts_by_its_own_name() -> None:
    found = unit('<html name="n" display_name="d">.</html>')
    assert block(found, "html/n").settings == {"display_name": "d"}


def test_a_value_of_another_kind_is_told_and_never_shown_if_it_may_be_secret() -> None:
    found = course_with(
        '<chapter url_name="c" max_attempts="lots" due="someday soon" user_partitions="secret:stuff"/>',
        attributes='lti_passports="id:key:secret"',
    )
    assert block(found, "chapter/c").settings == {
        "max_attempts": "lots",
        "due": "someday soon",
        "user_partitions": "secret:stuff",
    }
    assert block(found, "course/course").settings["lti_passports"] == "id:key:secret"
    assert messages(found) == [
        "course/R1.xml:1: course/course: the value of lti_passports is no list: kept as text",
        "course/R1.xml:1: chapter/c: the value 'lots' of max_attempts is no integer: kept as text",
        "course/R1.xml:1: chapter/c: the value of due is no date: kept as text",
        "course/R1.xml:1: chapter/c: the value of user_partitions is no list: kept as text",
    ]


def test_the_course_has_textbooks_and_a_wiki() -> None:
    found = course_with(
        '<textbook title="A" book_url="https://a"/><chapter name="x"/><textbook title="B" book_url="https://b"/>'
        '<wiki slug="w"/>',
        attributes='license="cc" advanced_modules="[&quot;poll&quot;]"'
        ' pdf_textbooks="[{&quot;chapters&quot;: [{&quot;url&quot;:'
        ' &quot;/c4x/Org/C1/asset/a.pdf&quot;}]}, 3]"',
    )
    course = block(found, "course/course")
    assert course.content == {
        "textbooks": [["A", "https://a"], ["B", "https://b"]],
        "wiki_slug": "w",
        "license": "cc",
    }
    assert course.settings == {
        "advanced_modules": ["poll"],
        "pdf_textbooks": [{"chapters": [{"url": "/static/a.pdf"}]}, 3],
    }
    assert course.children == [BlockKey("chapter", "x")]


def test_a_sequential_keeps_what_belongs_to_a_table_outside_the_store() -> None:
    found = course_with(
        '<sequential url_name="s" is_prerequisite="true" min_score="80" hide_after_due="true">.</sequential>'
    )
    assert block(found, "sequential/s").settings == {
        "hide_after_due": True,
        "xml_attributes": {"is_prerequisite": "true", "min_score": "80"},
    }


def test_an_html_body_is_kept_byte_for_byte() -> None:
    body = "\ufeff<p>\r\n<b>ü &nbsp; <br>\x0b</p>  \n"
    found = unit(
        '<html url_name="h"/>', {"html/h.xml": '<html filename="b" editor="raw"/>', "html/b.html": body}
    )
    html = block(found, "html/h")
    assert (html.content, html.settings, html.children) == ({"data": body}, {"editor": "raw"}, None)
    assert not found.problems


@pytest.mark.parametrize(
    ("name", "filename", "place"),
    [
        ("h", "b", "html/b.html"),
        ("d:h", "b", "html/d/b.html"),
        ("h", "b.html", "html/b.html"),
        ("h", "b.html", "html/b.html.html"),
        ("h", "b.xml", "html/b.html"),
        ("h", "sub/b", "html/sub/b.html"),
        ("d:h", "html/b", "html/b.html"),
        ("h", "b", "b.html"),
    ],
)
def test_where_an_html_body_may_be(name: str, filename: str, place: str) -> None:
    file = f"html/{name.replace(':', '/')}.xml"
    found = unit(f'<html url_name="{name}"/>', {file: f'<html filename="{filename}"/>', place: "body"})
    assert block(found, f"html/{name}").content["data"] == "body"
    assert not found.problems


def test_a_missing_html_body_is_empty() -> None:
    found = unit('<html url_name="h" filename="../course"/>')
    assert block(found, "html/h").content == {"data": ""}
    assert messages(found) == [
        "course/R1.xml:1: html/h: html/../course.html is missing: read as an empty body"
    ]


@pytest.mark.parametrize(("data", "text"), [(b"caf\xe9 \x93x\x94", "café “x”"), (b"\x81\xe9", "\x81é")])
def test_a_body_that_is_not_utf_8(data: bytes, text: str) -> None:
    found = unit('<html url_name="h" filename="h"/>', {"html/h.html": data})
    assert block(found, "html/h").content["data"] == text
    assert messages(found) == ["html/h.html: is not UTF-8: read as Windows-1252"]


def test_an_html_body_inside_the_element() -> None:
    inside = 'a &amp; b <b title="&quot;">&lt;</b> <!-- c --> é<br/> tail '
    found = unit(f'<html url_name="h">{inside}</html><html url_name="i"><![CDATA[<p>]]></html>')
    assert block(found, "html/h").content["data"] == inside
    assert block(found, "html/i").content["data"] == "&lt;p&gt;"


def test_the_xml_of_a_problem() -> None:
    text = (
        '<problem display_name="P" max_attempts="2" odd="x" url_name="p" rerandomize="true" markdown="null">'
        "<p>a <b>b</b> c</p>\n\n   <x/><!-- kept --></problem>"
    )
    own = block(unit('<problem url_name="p"/>', {"problem/p.xml": text}), "problem/p")
    inline = block(unit(text), "problem/p")
    assert own == inline
    assert own.settings == {
        "display_name": "P",
        "max_attempts": 2,
        "rerandomize": "always",
        "markdown": None,
        "xml_attributes": {"odd": "x"},
    }
    assert own.content["data"] == (
        '<problem odd="x" url_name="p">\n  <p>a <b>b</b> c</p>\n  <x/>\n  <!-- kept -->\n</problem>\n'
    )


@pytest.mark.parametrize(("text", "mode"), [("", "always"), ("false", "per_student"), ("never", "never")])
def test_rerandomize_of_old(text: str, mode: str) -> None:
    assert (
        block(unit(f'<problem url_name="p" rerandomize="{text}"/>'), "problem/p").settings["rerandomize"]
        == mode
    )


VIDEO: list[tuple[str, dict[str, Any]]] = [
    (
        'youtube="1.00:a,0.75:b,1.25:c,1.50:d"',
        {"youtube_id_1_0": "a", "youtube_id_0_75": "b", "youtube_id_1_25": "c", "youtube_id_1_5": "d"},
    ),
    ('youtube="1.0:a" youtube_id_1_0=""', {"youtube_id_1_0": "a"}),
    ('youtube="1.0:a" youtube_id_1_0="b"', {"youtube_id_1_0": "b"}),
    ('youtube="1.0:"', {}),
    ('from="00:00:10" to="90"', {"start_time": "00:00:10", "end_time": "00:01:30"}),
    ('start_time="00:00:00" end_time="0"', {}),
    ('name="n" slug="s" strange="1"', {"xml_attributes": {"name": "n", "strange": "1"}}),
    ('edx_video_id=" a " html5_sources="[&quot;u&quot;]"', {"edx_video_id": "a", "html5_sources": ["u"]}),
    ('handout="/c4x/Org/C1/asset/h.pdf"', {"handout": "/static/h.pdf"}),
    ('sub="0" download_video="true"', {"sub": "0", "download_video": True}),
]


@pytest.mark.parametrize(("attributes", "settings"), VIDEO)
def test_the_attributes_of_a_video(attributes: str, settings: dict[str, Any]) -> None:
    found = unit(f'<video url_name="v" {attributes}/>')
    assert block(found, "video/v").settings == settings
    assert not found.problems


def test_the_elements_of_a_video() -> None:
    found = unit(
        '<video url_name="v" transcripts="{&quot;de&quot;: &quot;d.srt&quot;, &quot;en&quot;:'
        ' &quot;old&quot;}"'
        ' html5_sources="[]" license="cc"><source src="a"/><source src="b"/><source/><track src="t"/>'
        '<handout src="h"/><transcript language="en" src="e.srt"/><video_asset duration="1"/></video>'
    )
    video = block(found, "video/v")
    assert video.settings == {
        "transcripts": {"de": "d.srt", "en": "e.srt"},
        "html5_sources": ["a", "b"],
        "source": "a",
        "track": "t",
        "handout": "h",
        "download_track": True,
    }
    assert video.content == {"license": "cc", "inner_xml": '<source/><video_asset duration="1"/>'}


def test_a_video_that_says_what_may_be_downloaded() -> None:
    found = unit(
        '<video url_name="v" download_video="false" download_track="false"><source src="a"/><track'
        ' src="t"/></video>'
    )
    assert block(found, "video/v").settings == {
        "download_video": False,
        "download_track": False,
        "html5_sources": ["a"],
        "track": "t",
    }


@pytest.mark.parametrize("text", ["abc", "2.0:x", "1..0:x", "1.0:a,b"])
def test_a_list_of_videos_that_is_none_is_kept(text: str) -> None:
    found = unit(f'<video url_name="v" youtube="{text}"/>')
    assert block(found, "video/v").settings["xml_attributes"] == {"youtube": text}
    assert len(found.problems) == 1


def test_a_discussion_inline_and_in_a_file() -> None:
    found = unit(
        '<discussion url_name="a" id="i" for="f" discussion_category="1"/><discussion url_name="b"'
        ' display_name="in"'
        ' discussion_id="x"/><discussion url_name="c"/>',
        {
            "discussion/b.xml": '<discussion display_name="file"/>',
            "discussion/c.xml": '<discussion sort_key="k"/>',
        },
    )
    assert block(found, "discussion/a").settings == {
        "discussion_id": "i",
        "discussion_target": "f",
        "discussion_category": "1",
    }
    assert block(found, "discussion/b").settings == {"display_name": "file", "discussion_id": "x"}
    assert block(found, "discussion/c").settings == {"sort_key": "k"}
    assert not found.problems


@pytest.mark.parametrize(
    ("element", "data"),
    [
        ('<word_cloud url_name="w" num_inputs="3"/>', ""),
        ('<word_cloud url_name="w" num_inputs="3" name="n"/>', ""),
        ('<word_cloud url_name="w" num_inputs="3" odd="1"/>', '<word_cloud url_name="w" odd="1"/>'),
        (
            '<word_cloud url_name="w" num_inputs="3"><a/></word_cloud>',
            '<word_cloud url_name="w"><a/></word_cloud>',
        ),
    ],
)
def test_a_block_that_is_settings_only(element: str, data: str) -> None:
    word_cloud = block(unit(element), "word_cloud/w")
    assert word_cloud.content == {"data": data}
    assert word_cloud.settings["num_inputs"] == 3


def test_a_poll_question() -> None:
    found = unit(
        '<poll_question url_name="p" reset="false"><p>Why?</p><answer id="y">Yes <b>!</b></answer>'
        ' <answer id="n"/></poll_question>'
        '<poll_question url_name="q"><answer>no id</answer></poll_question>'
    )
    poll = block(found, "poll_question/p")
    assert poll.content == {
        "answers": [{"id": "y", "text": "Yes <b>!</b>"}, {"id": "n", "text": ""}],
        "question": "<p>Why?</p> ",
    }
    assert poll.settings == {"xml_attributes": {"reset": "false"}}
    assert messages(found) == [
        "course/R1.xml:1: poll_question/q: it has no answer with an id: read without answers"
    ]


def test_a_conditional() -> None:
    found = unit(
        '<html url_name="a">.</html><conditional url_name="k" sources="i4x://Org/C1/html/a; i4x://Org/Other/html/b;nonsense;"'
        ' poll_answer="x" message="M" display_name="D"><show sources="block-v1:Org+C1+R1+type@html+block@a;'
        ' i4x://Org/C1/html/gone"/><html url_name="in">.</html></conditional>'
    )
    conditional = block(found, "conditional/k")
    assert conditional.settings == {"display_name": "D"}
    assert conditional.content == {
        "sources_list": [["html", "a"], ["html", "b"], "nonsense"],
        "conditional_attr": "poll_answer",
        "conditional_value": "x",
        "conditional_message": "M",
        "show_tag_list": [["html", "a"], ["html", "gone"]],
    }
    assert conditional.children == [BlockKey("html", "a"), BlockKey("html", "in")]
    assert messages(found) == [
        (
            "course/R1.xml:1: 'i4x://Org/Other/html/b' is in another course: read as a reference to"
            " the block of this"
            " name in this course"
        ),
        "course/R1.xml:1: 'nonsense' is no key of a block: kept as text",
        "course/R1.xml:1: its child html/gone is nowhere in the course: taken out of its children",
    ]


def test_a_split_test_and_a_library_content() -> None:
    found = unit(
        '<split_test url_name="s" user_partition_id="7" group_id_to_child="{&quot;1&quot;: &quot;i4x://Org/C1/vertical/a&quot;}">'
        '<vertical url_name="a" graded="1"/></split_test>'
        '<library_content url_name="l" max_count="2" allow_resetting_children="False"'
        ' source_library_version="12345"'
        ' upstream_version="3" downstream_customized="[&quot;x&quot;]"/>'
    )
    split = block(found, "split_test/s")
    assert split.content == {"user_partition_id": 7, "group_id_to_child": {"1": ["vertical", "a"]}}
    assert split.children == [BlockKey("vertical", "a")]
    library = block(found, "library_content/l")
    assert library.settings == {
        "max_count": 2,
        "allow_resetting_children": False,
        "source_library_version": "12345",
        "upstream_version": 3,
        "downstream_customized": ["x"],
    }
    assert library.children == []
    assert not found.problems


def test_a_pure_block_of_the_table() -> None:
    found = unit(
        '<drag-and-drop-v2 url_name="d" xblock-family="xblock.v1" xmlns:option="http://code.edx.org/xblock/option"'
        ' data="{&#10;  &quot;zones&quot;: []&#10;}" max_attempts="null" display_name="null"'
        ' weight="2" show_title="no"'
        ' unknown="[1]"><option:question_text none="true"/><inner a="1"/></drag-and-drop-v2>'
    )
    drag = block(found, "drag-and-drop-v2/d")
    assert drag.settings == {
        "max_attempts": None,
        "display_name": "null",
        "weight": 2.0,
        "show_title": False,
        "unknown": "[1]",
        "question_text": None,
    }
    assert drag.content["data"] == {"zones": []}
    assert '<inner a="1"/>' in drag.content["inner_xml"]
    assert not found.problems


def test_an_open_response_keeps_its_elements() -> None:
    found = unit(
        '<openassessment url_name="o" allow_latex="False" leaderboard_show="3"><title>T</title>'
        "<rubric><x/></rubric>"
        "</openassessment>"
    )
    response = block(found, "openassessment/o")
    assert response.settings == {"allow_latex": False, "leaderboard_show": 3}
    assert response.content == {
        "data": "<openassessment><title>T</title><rubric><x/></rubric></openassessment>"
    }


@pytest.mark.parametrize("block_type", ["nobody-knows", "problem-builder", "annotatable", "customtag", "x.y"])
def test_an_unknown_type_is_kept_whole(block_type: str) -> None:
    inside = (
        'text &amp; <b c="&quot;d&quot;">e</b>  <!-- comment --> <?pi data?>\n <nested'
        ' url_name="n" xblock-family="xblock.v1">'
        "<meta>{}</meta></nested> tail"
    )
    found = unit(
        f'<{block_type} url_name="x" xblock-family="xblock.v1" odd="1" display_name="D"'
        f' start="2020-01-01" >{inside}</{block_type}>'
    )
    unknown = block(found, f"{block_type}/x")
    assert unknown.settings == {"display_name": "D", "start": datetime(2020, 1, 1, tzinfo=UTC)}
    assert unknown.content == {
        "data": f'<{block_type} xblock-family="xblock.v1" odd="1">{inside}</{block_type}>'
    }
    assert unknown.children is None
    assert not found.problems


def test_links_to_the_course_become_portable_in_bodies() -> None:
    found = unit(
        """<html url_name="h"><a href="/c4x/Org/C1/asset/a b.png"/><a href='/c4x/Other/C1/asset/a.png'/>
        <a href="/courses/Org/C1/R1/jump_to/i4x://Org/C1/html/x"/><a href="/courses/Org/C1/R1/about"/>
        /c4x/Org/C1/asset/bare <a href="/asset-v1:Org+C1+R1+type@asset+block@a.png"/></html>"""
    )
    body = block(found, "html/h").content["data"]
    assert 'href="/static/a b.png"' in body
    assert "/c4x/Other/C1/asset/a.png" in body
    assert 'href="/jump_to_id/x"' in body
    assert 'href="/courses/Org/C1/R1/about"' in body
    assert "/c4x/Org/C1/asset/bare" in body
    assert "/asset-v1:Org+C1+R1+type@asset+block@a.png" in body


def test_links_to_the_course_lead_to_its_new_key() -> None:
    files = {
        "course.xml": '<course url_name="R1" org="Org" course="C1"><html url_name="h"><a'
        ' href="/courses/Org/C1/R1/about"/>'
        '<a href="/courses/Org/C1/R10/about"/></html></course>'
    }
    found = read_course(DictTree(files), key=CourseKey("A", "B", "C"))
    body = block(found, "html/h").content["data"]
    assert body == '<a href="/courses/course-v1:A+B+C/about"/><a href="/courses/Org/C1/R10/about"/>'
