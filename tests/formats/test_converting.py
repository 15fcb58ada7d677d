"""From one stored format into the other: nothing is lost, and who reads meanwhile cannot tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import bson
import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from modulestore.errors import CorruptDocument, DocumentTooLarge
from modulestore.formats import layers, v1, v2
from modulestore.formats.cells import Cell
from modulestore.formats.columns import CellData
from modulestore.formats.converting import (
    check_format_1,
    check_format_2,
    made_from,
    to_format_1,
    to_format_2,
)
from modulestore.formats.gathering import Gathering
from modulestore.formats.layers import Stored
from modulestore.formats.structures import built_on, decode_structure, encode_structure, schema_of
from modulestore.keys import BlockKey, VersionId
from modulestore.model.deriving import derive
from modulestore.model.structure import BlockRecord, Origin, Structure
from modulestore.storage.memory import Memory
from tests.formats.test_v1 import old_block, old_structure
from tests.formats.test_v2 import VALUES, odd_blocks
from tests.model.test_deriving import records, steps
from tests.structures import TREE, structure, version

first_blocks = st.lists(records, max_size=9, unique_by=lambda record: record.key)


@pytest.fixture(autouse=True)
def deltas_everywhere() -> Iterator[None]:
    """Tiers of two, and hardly ever a base, so that few versions make long lists."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "_ALIKE", 2)
        patch.setattr(layers, "_SHARE", 50.0)
        yield


def same(one: Structure, other: Structure) -> None:
    assert v1.encode_structure(one) == v1.encode_structure(other)
    assert one.outline.order == other.outline.order


