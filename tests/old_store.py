"""The platform's older store, written as the platform wrote it: one document per block and revision.

`document` makes one, its fields in the platform's order, so that its ``_id`` is the one that a platform asks
for. `documents_of` says a course of our own store in that form, as far as that can: a chapter or a sequential
has one document, for both branches; a draft copy is written where it differs from the published one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import bson
from bson import SON

from modulestore import Course, Store
from modulestore.keys import BlockKey
from modulestore.model.branches import DIRECT_ONLY
from modulestore.model.comparing import same_value
from modulestore.model.fields import Kind, field_of

__all__ = [
    "EDITED",
    "OLD_COURSE",
    "PUBLISHED",
    "document",
    "documents_of",
    "encoded",
    "location",
    "small_course",
]

ORG, NUMBER, RUN = "BerkeleyX", "Stat_2.1x", "2013_Spring"
OLD_COURSE = f"{ORG}/{NUMBER}/{RUN}"
EDITED = datetime(2013, 2, 5, 5, 0, tzinfo=UTC)
PUBLISHED = datetime(2013, 2, 6, 6, 30, tzinfo=UTC)


def location(category: str, name: str, *, org: str = ORG, course: str = NUMBER) -> str:
    """How a document names another block."""
    return f"i4x://{org}/{course}/{category}/{name}"


def document(
    category: str,
    name: str,
    data: object = None,
    children: Sequence[object] | None = None,
    *,
    draft: bool = False,
    org: str = ORG,
    course: str = NUMBER,
    edited: bool = True,
    **metadata: Any,
) -> SON[str, Any]:
    """One copy of a block. ``children`` are locations, or pairs of category and name."""
    definition: SON[str, Any] = SON([("data", {} if data is None else data)])
    if children is not None:
        definition["children"] = [
            location(*child, org=org, course=course) if isinstance(child, tuple) else child
            for child in children
        ]
    found = SON(
        [
            (
                "_id",
                SON(
                    [
                        ("tag", "i4x"),
                        ("org", org),
                        ("course", course),
                        ("category", category),
                        ("name", name),
                        ("revision", "draft" if draft else None),
                    ]
                ),
            ),
            ("definition", definition),
            ("metadata", metadata),
        ]
    )
    if edited:
        found["edit_info"] = SON([("edited_on", EDITED), ("edited_by", 7)])
        if not draft:
            found["edit_info"].update(published_date=PUBLISHED, published_by=8)
        found["edit_info"].update(subtree_edited_on=EDITED, subtree_edited_by=7)
    return found


def encoded(documents: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """The documents as a backend gives them."""
    return [bson.encode(one) for one in documents]


def small_course(run: str = RUN) -> list[SON[str, Any]]:
    """A course with a unit that is published, one with a draft of other content, one never published.

    ``one > first > (same > s1, edited > (e1, e2), new > n1)``; in the draft ``edited`` has ``(e1, e3)``.
    """
    return [
        document("course", run, {"wiki_slug": "stat"}, [("chapter", "one")], display_name="Statistics"),
        document(
            "chapter", "one", {}, [("sequential", "first")], display_name="One", start="2013-02-20T00:00:00Z"
        ),
        document(
            "sequential",
            "first",
            {},
            [("vertical", "same"), ("vertical", "edited"), ("vertical", "new")],
            display_name="First",
            graded=True,
        ),
        document("vertical", "same", {}, [("html", "s1")], display_name="Same"),
        document("html", "s1", "<p>see /c4x/BerkeleyX/Stat_2.1x/asset/a.png</p>", display_name="S one"),
        document("vertical", "edited", {}, [("html", "e1"), ("problem", "e2")], display_name="Edited"),
        document("html", "e1", {"data": "<p>old</p>"}, display_name="E one"),
        document("problem", "e2", {"data": "<problem/>"}, display_name="E two", weight=1.5),
        document(
            "vertical", "edited", {}, [("html", "e1"), ("html", "e3")], draft=True, display_name="Edited now"
        ),
        document("html", "e1", {"data": "<p>new</p>"}, draft=True, display_name="E one"),
        document("html", "e3", {"data": "<p>e3</p>"}, draft=True, display_name="E three"),
        document("vertical", "new", {}, [("html", "n1")], draft=True, display_name="New"),
        document("html", "n1", {"data": "<p>n1</p>"}, draft=True, display_name="N one"),
        document("about", "overview", {"data": "<p>about</p>"}),
        document("static_tab", "news", {"data": "<p>news</p>"}, display_name="News"),
    ]


def documents_of(store: Store, key: str) -> list[SON[str, Any]]:
    """A course of our own store, its root called after the run, in documents of the older one."""
    draft, published = store.open(key, branch="draft"), store.open(key, branch="published")
    root = draft.root.block_key
    names = {root: BlockKey("course", str(draft.key.run))}
    org, number, _ = draft.key.identity
    found = []
    for block_key in dict.fromkeys([*_keys(published), *_keys(draft)]):
        copies = {
            course.branch: _copy(store, course, block_key, names)
            for course in (draft, published)
            if block_key in course
        }
        name = names.get(block_key, block_key)
        shown = copies["draft"] if block_key.type in DIRECT_ONLY else copies.get("published")
        if shown is not None:
            data, children, settings = shown
            found.append(document(name.type, name.id, data, children, org=org, course=number, **settings))
        if "draft" in copies and not same_value(copies["draft"], shown):
            data, children, settings = copies["draft"]
            found.append(
                document(name.type, name.id, data, children, draft=True, org=org, course=number, **settings)
            )
    return found


def _keys(course: Course) -> list[BlockKey]:
    return [course.structure.key(position) for position in range(len(course.structure))]


def _copy(store: Store, course: Course, key: BlockKey, names: Mapping[BlockKey, BlockKey]) -> list[Any]:
    block = course[key]
    children = [tuple(names.get(child.block_key, child.block_key)) for child in block.children]
    content = store.load_content([block])[block]
    return [content, children, _texts(key.type, block.settings)]


def _texts(block_type: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as the older store has them: dates are text."""
    shown = {}
    for name, value in fields.items():
        known = field_of(block_type, name)
        is_date = known is not None and known.kind is Kind.DATE and isinstance(value, datetime)
        shown[name] = value.strftime("%Y-%m-%dT%H:%M:%SZ") if is_date else value
    return shown
