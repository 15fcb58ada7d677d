"""From elements to blocks: names, pointers, files named otherwise, blocks met twice, blocks"
" inside themselves."""

from __future__ import annotations

import pytest

from modulestore.errors import InvalidCourse
from modulestore.keys import BlockKey
from modulestore.model.plain import PlainCourse
from tests.olx.trees import block, course_with, messages, unit


def ids(course: PlainCourse, name: str = "vertical/u") -> list[str]:
    return [f"{key.type}/{key.id}" for key in block(course, name).children or ()]


@pytest.mark.parametrize(
    ("element", "name"),
    [
        ('<html url_name="a" slug="b" name="c">.</html>', "html/a"),
        ('<html slug="b" name="c">.</html>', "html/b"),
        ('<html name="c: d -- e">.</html>', "html/c_d_--_e"),
        ('<html display_name="Ça va?">.</html>', "html/Ça_va_"),
        ('<html url_name="" name="c">.</html>', "html/c"),
        ('<html url_name="a:b~c.d-e">.</html>', "html/a:b~c.d-e"),
    ],
)
def test_where_a_name_is_said(element: str, name: str) -> None:
    found = unit(element)
    assert ids(found) == [name]
    assert not found.problems


def test_a_block_without_a_name_gets_one_from_its_xml() -> None:
    found = unit("<html>one</html><html>two</html><html>one</html>")
    names = ids(found)
    assert len(set(names)) == 3
    assert all(len(name) == len("html/html_") + 12 for name in names)
    assert ids(unit("<html>one</html>")) == names[:1]
    assert [block(found, name).content["data"] for name in names] == ["one", "two", "one"]


def test_a_pointer_leads_to_a_file() -> None:
    found = unit(
        '<html url_name="a:b"/><html url_name="c" xblock-family="xblock.v1"/>',
        {"html/a/b.xml": "<html>body</html>", "html/c.xml": "<anything>other root</anything>"},
    )
    assert block(found, "html/a:b").content["data"] == "body"
    assert block(found, "html/c").content["data"] == "other root"
    assert not found.problems


@pytest.mark.parametrize(
    "element",
    [
        '<html url_name="a" display_name="x"/>',
        '<html url_name="a">text</html>',
        '<html url_name="a"><!-- comment --></html>',
    ],
)
def test_what_is_no_pointer_is_the_block(element: str) -> None:
    found = unit(element, {"html/a.xml": "<html>file</html>"})
    assert block(found, "html/a").content["data"] != "file"
    assert messages(found) == ["html/a.xml: nothing in the course leads to this file: left out"]


def test_a_missing_file_is_reported_once_and_its_block_left_out() -> None:
    found = unit('<problem url_name="gone"/><html url_name="x">.</html><html url_name="gone"/>')
    assert ids(found) == ["html/x"]
    assert messages(found) == [
        "course/R1.xml:1: problem/gone.xml is missing: the block is left out",
        "course/R1.xml:1: html/gone.xml is missing: the block is left out",
    ]


@pytest.mark.parametrize("block_type", ["done", "poll", "discussion", "nobody-knows"])
def test_a_bare_tag_of_a_pure_or_unknown_type_is_complete(block_type: str) -> None:
    found = unit(f'<{block_type} url_name="x"/>')
    assert ids(found) == [f"{block_type}/x"]
    assert not found.problems


def test_a_pure_block_may_have_a_file_too() -> None:
    found = unit('<done url_name="x"/>', {"done/x.xml": '<done align="right"/>'})
    assert block(found, "done/x").settings == {"align": "right"}


def test_a_file_that_is_named_by_an_attribute() -> None:
    found = unit(
        '<problem name="A b" filename="sub/p" weight="2" points="3"/><nobody filename="n"'
        ' url_name="n">in</nobody>',
        {
            "problem/sub/p.xml": '<problem weight="1" markdown="null"><p>text</p></problem>',
            "nobody/n.xml": "<nobody>out</nobody>",
        },
    )
    problem = block(found, "problem/A_b")
    assert problem.settings == {
        "weight": 2.0,
        "markdown": None,
        "display_name": "A b",
        "xml_attributes": {"points": "3"},
    }
    assert "<p>text</p>" in problem.content["data"]
    assert block(found, "nobody/n").content["data"] == "<nobody>out</nobody>"


def test_a_missing_file_that_is_named_by_an_attribute() -> None:
    found = unit(
        '<problem url_name="p" filename="gone"/><problem url_name="q" filename="gone"><p/></problem>'
    )
    assert ids(found) == ["problem/q"]
    assert messages(found) == ["course/R1.xml:1: problem/gone.xml is missing: the block is left out"]


