"""Drafts: what is laid over the published blocks, and where it hangs."""

from __future__ import annotations

import pytest

from modulestore.errors import InvalidCourse
from modulestore.keys import BlockKey
from modulestore.model.plain import PlainCourse
from tests.olx.trees import block, course_with, messages, read

PUBLISHED = (
    '<chapter url_name="c"><sequential url_name="s"><vertical url_name="u"><html url_name="h">old'
    "</html></vertical>"
    '<vertical url_name="w" graded="true"><html url_name="k">.</html></vertical></sequential></chapter>'
)


def parent(name: str, index: int | str, prefix: str = "block-v1:Org+C1+R1") -> str:
    block_type, _, block_id = name.partition("/")
    return f'parent_url="{prefix}+type@{block_type}+block@{block_id}" index_in_children_list="{index}"'


def drafted(files: dict[str, str], inside: str = PUBLISHED) -> PlainCourse:
    return course_with(inside, {f"drafts/{path}": text for path, text in files.items()})


def ids(course: PlainCourse, name: str) -> list[str]:
    return [f"{key.type}/{key.id}" for key in block(course, name).children or ()]


def test_a_unit_that_is_a_draft_only() -> None:
    found = drafted(
        {
            "vertical/n.xml": f'\n\n<vertical display_name="N" {parent("sequential/s", 1)}><html'
            f' url_name="x"/></vertical>',
            "html/x.xml": '<html filename="x"/>',
            "html/x.html": "body",
        }
    )
    assert ids(found, "sequential/s") == ["vertical/u", "vertical/n", "vertical/w"]
    assert found.draft_roots == 1
    assert set(found.draft_blocks) == {
        BlockKey("vertical", "n"),
        BlockKey("html", "x"),
        BlockKey("sequential", "s"),
    }
    assert block(found, "vertical/n").settings == {"display_name": "N"}
    assert block(found, "html/x").content == {"data": "body"}
    assert BlockKey("vertical", "n") not in found.blocks
    assert found.blocks[BlockKey("sequential", "s")].children == [
        BlockKey("vertical", "u"),
        BlockKey("vertical", "w"),
    ]
    assert not found.problems


def test_only_what_differs_is_a_draft() -> None:
    found = drafted(
        {
            "vertical/u.xml": f'<vertical {parent("sequential/s", 0)}><html url_name="h"/><html'
            f' url_name="i"/></vertical>',
            "html/h.xml": "<html>new</html>",
            "html/i.xml": "<html>added</html>",
            "vertical/w.xml": f'<vertical graded="true" {parent("sequential/s", 5)}><html'
            f' url_name="k"/></vertical>',
            "html/k.xml": "<html>.</html>",
        }
    )
    assert set(found.draft_blocks) == {
        BlockKey("vertical", "u"),
        BlockKey("html", "h"),
        BlockKey("html", "i"),
    }
    assert ids(found, "vertical/u") == ["html/h", "html/i"]
    assert found.draft_roots == 2
    assert found.blocks[BlockKey("html", "h")].content == {"data": "old"}


def test_a_child_that_a_draft_no_longer_has() -> None:
    found = drafted({"vertical/u.xml": f'<vertical display_name="U" {parent("sequential/s", 0)}/>'})
    assert ids(found, "vertical/u") == []
    assert set(found.draft_blocks) == {BlockKey("vertical", "u")}


def test_drafts_are_applied_in_the_order_of_their_index() -> None:
    found = drafted(
        {
            f"vertical/{name}.xml": f"<vertical {parent('sequential/s', at)}/>"
            for name, at in (("a", 9), ("b", 0), ("z", 1))
        }
    )
    assert ids(found, "sequential/s") == [
        "vertical/b",
        "vertical/z",
        "vertical/u",
        "vertical/w",
        "vertical/a",
    ]


@pytest.mark.parametrize(
    "said",
    [
        'parent_sequential_url="i4x://Org/C1/sequential/s" index_in_children_list="0"',
        'parent_url="i4x://Org/C1/sequential/s" index_in_children_list="0"',
    ],
)
def test_parents_in_old_spellings(said: str) -> None:
    found = drafted({"vertical/n.xml": f"<vertical {said}/>"})
    assert ids(found, "sequential/s")[0] == "vertical/n"
    assert not found.problems


def test_a_parent_in_another_course() -> None:
    found = drafted({"vertical/n.xml": f"<vertical {parent('sequential/s', 0, 'block-v1:Org+C1+R2')}/>"})
    assert ids(found, "sequential/s")[0] == "vertical/n"
    (line,) = messages(found)
    assert line.startswith("drafts/vertical/n.xml:1: its parent 'block-v1:Org+C1+R2")


