"""Format 2: the same structure comes back, from whatever it was put together, or an error does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64, ObjectId, Regex
from hypothesis import given, settings
from hypothesis import strategies as st

from modulestore.errors import CorruptDocument, InvalidInput
from modulestore.formats import layers, v1, v2
from modulestore.formats.encoding import OPTIONS
from modulestore.formats.frames import Frame
from modulestore.formats.gathering import Gathering
from modulestore.formats.headers import decode_header, relinked
from modulestore.formats.layers import Stored
from modulestore.formats.structures import built_on, decode_structure, encode_structure, schema_of
from modulestore.keys import BlockKey, VersionId
from modulestore.model.deriving import derive
from modulestore.model.structure import BlockRecord, EditInfo, Structure
from modulestore.storage.memory import Memory
from tests.formats.test_v1 import old_block, old_structure
from tests.model.test_deriving import records, steps
from tests.structures import NOW, TREE, structure, version

VALUES = {
    "int": 3,
    "long": Int64(3),
    "large": Int64(2**40),
    "float": 1.0,
    "time": datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=UTC),
    "before": datetime(1912, 1, 1, tzinfo=UTC),
    "id": ObjectId("665f1c0e9d3b2a0012345678"),
    "bytes": b"\0\1",
    "decimal": Decimal128("1.20"),
    "pattern": Regex("a+", "i"),
    "none": None,
    "nested": {"b": [1, {"a": []}], "a": {}},
    "text": "Größe \N{SNOWMAN}",
}


def stored(document: bytes) -> Structure:
    """What comes back of a document of format 1 that was stored in format 2."""
    encoded, _ = v2.encode_whole(v1.decode_structure(document))
    assert schema_of(encoded) == 2
    assert built_on(encoded) == ()
    return decode_structure(encoded)


odd_blocks = st.sampled_from(
    [
        old_block(),
        old_block(fields=VALUES, defaults=VALUES),
        old_block(fields={"children": [["video", "gone"]], "display_name": "children first"}),
        old_block(fields={"a": 1, "children": [], "b": 2}),
        old_block(fields={"children": None}),
        old_block(fields=None),
        old_block(asides=[{"aside_type": "x", "fields": {"content": {}}}], unknown={"key": [1]}),
        old_block(asides=[], defaults=None),
        old_block(edit_info={"edited_on": NOW, "update_version": ObjectId()}),
        old_block(edit_info={}),
        {"definition": ObjectId(), "block_type": "video", "block_id": "few keys"},
    ]
)


@given(st.lists(odd_blocks, max_size=6))
def test_a_document_of_the_platform_is_the_same_document_again(blocks: Sequence[Mapping[str, Any]]) -> None:
    named = [{**block, "block_id": f"b{number}"} for number, block in enumerate(blocks)]
    document = old_structure(*named, assets={"asset": [{"filename": "a.png", "time": NOW}]}, thumbnails=[[1]])
    before, after = v1.decode_structure(document), stored(document)
    assert v1.encode_structure(after) == v1.encode_structure(before)
    for at in range(len(before)):
        assert after.data.settings(at) == before.data.settings(at)
        assert after.data.defaults(at) == before.data.defaults(at)
        assert list(after.data.asides(at)) == list(before.data.asides(at))
        assert after.data.edit_info(at) == before.data.edit_info(at)
    assert (after.header, after.absent, after.index) == (before.header, list(before.absent), before.index)


class Database:
    """Documents, as they would be stored; read by somebody who has nothing else."""

    def __init__(self) -> None:
        self.documents: dict[VersionId, bytes] = {}

    def put(self, made: Structure) -> Structure:
        encoded = encode_structure(made, 2)
        self.documents[made.id] = encoded.document
        return encoded.structure

    def read(self, *wanted: VersionId, at_hand: Memory | None = None) -> list[Structure]:
        gathering = Gathering({one: self.documents[one] for one in wanted}, at_hand)
        gathering.add({one: self.documents[one] for one in gathering.wanted if one in self.documents})
        return [gathering.structure(one) for one in wanted]


@pytest.fixture
def low(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiers of two, so that few versions make many of them, and hardly ever a base."""
    monkeypatch.setattr(layers, "_ALIKE", 2)
    monkeypatch.setattr(layers, "_SHARE", 50.0)