def history_of(
    first: Sequence[BlockRecord], then: Sequence[tuple[Sequence[BlockRecord], Sequence[BlockKey]]]
) -> tuple[list[Structure], dict[VersionId, bytes]]:
    """Versions of a course one after the other, and their documents of format 2."""
    header = structure(TREE).header
    document, made = encode_structure(Structure.of(header, first), 2)
    history, documents = [made], {made.id: document}
    for number, (changed, removed) in enumerate(then):
        header = header._replace(id=version(100 + number), previous_version=made.id)
        assets = {"asset": [{"n": number // 2}]} if number % 4 else None
        blocks = {record.key: record for record in changed}
        document, made = encode_structure(derive(made, header, blocks, removed, assets=assets), 2)
        documents[made.id] = document
        history.append(made)
    return history, documents


def gathered(documents: Mapping[VersionId, bytes], wanted: VersionId, at_hand: Memory | None) -> Structure:
    """A version as a reader gets it who fetches until there is nothing more to fetch."""
    gathering = Gathering({wanted: documents[wanted]}, at_hand)
    while gathering.wanted:
        assert not gathering.wanted & {one.id for one in gathering.decoded}
        gathering.add({one: documents[one] for one in gathering.wanted if one in documents})
    return gathering.structure(wanted)


@given(first_blocks, steps, st.randoms(use_true_random=False))
def test_whatever_versions_are_stored_otherwise_all_read_as_before(
    first: Sequence[BlockRecord],
    then: Sequence[tuple[Sequence[BlockRecord], Sequence[BlockKey]]],
    dice: Any,
) -> None:
    """Whole in either format, or as deltas on other versions; any of them, in any mixture."""
    history, documents = history_of(first, [*then, *then, *then])
    stored = dict(documents)
    memory = Memory()
    for before, one in zip([None, *history], history, strict=False):
        match dice.choice(["as it was", "format 1", "whole", "on its parent", "on another"]):
            case "format 1":
                stored[one.id] = v1.encode_structure(one)
            case "whole":
                stored[one.id] = v2.encode_whole(one)[0]
            case "on its parent" if before is not None:
                stored[one.id] = on(gathered(stored, before.id, None), one)
            case "on another":
                other = dice.choice(history[: history.index(one)] or [one])
                if other is not one:
                    stored[one.id] = on(gathered(stored, other.id, None), one)
    for one in history:
        read = gathered(stored, one.id, None)
        same(read, one)
        assert read.header == one.header
        if dice.random() < 0.3:
            memory.keep_structures([gathered(dice.choice([stored, documents]), one.id, None)])
    for one in history:
        same(gathered(stored, one.id, memory), one)
        same(gathered(documents, one.id, memory), one)
    # What is made from what was read so can be stored, and read.
    parent = gathered(stored, dice.choice(history).id, dice.choice([memory, None]))
    header = parent.header._replace(id=version(999), previous_version=parent.id)
    document, made = encode_structure(derive(parent, header, {}, [], assets=parent.assets), 2)
    same(gathered({**stored, made.id: document}, made.id, None), made)
    same(gathered({**documents, made.id: document}, made.id, None), made)


def on(parent: Structure, child: Structure) -> bytes:
    """A version stored on another one."""
    child = v1.decode_structure(v1.encode_structure(child))
    return encode_structure(made_from(parent, child) or child, 2).document


def test_what_is_read_from_a_broken_list_is_stored_whole_next() -> None:
    history, documents = history_of(structure_records(), [([], [])])
    base, last = history
    assert built_on(documents[last.id]) == (base.id,)
    documents[base.id] = v1.encode_structure(base)
    read = gathered(documents, last.id, None)
    same(read, last)
    assert read.origin is not None
    assert not isinstance(read.origin.stored, Stored)
    made = derive(read, read.header._replace(id=version(7)), {}, assets=None)
    assert built_on(encode_structure(made, 2).document) == ()


def test_a_third_fetch_only_where_a_base_has_become_a_delta() -> None:
    history, documents = history_of(structure_records(), [([], [])])
    base, last = history
    older = structure(TREE, number=3)
    documents[older.id], older = encode_structure(older, 2)
    documents[base.id] = on(older, base)
    assert built_on(documents[base.id]) == (older.id,)
    gathering = Gathering({last.id: documents[last.id]})
    assert gathering.wanted == {base.id}
    gathering.add({base.id: documents[base.id]})
    assert gathering.wanted == {older.id}
    gathering.add({older.id: documents[older.id]})
    assert gathering.wanted == set()
    same(gathering.structure(last.id), last)


def test_documents_that_are_built_on_each_other_are_refused() -> None:
    history, documents = history_of(structure_records(), [([], [])])
    base, last = history
    documents[base.id] = on(gathered(documents, last.id, None), base)
    with pytest.raises(CorruptDocument, match="built on itself"):
        gathered(documents, last.id, None)


def test_what_is_not_there_is_asked_for_once() -> None:
    history, documents = history_of(structure_records(), [([], [])])
    del documents[history[0].id]
    with pytest.raises(CorruptDocument, match="not there"):
        gathered(documents, history[1].id, None)


def structure_records() -> list[BlockRecord]:
    made = structure(TREE)
    return [made.record(at) for at in range(len(made))]


# --- what a version is made from


def as_stored(made: Structure) -> Structure:
    """As it comes back of a document of format 2 of its own."""
    return decode_structure(v2.encode_whole(made)[0])


@given(first_blocks, first_blocks)
def test_any_version_can_be_stored_on_any_other(
    one: Sequence[BlockRecord], other: Sequence[BlockRecord]
) -> None:
    parent = as_stored(Structure.of(structure(TREE).header, one))
    header = parent.header._replace(id=version(50), previous_version=parent.id)
    child = v1.decode_structure(v1.encode_structure(Structure.of(header, other)))
    made = made_from(parent, child)
    assert made is not None
    document, _ = encode_structure(made, 2)
    assert built_on(document) == (parent.id,)
    same(decode_structure(document, parent), child)


@given(first_blocks, steps)
def test_what_changed_is_found_out(
    first: Sequence[BlockRecord], then: Sequence[tuple[Sequence[BlockRecord], Sequence[BlockKey]]]
) -> None:
    """No more than whoever made the version knew of it."""
    history, _ = history_of(first, then)
    for parent, after in pairwise(map(as_stored, history)):
        made = made_from(parent, v1.decode_structure(v1.encode_structure(after)))
        blocks = {after.key(at): after.record(at) for at in range(len(after))}
        gone = [key for at in range(len(parent)) if (key := parent.key(at)) not in blocks]
        assert made is not None
        assert made.origin is not None
        assert set(gone) <= made.origin.removed
        different = {
            key
            for key, record in blocks.items()
            if (at := parent.position(key)) is None or parent.record(at) != record
        }
        assert different <= made.origin.changed
        if not made.origin.removed.intersection(blocks):  # none was taken out and put in again
            assert made.origin.changed == different


def test_nothing_changed() -> None:
    parent = as_stored(structure(TREE))
    made = made_from(parent, v1.decode_structure(v1.encode_structure(structure(TREE, number=1))))
    assert made is not None
    assert made.origin is not None
    assert made.origin == Origin(parent.origin.stored if parent.origin else None)


@pytest.mark.parametrize("other", [{"definition": version(77)}, {"children": [BlockKey("html", "h")]}])
def test_a_block_of_which_one_column_is_another(other: dict[str, Any]) -> None:
    """Its cell is the same."""
    parent = as_stored(structure(TREE))
    blocks = structure_records()
    blocks[3] = replace(blocks[3], **other)
    child = v1.decode_structure(v1.encode_structure(Structure.of(parent.header, blocks)))
    made = made_from(parent, child)
    assert made is not None
    assert made.origin is not None
    assert made.origin.changed == {blocks[3].key}
    assert made.origin.relisted == ({blocks[3].key} if "children" in other else set())
    same(decode_structure(encode_structure(made, 2).document, parent), child)


def test_a_delta_in_a_list_is_put_on_nothing_but_what_it_is_built_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_ALIKE", 8)
    history, documents = history_of(structure_records(), [([], []), ([], [])])
    base, middle, last = history
    assert built_on(documents[last.id]) == (base.id, middle.id)
    other = Structure.of(base.header._replace(id=version(5)), structure_records())
    strange = on(as_stored(other), middle)
    below = decode_structure(documents[base.id])
    same(decode_structure(documents[last.id], below, [documents[middle.id]]), last)
    for deltas in ([strange], [documents[last.id]], []):
        with pytest.raises(CorruptDocument):
            decode_structure(documents[last.id], below, deltas, base)


def test_what_cannot_be_stored_on_another() -> None:
    parent = as_stored(structure(TREE))
    assert made_from(structure(TREE), structure(TREE)) is None, "it is not stored in format 2"
    child = Structure.of(parent.header, structure_records(), thumbnails=[[1]])
    assert made_from(parent, child) is None, "a delta has no thumbnails of its own"


# --- there and back


@given(st.lists(odd_blocks, max_size=6))
def test_a_document_there_and_back(blocks: Sequence[Mapping[str, Any]]) -> None:
    named = [{**block, "block_id": f"b{number}"} for number, block in enumerate(blocks)]
    document = old_structure(*named, schema_version=1, thumbnails=[[1]])
    new = to_format_2(document, None, 1 << 24)
    assert schema_of(new) == 2
    read = decode_structure(new)
    check_format_2(document, read)
    back = to_format_1(read, len(document))
    check_format_1(read, back)
    assert back == document


def test_what_was_written_in_format_2_is_found_the_same_in_format_1() -> None:
    """Though an integer of 64 bits is marked so from then on."""
    values = {**VALUES, "plain": 2**40}
    record = BlockRecord(BlockKey("html", "h"), version(2), None, values, {"weight": -(2**40)})
    read = as_stored(Structure.of(structure(TREE).header, [record]))
    document = to_format_1(read, 1 << 24)
    check_format_1(read, document)
    for other in ({"plain": 2**40 + 1}, {"int": 3.0}, {"int": True}, dict(reversed(values.items()))):
        changed = BlockRecord(record.key, record.definition, None, {**other, **values} | other)
        with pytest.raises(CorruptDocument, match="not what was there"):
            check_format_1(as_stored(Structure.of(read.header, [changed])), document)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (old_structure(old_block(), old_block(), schema_version=1), "two blocks of one key: html/h"),
        (old_structure(old_block(), schema_version=1, more=1, most=2), "no place for: more, most"),
        (old_structure(old_block()), "not in the order"),
        (old_structure(old_block(), assets={}, schema_version=1), "not in the order"),
    ],
)
def test_documents_that_stay_as_they_are(document: bytes, reason: str) -> None:
    with pytest.raises(CorruptDocument, match=reason) as caught:
        check_format_2(document, decode_structure(to_format_2(document, None, 1 << 24)))
    assert caught.value.place == f"structure {ObjectId(b'0123456789ab')}"


def test_what_comes_out_otherwise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    document = old_structure(old_block(fields=VALUES), old_block(block_id="other"), schema_version=1)
    read = decode_structure(to_format_2(document, None, 1 << 24))
    cell = CellData.cell

    def damaged(data: CellData, position: int) -> Cell:
        return cell(data, 1 - position)

    monkeypatch.setattr(CellData, "cell", damaged)
    with pytest.raises(CorruptDocument, match="not what was there"):
        check_format_2(document, read)
    wrong = to_format_1(read, 1 << 24)
    monkeypatch.undo()
    with pytest.raises(CorruptDocument, match="not what was there"):
        check_format_1(read, wrong)


def test_every_column_is_compared() -> None:
    made = as_stored(structure(TREE))
    document = to_format_1(made, 1 << 24)
    check_format_1(made, document)
    decoded = bson.decode(document)
    blocks = decoded["blocks"]
    others: list[dict[str, Any]] = [
        {"previous_version": ObjectId()},
        {"edited_by": 8},
        {"assets": {}},
        {"thumbnails": []},
        {"blocks": blocks[:-1]},
        {"blocks": [*blocks[:-2], blocks[-1], blocks[-2]]},
        {"blocks": [*blocks[:-1], {**blocks[-1], "definition": ObjectId()}]},
        {"blocks": [*blocks[:-1], {**blocks[-1], "fields": {"children": []}}]},
        {"blocks": [*blocks[:-1], {**blocks[-1], "unknown": 1}]},
        {"blocks": [*blocks[:-1], {**blocks[-1], "edit_info": {}}]},
    ]
    for other in others:
        with pytest.raises(CorruptDocument):
            check_format_1(made, bson.encode({**decoded, **other}))


def test_a_version_that_does_not_fit() -> None:
    made = as_stored(structure(TREE))
    size = len(v1.encode_structure(made))
    assert len(to_format_1(made, size)) == size
    with pytest.raises(DocumentTooLarge) as caught:
        to_format_1(made, size - 1)
    assert (caught.value.size, caught.value.limit) == (size, size - 1)
    assert caught.value.place == f"structure {made.id}"
    with pytest.raises(DocumentTooLarge, match="in format 2 it would have"):
        to_format_2(v1.encode_structure(made), None, 100)