def test_a_draft_below_a_draft_and_one_of_another_type() -> None:
    found = drafted(
        {
            "vertical/n.xml": f"<vertical {parent('sequential/s', 7)}/>",
            "word_cloud/sub/x.xml": f'<word_cloud num_inputs="3" {parent("vertical/n", 0)}/>',
            "html/y.xml": f"<html {parent('vertical/u', 0)}>y</html>",
        }
    )
    assert ids(found, "vertical/n") == ["word_cloud/sub:x"]
    assert ids(found, "vertical/u") == ["html/y", "html/h"]
    assert found.draft_roots == 3


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("vertical/n.xml", f"<vertical {parent('sequential/gone', 0)}/>", "is nowhere in the course"),
        ("vertical/n.xml", f"<vertical {parent('html/h', 0)}/>", "can have no children"),
        ("vertical/n.xml", f"<vertical {parent('sequential/s', 'x')}/>", "is no index in a list"),
        ("vertical/n.xml", f"<vertical {parent('sequential/s', '9' * 30)}/>", "is no index in a list"),
        (
            "vertical/n.xml",
            '<vertical index_in_children_list="0"/>',
            "does not say which block is its parent",
        ),
        (
            "vertical/n.xml",
            '<vertical parent_url="x" index_in_children_list="0"/>',
            "does not say which block",
        ),
        ("sequential/n.xml", f"<sequential {parent('chapter/c', 0)}/>", "have no drafts"),
        ("about/n.xml", f"<about {parent('chapter/c', 0)}/>", "have no drafts"),
        ("vertical/∂.xml", f"<vertical {parent('sequential/s', 0)}/>", "cannot be the file of a block"),
        ("vertical/n.xml", f"<vertical {parent('sequential/s', 0)}>", "is no XML"),
        (
            "vertical/n.xml",
            "<vertical>index_in_children_list</vertical>",
            "nothing in the course leads to this file",
        ),
    ],
)
def test_a_draft_that_cannot_be_applied_is_left_out(path: str, text: str, message: str) -> None:
    found = drafted({path: text, "vertical/ok.xml": f"<vertical {parent('sequential/s', 0)}/>"})
    assert ids(found, "sequential/s") == ["vertical/ok", "vertical/u", "vertical/w"]
    assert found.draft_roots == 1
    (line,) = messages(found)
    assert line.startswith(f"drafts/{path}")
    assert message in line


def test_files_of_drafts_that_are_missing_or_lead_nowhere() -> None:
    found = drafted(
        {
            "vertical/n.xml": f'<vertical {parent("sequential/s", 0)}><html url_name="h"/><html'
            f' url_name="gone"/></vertical>',
            "html/alone.xml": "<html/>",
        }
    )
    assert ids(found, "vertical/n") == ["html/h"]
    assert messages(found) == [
        "drafts/vertical/n.xml:1: drafts/html/h.xml is missing: the published block is used",
        "drafts/vertical/n.xml:1: drafts/html/gone.xml is missing: the block is left out",
        "drafts/html/alone.xml: nothing in the course leads to this file: left out",
    ]


def test_policies_do_not_apply_to_drafts() -> None:
    found = course_with(
        PUBLISHED,
        {
            "policies/R1/policy.json": '{"vertical/u": {"display_name": "P"}}',
            "drafts/vertical/u.xml": f'<vertical display_name="D" {parent("sequential/s", 0)}/>',
        },
    )
    assert found.blocks[BlockKey("vertical", "u")].settings == {"display_name": "P"}
    assert block(found, "vertical/u").settings == {"display_name": "D"}


def test_drafts_that_contain_each_other_are_refused() -> None:
    with pytest.raises(InvalidCourse, match="contain each other"):
        drafted(
            {
                "vertical/n.xml": f'<vertical {parent("sequential/s", 0)}><vertical url_name="m"/>'
                f"</vertical>",
                "vertical/m.xml": f'<vertical {parent("sequential/s", 0)}><vertical url_name="n"/>'
                f"</vertical>",
            }
        )


def test_a_library_has_no_drafts() -> None:
    found = read(
        {"library.xml": '<library org="O" library="L"/>', "drafts/html/x.xml": "<html/>", "about/a.html": "x"}
    )
    assert found.draft_roots == 0
    assert len(found.blocks) == 1
    assert not found.problems
