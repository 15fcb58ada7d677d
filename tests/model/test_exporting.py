"""From stored versions to a plain course."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from modulestore.keys import BlockKey, CourseKey, VersionId
from modulestore.model.definition import Definition
from modulestore.model.exporting import plain_course
from modulestore.model.structure import BlockRecord, EditInfo, Structure, StructureHeader

KEY = CourseKey("A", "B", "C")
ROOT, CHAPTER = BlockKey("course", "course"), BlockKey("chapter", "c")
SEQUENTIAL, UNIT = BlockKey("sequential", "s"), BlockKey("vertical", "v")
HTML, PAGE = BlockKey("html", "h"), BlockKey("about", "overview")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NUMBERS = count(1)


def version() -> VersionId:
    return VersionId.parse(f"{next(NUMBERS):024x}")


DEFINITION = Definition(version(), "any", {"data": "text"}, -1, NOW, None, version())


def structure(tree: dict[BlockKey, list[BlockKey] | None], **settings: dict[str, Any]) -> Structure:
    own = version()
    records = [
        BlockRecord(
            key=key,
            definition=DEFINITION.id,
            children=children,
            settings=settings.get(key.id, {}),
            defaults={},
            asides=(),
            edit_info=EditInfo(),
        )
        for key, children in tree.items()
    ]
    return Structure.of(StructureHeader(own, ROOT, None, own, -1, NOW), records)


TREE: dict[BlockKey, list[BlockKey] | None] = {
    PAGE: None,
    ROOT: [CHAPTER],
    UNIT: [HTML],
    CHAPTER: [SEQUENTIAL],
    SEQUENTIAL: [UNIT],
    HTML: [],
}


def test_blocks_come_in_the_order_of_the_document() -> None:
    plain = plain_course(KEY, structure(TREE), structure(TREE), {DEFINITION.id: DEFINITION})
    assert list(plain.blocks) == [ROOT, CHAPTER, SEQUENTIAL, UNIT, HTML, PAGE]
    assert plain.blocks[HTML].children is None, "a leaf has no list of children, whatever is stored"
    assert plain.blocks[HTML].content == {"data": "text"}
    assert plain.draft_blocks == {}


def test_what_nothing_leads_to_and_what_is_not_there() -> None:
    orphan = BlockKey("html", "orphan")
    tree = {**TREE, UNIT: [HTML, BlockKey("html", "missing")], orphan: None}
    plain = plain_course(KEY, structure(tree), None, {DEFINITION.id: DEFINITION})
    assert orphan not in plain.blocks
    assert plain.blocks[UNIT].children == [HTML]


def test_drafts_are_what_differs() -> None:
    draft = structure(TREE, h={"display_name": "new"})
    plain = plain_course(KEY, structure(TREE), draft, {DEFINITION.id: DEFINITION})
    assert list(plain.draft_blocks) == [HTML]


def test_a_course_that_was_never_published() -> None:
    """It has its outline, and its units as drafts."""
    plain = plain_course(KEY, None, structure(TREE), {DEFINITION.id: DEFINITION})
    assert set(plain.blocks) == {ROOT, CHAPTER, SEQUENTIAL, PAGE}
    assert plain.blocks[SEQUENTIAL].children == []
    assert set(plain.draft_blocks) == {SEQUENTIAL, UNIT, HTML}
    assert plain.draft_blocks[SEQUENTIAL].children == [UNIT]
