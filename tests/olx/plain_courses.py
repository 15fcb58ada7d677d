"""Plain courses for property tests: any tree, any fields, any values."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from modulestore.keys import BlockKey, CourseKey
from modulestore.model.fields import BLOCK_TYPES, COMMON, INHERITABLE, Field, Kind, Scope
from modulestore.model.plain import PlainBlock, PlainCourse
from modulestore.olx.values import REFERENCES, classic_value, pure_value

__all__ = ["KEY", "courses"]

KEY = CourseKey("Org", "C-1", "2026_x")
ROOT = BlockKey("course", "course")

_LEAVES = sorted(
    name
    for name, known in BLOCK_TYPES.items()
    if not known.container and not known.detached and name not in ("poll_question",)
)
_DETACHED = ("about", "course_info", "static_tab", "custom_tag_template")
_IDS = st.text(string.ascii_letters + string.digits + "-~.:_é字", min_size=1, max_size=6).filter(
    lambda text: text.strip("_") != ""
)
_PAGE_IDS = _IDS.filter(lambda name: not name.startswith("._"))  # such a file nobody sees
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "",
        "3",
        "true",
        "null",
        '"a"',
        "[1]",
        "2020-01-01",
        "1 day",
        "<p>a &amp; b</p>",
        " \n\t\r",
        "\x00\x1f",
        "x" * 300,
    ]
)
_PLAIN_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e6, 1e6) | _TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_TEXTS.filter(lambda t: "\0" not in t), inner, max_size=3)
    ),
    max_leaves=5,
)
_DATES = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
)


def _stored(kind: Kind, *, pure: bool) -> st.SearchStrategy[Any]:
    """What the reader makes of any text."""
    rule = pure_value if pure else classic_value
    return (_TEXTS | _PLAIN_JSON.map(lambda value: str(value))).map(lambda text: rule(kind, text).value)


def _value(field: Field, *, stored: bool, pure: bool, keys: list[BlockKey]) -> st.SearchStrategy[Any]:
    pair = st.sampled_from(keys).map(list)
    by_kind: Mapping[Kind, st.SearchStrategy[Any]] = {
        Kind.STRING: _TEXTS,
        Kind.DATE: _DATES,
        Kind.BOOLEAN: st.booleans(),
        Kind.INTEGER: st.integers(-(2**53), 2**53),
        Kind.FLOAT: st.floats(-1e9, 1e9),
        Kind.REFERENCE: pair,
        Kind.REFERENCE_LIST: st.lists(pair, max_size=3),
        Kind.REFERENCE_DICT: st.dictionaries(st.sampled_from("ab"), pair, max_size=2),
    }
    good = by_kind.get(field.kind)
    if field.kind in REFERENCES:
        return st.none() | (good if good is not None else pair)
    read = _stored(field.kind, pure=pure)
    if stored:
        return read if good is None or field.kind is Kind.STRING else read | good
    return read | _PLAIN_JSON | _DATES


@st.composite
def _block(
    draw: st.DrawFn, key: BlockKey, children: list[BlockKey] | None, keys: list[BlockKey], stored: bool
) -> PlainBlock:
    known = BLOCK_TYPES.get(key.type)
    fields = {**INHERITABLE, **COMMON, **(known.fields if known else {})}
    skip = {"data", "answers", "question", "tabs", "xml_attributes", "show_tag_list", "sources_list"}
    skip |= {
        "wiki_slug",
        "grading_policy",
        "conditional_attr",
        "conditional_value",
        "conditional_message",
        "items",
        "textbooks",
    }
    if key.type == "video":
        skip |= {"source", "html5_sources", "edx_video_id"}
    names = draw(st.lists(st.sampled_from(sorted(fields.keys() - skip)), max_size=5, unique=True))
    pure = known is not None and not known.classic and key.type != "discussion"
    settings: dict[str, Any] = {}
    content: dict[str, Any] = {}
    for name in names:
        field = fields[name]
        value = draw(_value(field, stored=stored, pure=pure, keys=keys))
        (content if field.scope is Scope.CONTENT else settings)[name] = value
    return PlainBlock(key, settings, content, children)


def _with_data(draw: st.DrawFn, block: PlainBlock) -> PlainBlock:
    """The block with something in it, well-formed or not, and attributes that are no fields."""
    tag = block.key.type
    texts = [
        "",
        "a < b",
        f"<{tag}/>",
        f'<{tag} a="1" url_name="n">\n  <p>x</p> y\n</{tag}>',
        "<other>1</other>",
        "<p/>",
    ]
    data = draw(st.sampled_from(texts) | _TEXTS)
    content, settings = dict(block.content), dict(block.settings)
    if "data" in BLOCK_TYPES[tag].fields and tag != "drag-and-drop-v2":
        content["data"] = data
    elif draw(st.booleans()):
        content["inner_xml"] = data
    if draw(st.booleans()):
        settings["xml_attributes"] = draw(
            st.dictionaries(
                st.sampled_from(["a", "b", "name", "slug", "1x", "tabs"]), _TEXTS | _PLAIN_JSON, max_size=2
            )
        )
    return replace(block, settings=settings, content=content)


@st.composite
def courses(draw: st.DrawFn, *, stored: bool) -> PlainCourse:
    """A course; its values are those that the reader makes (``stored``), or any that a document can keep."""
    chapter, sequential = BlockKey("chapter", draw(_IDS)), BlockKey("sequential", draw(_IDS))
    units = draw(
        st.lists(_IDS, min_size=1, max_size=2, unique=True).map(
            lambda ids: [BlockKey("vertical", i) for i in ids]
        )
    )
    leaves = draw(
        st.lists(
            st.tuples(st.sampled_from(_LEAVES), _IDS).map(lambda pair: BlockKey(*pair)),
            max_size=4,
            unique=True,
        )
    )
    pages = draw(
        st.lists(
            st.tuples(st.sampled_from(_DETACHED), _IDS.filter(lambda name: not name.startswith("._"))).map(
                lambda pair: BlockKey(*pair)
            ),
            max_size=2,
            unique=True,
        )
    )
    keys = [ROOT, chapter, sequential, *units, *leaves]
    children: dict[BlockKey, list[BlockKey] | None] = {
        ROOT: [chapter],
        chapter: [sequential],
        sequential: units,
        **{
            unit: [leaf for at, leaf in enumerate(leaves) if at % len(units) == n]
            for n, unit in enumerate(units)
        },
        **dict.fromkeys(leaves),
    }
    blocks = {key: draw(_block(key, children[key], keys, stored)) for key in keys}
    for page in pages:
        text = draw(_TEXTS)
        blocks[page] = PlainBlock(page, draw(_block(page, None, keys, stored)).settings, {"data": text})
    for leaf in leaves:
        blocks[leaf] = _with_data(draw, blocks[leaf])
    return PlainCourse(KEY, ROOT, blocks)
