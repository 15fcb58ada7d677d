"""Stored format 1: what is read is written back byte for byte, what is new as the platform writes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from modulestore.errors import CorruptDocument
from modulestore.formats import v1
from modulestore.formats.definitions import decode_definition, encode_definition
from modulestore.formats.entries import decode_entry, encode_entry
from modulestore.formats.headers import decode_header, document_id, relinked
from modulestore.keys import BlockKey, CourseKey, LibraryKey, VersionId
from modulestore.model.definition import Definition
from modulestore.model.deriving import derive
from modulestore.model.index import IndexEntry
from modulestore.model.structure import BlockRecord, EditInfo, Structure, StructureHeader
from tests.structures import NOW, TREE, structure, version

OPTIONS: Any = bson.CodecOptions(tz_aware=True, tzinfo=UTC)


def decoded(document: bytes) -> dict[str, Any]:
    return bson.decode(document, OPTIONS)


BLOCK_ORDER = ["fields", "block_type", "definition", "defaults", "asides", "edit_info", "block_id"]
EDIT_INFO_ORDER = [
    "previous_version",
    "update_version",
    "source_version",
    "edited_on",
    "edited_by",
    "original_usage",
    "original_usage_version",
]


def test_field_order_and_types_of_a_structure() -> None:
    record = BlockRecord(
        BlockKey("course", "course"),
        version(5),
        [BlockKey("chapter", "c")],
        {"display_name": "T", "start": NOW},
        {},
        [{"aside_type": "a", "fields": {}}],
        EditInfo(update_version=version(1), edited_on=NOW, edited_by=7),
    )
    header = StructureHeader(version(1), record.key, None, version(1), 7, NOW)
    document = decoded(
        v1.encode_structure(Structure.of(header, [record], assets={"asset": []}, thumbnails=[]))
    )
    assert list(document) == [
        "_id",
        "root",
        "previous_version",
        "original_version",
        "edited_by",
        "edited_on",
        "blocks",
        "schema_version",
        "assets",
        "thumbnails",
    ]
    assert document["_id"] == ObjectId(bytes(version(1)))
    assert document["root"] == ["course", "course"]
    assert document["previous_version"] is None
    assert document["schema_version"] == 1
    block = document["blocks"][0]
    assert list(block) == BLOCK_ORDER
    assert list(block["edit_info"]) == EDIT_INFO_ORDER
    assert block["fields"] == {"display_name": "T", "start": NOW, "children": [["chapter", "c"]]}
    assert block["asides"] == [{"aside_type": "a", "fields": {}}]
    assert block["definition"] == ObjectId(bytes(version(5)))


def test_asides_are_an_object_when_empty_and_children_only_where_there_is_a_list() -> None:
    blocks = decoded(v1.encode_structure(structure({"course/course": [], "html/h": None})))["blocks"]
    assert [block["asides"] for block in blocks] == [{}, {}]
    assert [block["fields"] for block in blocks] == [{"children": []}, {}]


def test_field_order_of_a_definition() -> None:
    definition = Definition(version(3), "html", {"data": "x"}, "ana", NOW, version(2), version(1))
    document = decoded(encode_definition(definition))
    assert list(document) == ["_id", "block_type", "fields", "edit_info", "schema_version"]
    assert list(document["edit_info"]) == ["edited_by", "edited_on", "previous_version", "original_version"]
    assert decode_definition(encode_definition(definition)) == definition


def test_field_order_of_an_index_entry() -> None:
    entry = IndexEntry(
        version(9),
        CourseKey("O", "C", "R"),
        {"draft": version(1), "published": version(2)},
        7,
        NOW,
        NOW,
        {"wiki_slug": "C"},
    )
    document = encode_entry(entry)
    assert list(document) == [
        "_id",
        "org",
        "course",
        "run",
        "edited_by",
        "edited_on",
        "versions",
        "schema_version",
        "search_targets",
        "last_update",
    ]
    assert list(document["versions"]) == ["draft-branch", "published-branch"]
    assert decode_entry(document) == entry


def test_an_entry_of_a_library_and_one_of_long_ago() -> None:
    library = decode_entry(
        {"_id": ObjectId(), "org": "O", "course": "L", "run": "library", "versions": {"library": ObjectId()}}
    )
    assert library.key == LibraryKey("O", "L")
    assert (library.last_update, library.search_targets) == (None, {})
    course = decode_entry(
        {
            "_id": ObjectId(),
            "org": "O",
            "course": "C",
            "run": "library",
            "versions": {"draft-branch": ObjectId()},
        }
    )
    assert course.key == CourseKey("O", "C", "library"), "a run may be called library"


OID = ObjectId(b"0123456789ab")


def old_block(**changes: Any) -> dict[str, Any]:
    block = {"block_type": "html", "block_id": "h", "definition": OID, "fields": {}}
    return {**block, **changes}


def old_structure(*blocks: dict[str, Any], **changes: Any) -> bytes:
    document = {
        "_id": OID,
        "root": ["html", "h"],
        "previous_version": None,
        "original_version": OID,
        "edited_by": 1,
        "edited_on": datetime(2014, 1, 1, tzinfo=UTC),
        "blocks": list(blocks),
    }
    return bson.encode({**document, **changes})


def test_old_documents_lack_fields() -> None:
    read = v1.decode_structure(old_structure(old_block(), edited_by="a name"))
    assert read.data.asides(0) == ()
    assert read.data.defaults(0) == {}
    assert read.data.edit_info(0) == EditInfo()
    assert read.header.edited_by == "a name"
    assert read.assets is None


def test_of_two_blocks_of_one_key_the_later_counts() -> None:
    read = v1.decode_structure(
        old_structure(
            old_block(fields={"display_name": "first"}),
            old_block(block_id="other"),
            old_block(fields={"display_name": "second"}),
        )
    )
    assert len(read) == 2
    assert read.data.settings(0) == {"display_name": "second"}
    assert read.key(1) == ("html", "other")


def test_what_was_read_is_written_back_as_it_was() -> None:
    odd = old_block(
        fields={"children": [["html", "gone"]], "display_name": "x", "odd": {"b": 1, "a": [1.0, None]}},
        asides={},
        unknown_key={"kept": True},
    )
    document = old_structure(odd, schema_version=1)
    read = v1.decode_structure(document)
    assert read.child_keys(0) == (BlockKey("html", "gone"),)
    assert "children" not in read.data.settings(0)
    assert v1.encode_structure(read) == document


def test_a_derived_version_shares_what_did_not_change() -> None:
    document = old_structure(
        old_block(unknown_key=1), old_block(block_id="b", unknown_key=2), schema_version=1
    )
    base = v1.decode_structure(document)
    header = base.header._replace(id=version(77), previous_version=base.id)
    changed = replace(base.record(1), settings={"display_name": "new"})
    derived = derive(base, header, {changed.key: changed}, assets=None)
    twice = derive(derived, header._replace(id=version(78)), {}, assets=None)
    for made in (derived, twice):
        blocks = decoded(v1.encode_structure(made))["blocks"]
        assert blocks[0] == decoded(document)["blocks"][0]
        assert list(blocks[1]) == BLOCK_ORDER
        assert blocks[1]["fields"] == {"display_name": "new"}
        assert made.data.settings(1) == {"display_name": "new"}
        assert made.definitions[0] == base.definitions[0]


def test_relinking_changes_one_field() -> None:
    document = v1.encode_structure(structure(TREE))
    other = relinked(document, version(99))
    assert decoded(other) == {**decoded(document), "previous_version": ObjectId(bytes(version(99)))}
    assert list(decoded(other)) == list(decoded(document))
    assert relinked(other, None) == document


def test_headers_and_ids_without_the_rest() -> None:
    document = v1.encode_structure(structure(TREE, number=4))
    assert decode_header(document) == structure(TREE, number=4).header
    assert document_id(document) == version(4)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"not bson at all",
        bson.encode({"_id": OID}),
        old_structure({"block_type": "html"}),
        old_structure(old_block(fields={"children": [["one"]]})),
        old_structure(root=["course"]),
        old_structure(blocks={"old": "form"}),
    ],
)
def test_unreadable_structures(document: bytes) -> None:
    with pytest.raises(CorruptDocument):
        v1.decode_structure(document)


@pytest.mark.parametrize(
    "document", [b"", b"\x05\x00\x00\x00\x00", bson.encode({"_id": OID, "edit_info": 3})]
)
def test_unreadable_definitions_and_headers(document: bytes) -> None:
    with pytest.raises(CorruptDocument):
        decode_definition(document)
    with pytest.raises(CorruptDocument):
        decode_header(document)


def test_unreadable_entries() -> None:
    with pytest.raises(CorruptDocument):
        decode_entry({"_id": ObjectId(), "org": "O"})
    with pytest.raises(CorruptDocument):
        decode_entry({"_id": ObjectId(), "org": "O", "course": "C", "run": "R", "versions": [1]})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5).filter(lambda s: "\0" not in s), inner, max_size=3)
    ),
    max_leaves=8,
)
SECONDS = st.integers(0, 4_000_000_000)
moments = st.builds(
    lambda seconds, ms: datetime.fromtimestamp(seconds, UTC).replace(microsecond=ms * 1000),
    SECONDS,
    st.integers(0, 999),
)
names = st.text(st.characters(categories=("Ll", "Lu", "Nd")), min_size=1, max_size=4)
fields = st.dictionaries(names.filter(lambda name: name != "children"), json_values | moments, max_size=4)
ids = st.binary(min_size=12, max_size=12).map(VersionId)


@given(
    st.lists(st.tuples(names, fields, fields, ids), min_size=1, max_size=6, unique_by=lambda block: block[0])
)
def test_any_structure_survives(blocks: list[tuple[str, dict[str, Any], dict[str, Any], VersionId]]) -> None:
    keys = [BlockKey("vertical", name) for name, *_ in blocks]
    records = [
        BlockRecord(key, definition, keys[at + 1 :] if at % 2 else None, settings, defaults, [])
        for at, (key, (_, settings, defaults, definition)) in enumerate(zip(keys, blocks, strict=True))
    ]
    header = StructureHeader(version(1), keys[0], version(2), version(3), "ana", NOW)
    document = v1.encode_structure(Structure.of(header, records))
    read = v1.decode_structure(document)
    assert read.header == header
    for at, record in enumerate(records):
        again = read.record(at)
        assert (again.key, again.definition, again.settings, again.defaults) == (
            record.key,
            record.definition,
            record.settings,
            record.defaults,
        )
        assert again.children == (None if record.children is None else tuple(record.children))
    assert v1.encode_structure(read) == document