def test_a_file_that_is_no_xml_is_left_out_and_the_others_stay() -> None:
    found = unit(
        '<problem url_name="bad"/><html url_name="x">.</html><problem url_name="dtd"/>',
        {"problem/bad.xml": "<problem>\n<p></problem>", "problem/dtd.xml": "<!DOCTYPE problem>\n<problem/>"},
    )
    assert ids(found) == ["html/x"]
    first, second = messages(found)
    assert first.startswith("problem/bad.xml:2: is no XML: ")
    assert second == "problem/dtd.xml:1: declares a document type or entities: the block is left out"


def test_one_file_under_two_parents_is_one_block() -> None:
    found = course_with(
        '<chapter url_name="c"><sequential url_name="a"><vertical url_name="v"/></sequential>'
        '<sequential url_name="b"><vertical url_name="v"/></sequential></chapter>',
        {"vertical/v.xml": '<vertical><problem url_name="p"><p/></problem></vertical>'},
    )
    assert ids(found, "sequential/a") == ids(found, "sequential/b") == ["vertical/v"]
    assert len(found.blocks) == 6
    assert not found.problems


def test_equal_definitions_under_one_name_are_one_block() -> None:
    video = '<video url_name="v" youtube="1.00:abc"/>'
    found = course_with(
        f'<chapter url_name="c"><vertical url_name="a">{video}</vertical><vertical'
        f' url_name="b">{video} </vertical></chapter>'
    )
    assert ids(found, "vertical/a") == ids(found, "vertical/b") == ["video/v"]
    assert not found.problems


@pytest.mark.parametrize(
    "block_type", ["problem", "video", "vertical", "sequential", "conditional", "library_content"]
)
def test_a_second_definition_becomes_a_block_of_its_own(block_type: str) -> None:
    found = unit(
        f'<{block_type} url_name="x" display_name="1"><html>1</html></{block_type}>'
        f'<{block_type} url_name="x" display_name="2"><html>2</html></{block_type}>'
    )
    first, second = ids(found)
    assert first == f"{block_type}/x"
    assert second.startswith(f"{block_type}/{block_type}_x_")
    assert block(found, second).settings["display_name"] == "2"
    (line,) = messages(found)
    assert line.startswith(f"course/R1.xml:1: {block_type}/x is defined a second time, differently: read as ")


def test_of_other_types_the_later_definition_counts() -> None:
    found = course_with(
        '<chapter url_name="c"><vertical url_name="a"><html url_name="x">1</html><html'
        ' url_name="y">.</html></vertical>'
        '<vertical url_name="b"><html url_name="x">2</html></vertical></chapter>'
    )
    assert ids(found, "vertical/a") == ["html/x", "html/y"]
    assert ids(found, "vertical/b") == ["html/x"]
    assert block(found, "html/x").content["data"] == "2"
    assert [key.id for key in found.blocks] == ["course", "c", "a", "x", "y", "b"]
    assert messages(found) == [
        "course/R1.xml:1: html/x is defined a second time: the later definition is used"
    ]


def test_blocks_with_one_title_are_all_kept() -> None:
    found = unit('<html display_name="Text">1</html><html display_name="Text">2</html>')
    assert [block(found, name).content["data"] for name in ids(found)] == ["1", "2"]


def test_a_title_and_a_name_that_are_alike() -> None:
    found = unit('<html name="Text">1</html><html url_name="Text">2</html>')
    assert [block(found, name).content["data"] for name in ids(found)] == ["1", "2"]


def test_many_equal_elements_without_names() -> None:
    found = unit('<done xblock-family="xblock.v1"/>' * 3000)
    assert len(ids(found)) == 3000


def test_one_parent_lists_a_block_once() -> None:
    found = unit('<html url_name="x"/>\n<html url_name="x"/>', {"html/x.xml": "<html/>"})
    assert ids(found) == ["html/x"]
    assert messages(found) == ["course/R1.xml:2: vertical/u: it lists html/x twice: listed once"]


def test_ids_that_cannot_be_ids_are_cleaned_with_the_references_to_them() -> None:
    found = unit(
        '<problem url_name="a  b/c"/><html url_name="%41">.</html>'
        '<conditional url_name="k" sources="i4x://Org/C1/problem/a  b/c;'
        ' block-v1:Org+C1+R1+type@html+block@x"/>',
        {"problem/a  b/c.xml": "<problem/>"},
    )
    assert ids(found) == ["problem/a_b_c", "html/_41", "conditional/k"]
    assert block(found, "conditional/k").content["sources_list"] == [["problem", "a_b_c"], ["html", "x"]]
    assert messages(found) == [
        "course/R1.xml:1: 'a  b/c' cannot be the id of a block: read as 'a_b_c'",
        "course/R1.xml:1: '%41' cannot be the id of a block: read as '_41'",
    ]


def test_two_names_that_are_cleaned_to_one() -> None:
    found = unit('<html url_name="a b">1</html><html url_name="a!b">2</html>')
    assert [block(found, name).content["data"] for name in ids(found)] == ["1", "2"]
    assert len(found.problems) == 3