def same(one: Structure, other: Structure) -> None:
    assert v1.encode_structure(one) == v1.encode_structure(other)
    assert one.outline.order == other.outline.order


@pytest.mark.parametrize(("alike", "share"), [(2, 50.0), (8, 50.0), (3, 0.5), (2, 0.0)])
@given(first=st.lists(records, max_size=9, unique_by=lambda record: record.key), then=steps)
def test_every_version_of_a_history_is_read_from_its_documents(
    alike: int,
    share: float,
    first: Sequence[BlockRecord],
    then: Sequence[tuple[Sequence[BlockRecord], Sequence[BlockKey]]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "_ALIKE", alike)
        patch.setattr(layers, "_SHARE", share)
        database = Database()
        header = structure(TREE).header
        history = [database.put(Structure.of(header, first))]
        for number, (changed, removed) in enumerate([*then, *then, *then]):
            blocks = {record.key: record for record in changed}
            assets = {"asset": [{"n": number // 2}]} if number % 4 else None
            made = derive(
                history[-1], header._replace(id=version(100 + number)), blocks, removed, assets=assets
            )
            history.append(database.put(made))
        for one in history:
            (read,) = database.read(one.id)
            same(read, one)
            assert read.origin is not None
            assert one.origin is not None
            assert isinstance(read.origin.stored, Stored)
            assert isinstance(one.origin.stored, Stored)
            assert read.origin.stored.names == one.origin.stored.names
            assert read.origin.stored.layers == one.origin.stored.layers
        memory = Memory()
        for one, read in zip(history, database.read(*(one.id for one in history)), strict=True):
            same(read, one)
            memory.keep_structures([read])
        if history[1:]:
            # What follows is made on what was read, by somebody who has all in memory.
            last = derive(database.read(history[-1].id)[0], header._replace(id=version(999)), {}, assets=None)
            database.put(last)
            same(database.read(last.id, at_hand=memory)[0], last)


@pytest.mark.usefixtures("low")
def test_lists_stay_short_and_bases_rare() -> None:
    """300 edits of 300 blocks: what is named is a logarithm of it; all is still there."""
    database = Database()
    tree: dict[str, list[str] | None] = {"course/course": [f"html/h{at}" for at in range(300)]}
    tree.update({f"html/h{at}": None for at in range(300)})
    made = database.put(structure(tree))
    longest = 0
    for at in range(300):
        record = made.record(1 + at)
        changed = BlockRecord(record.key, record.definition, None, {"n": at}, edit_info=record.edit_info)
        header = made.header._replace(id=version(2000 + at), previous_version=made.id)
        made = database.put(derive(made, header, {record.key: changed}, assets=None))
        longest = max(longest, len(built_on(database.documents[made.id])))
    assert longest <= 10
    assert sum(not built_on(document) for document in database.documents.values()) == 1
    (read,) = database.read(made.id)
    assert [read.data.settings(1 + at) for at in range(300)] == [{"n": at} for at in range(300)]


def test_a_version_is_stored_whole_when_it_is_cheaper_to_read() -> None:
    database = Database()
    made = database.put(structure(TREE))
    for number in range(30):
        record = made.record(number % len(made))
        changed = BlockRecord(record.key, record.definition, record.children, {"text": "x" * number})
        header = made.header._replace(id=version(2000 + number))
        made = database.put(derive(made, header, {record.key: changed}, assets=None))
    whole = [document for document in database.documents.values() if not built_on(document)]
    assert 1 < len(whole) < 30


def test_a_base_does_not_keep_older_ones_alive() -> None:
    database = Database()
    made = database.put(structure(TREE))
    encoded, stored_now = v2.encode_whole(derive(made, made.header._replace(id=version(7)), {}, assets=None))
    assert built_on(encoded) == ()
    assert stored_now.base.origin is not None
    assert stored_now.base.origin.stored is None


def test_reading_looks_at_nothing_that_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    document, _ = v2.encode_whole(structure(TREE))
    read: list[int] = []
    section = Frame.section

    def watched(frame: Frame, number: int) -> bytes:
        read.append(number)
        return section(frame, number)

    monkeypatch.setattr(Frame, "section", watched)
    course = decode_structure(document)
    assert course.outline.order
    assert read == [0], "the skeleton"
    position = course.position(BlockKey("html", "h"))
    assert position is not None
    course.data.settings(position)
    course.data.settings(position)
    assert len(read) == 2, "the group that the cell is in"
    course.data.edit_info(position)
    assert read[2:] == [1], "the table"


def delta() -> tuple[Database, Structure]:
    database = Database()
    base = database.put(structure(TREE))
    record = base.record(7)
    changed = BlockRecord(record.key, record.definition, None, {"display_name": "other"})
    made = derive(base, base.header._replace(id=version(50)), {record.key: changed}, assets=None)
    return database, database.put(made)


def damaged(document: bytes, **changes: Any) -> bytes:
    decoded: dict[str, Any] = bson.decode(document, OPTIONS)
    return bson.encode({**decoded, **changes})


@pytest.mark.parametrize("whole", [True, False])
def test_no_bit_of_a_body_can_flip_unnoticed(whole: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_SHARE", 50.0)
    database, made = delta()
    wanted = version(1) if whole else made.id
    document = database.documents[wanted]
    body = bson.decode(document)["body"]
    for at in range(len(body)):
        for bit in range(8):
            flipped = bytearray(body)
            flipped[at] ^= 1 << bit
            database.documents[wanted] = damaged(document, body=bytes(flipped))
            with pytest.raises(CorruptDocument) as caught:
                database.read(wanted)
            assert caught.value.place == f"structure {wanted}"
    for end in range(len(body)):
        database.documents[wanted] = damaged(document, body=body[:end])
        with pytest.raises(CorruptDocument):
            database.read(wanted)
    database.documents[wanted] = damaged(document, body=body + b"x")
    with pytest.raises(CorruptDocument):
        database.read(wanted)


def test_a_body_belongs_to_its_version_and_to_what_it_is_built_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_SHARE", 50.0)
    database, made = delta()
    document = database.documents[made.id]
    base = bson.decode(database.documents[version(1)])
    others: tuple[dict[str, Any], ...] = (
        {"_id": ObjectId()},
        {"original_version": ObjectId()},
        {"bases": []},
        {"bases": [ObjectId()]},
        {"bases": [base["_id"], base["_id"]]},
        {"bases": "text"},
        {"body": base["body"]},
        {"body": "text"},
        {"body": None},
        {"schema_version": -2},
        {"schema_version": "2"},
        {"schema_version": 1},
    )
    for other in others:
        database.documents[made.id] = damaged(document, **other)
        with pytest.raises(CorruptDocument):
            database.read(made.id)
    database.documents[made.id] = document
    same(database.read(made.id)[0], made)
    del database.documents[version(1)]
    with pytest.raises(CorruptDocument, match="is built on"):
        database.read(made.id)


def test_relinking_leaves_the_body_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_SHARE", 50.0)
    database, made = delta()
    for wanted in (version(1), made.id):
        other = relinked(database.documents[wanted], version(99))
        assert decode_header(other).previous_version == version(99)
        assert bson.decode(other)["body"] == bson.decode(database.documents[wanted])["body"]
        database.documents[wanted] = other
    assert database.read(made.id)[0].header.previous_version == version(99)


@pytest.mark.parametrize("schema", [1, 2])
@pytest.mark.parametrize("value", [{1: 2}, {"a": {2: 3}}, object(), 2**70, "\ud800", {b"a": 1}, {"a\0": 1}])
def test_what_no_document_can_hold_is_refused_by_name(schema: Any, value: object) -> None:
    record = BlockRecord(BlockKey("html", "h"), version(2), None, {"data": value}, edit_info=EditInfo())
    made = Structure.of(structure(TREE).header, [record])
    with pytest.raises(InvalidInput) as caught:
        encode_structure(made, schema)
    assert caught.value.place == "html/h"


@settings(max_examples=30)
@given(st.binary(max_size=200))
def test_no_bytes_are_taken_for_a_body(body: bytes) -> None:
    document, _ = v2.encode_whole(structure(TREE))
    with pytest.raises(CorruptDocument):
        decode_structure(damaged(document, body=body))