def test_a_name_of_which_nothing_is_left() -> None:
    found = unit(
        '<html url_name="∂∂"/><html url_name="∂∂"/><html url_name="++">.</html>',
        {"html/∂∂.xml": "<html>1</html>"},
    )
    names = ids(found)
    assert len(names) == 2
    assert block(found, names[0]).content["data"] == "1"
    assert len([line for line in messages(found) if "cannot be the id" in line]) == 2  # each once


def test_tags_that_are_no_types_and_text_between_blocks() -> None:
    found = unit('text<x:y xmlns:x="urn:x"/><!-- a comment --><?pi data?><html url_name="h">.</html>')
    assert ids(found) == ["html/h"]
    assert messages(found) == [
        "course/R1.xml:1: vertical/u: text stands between its child blocks: left out",
        "course/R1.xml:1: '{urn:x}y' is no type of block: left out",
    ]


@pytest.mark.parametrize(
    ("files", "chain"),
    [
        ({"vertical/a.xml": '<v><vertical url_name="a"/></v>'}, "vertical/a → vertical/a"),
        (
            {
                "vertical/a.xml": '<v><sequential url_name="b"/></v>',
                "sequential/b.xml": '<s><html url_name="x">.</html><vertical url_name="a"/></s>',
            },
            "vertical/a → sequential/b → vertical/a",
        ),
        (
            {
                "vertical/a.xml": '<v><vertical url_name="b" filename="c"/></v>',
                "vertical/c.xml": '<v><vertical filename="c"/></v>',
            },
            "vertical/b → vertical/vertical_",
        ),
        (
            {
                "vertical/a.xml": '<v><conditional url_name="k"><show sources="i4x://Org/C1/vertical/a"/></conditional></v>'
            },
            "vertical/a → conditional/k → vertical/a",
        ),
    ],
)
def test_blocks_that_contain_each_other_are_refused(files: dict[str, str], chain: str) -> None:
    with pytest.raises(InvalidCourse) as caught:
        unit('<vertical url_name="a"/>', files)
    assert chain in caught.value.message
    assert caught.value.place is not None


def test_blocks_that_lie_too_deep_are_refused() -> None:
    files = {f"vertical/v{at}.xml": f'<v><vertical url_name="v{at + 1}"/></v>' for at in range(2000)}
    with pytest.raises(InvalidCourse, match="more than 60 deep"):
        unit('<vertical url_name="v0"/>', files)
    with pytest.raises(InvalidCourse, match="more than 60 deep"):
        unit("<vertical>" * 100 + "</vertical>" * 100)


def test_orphans_are_reported_once_each() -> None:
    found = unit(
        '<html url_name="used">.</html>',
        {
            "html/alone.xml": "<html/>",
            "html/alone.html": "body",
            "html/body.html": "body",
            "nobody/x.xml": "<nobody/>",
            "notes/x.xml": "<other/>",
            "notes/readme.txt": "text",
            "roots/R0.xml": "<course/>",
            "about/R0/x.html": "another run's",
        },
    )
    assert messages(found) == [
        f"{name}: nothing in the course leads to this file: left out"
        for name in ("about/R0/x.html", "html/alone.xml", "html/body.html", "nobody/x.xml")
    ]


def test_asides_are_taken_out_of_the_block() -> None:
    found = unit(
        '<html url_name="h">a<note xblock-family="xblock_asides.v1" url_name="n" tone="3">x<b/>'
        "</note>b</html>"
    )
    html = block(found, "html/h")
    assert html.asides == [{"aside_type": "note", "fields": {"tone": "3", "content": "x<b/>"}}]
    assert html.content["data"] == "ab"


def test_settings_in_a_meta_element() -> None:
    found = unit(
        '<html url_name="h"><meta>{"display_name": "M", "graded": true, "other": 1}</meta>body</html>'
        '<html url_name="i"><meta charset="utf-8"/><meta>no json</meta></html>'
    )
    html = block(found, "html/h")
    assert html.settings == {"display_name": "M", "graded": True, "xml_attributes": {"other": 1}}
    assert html.content["data"] == "body"
    assert block(found, "html/i").content["data"] == '<meta charset="utf-8"/><meta>no json</meta>'


def test_blocks_are_in_document_order() -> None:
    found = course_with(
        '<chapter url_name="b"><sequential url_name="z"/></chapter><chapter url_name="a"/>',
        {
            "chapter/a.xml": "<chapter/>",
            "sequential/z.xml": '<sequential><vertical url_name="m" graded="1"/></sequential>',
        },
    )
    assert list(found.blocks) == [
        BlockKey("course", "course"),
        BlockKey("chapter", "b"),
        BlockKey("sequential", "z"),
        BlockKey("vertical", "m"),
        BlockKey("chapter", "a"),
    ]
