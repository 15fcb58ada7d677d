"""Fields of an encoded document are found without decoding it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import given
from hypothesis import strategies as st

from modulestore.errors import CorruptDocument
from modulestore.formats.encoding import OPTIONS, fields_of
from modulestore.formats.headers import decode_header, document_id
from modulestore.formats.ids import to_version_id
from modulestore.testing.samples import new_version_id, structure_document

NOW = datetime(2026, 1, 2, tzinfo=UTC)
VALUES: list[Any] = [
    1.5, "text\0 字", {"a": {"b": 1}}, [1, [2]], b"bytes", Binary(b"x", 5), ObjectId(), True, NOW, None,
    Regex("a.*\\b", re.IGNORECASE), Code("x"), Code("x", {"y": 1}), 1, Timestamp(1, 2), Int64(2**40),
    Decimal128("1.5"), MinKey(), MaxKey(), "", {}, [], b"",
]  # fmt: skip


@given(st.lists(st.sampled_from(range(len(VALUES))), max_size=12), st.data())
def test_fields_are_those_of_the_decoded_document(chosen: list[int], data: st.DataObject) -> None:
    document = {f"é{number}": VALUES[value] for number, value in enumerate(chosen)}
    encoded = bson.encode(document)
    whole = bson.decode(encoded, OPTIONS)
    wanted = data.draw(st.sets(st.sampled_from([*document, "absent"])))
    assert fields_of(encoded, wanted) == {name: value for name, value in whole.items() if name in wanted}


@given(st.data())
def test_damaged_documents_are_found_out_or_read(data: st.DataObject) -> None:
    encoded = bytearray(structure_document(new_version_id(), title="x" * 20))
    for _ in range(data.draw(st.integers(1, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(encoded)))
    for damaged in (bytes(encoded), bytes(encoded[:cut])):
        try:
            decode_header(damaged)
            document_id(damaged)
        except CorruptDocument:
            pass


def test_header_and_id() -> None:
    version = new_version_id()
    document = structure_document(version, previous=version, edited_by="Änne", title="x" * 1000)
    assert decode_header(document) == decode_header(bson.decode(document, OPTIONS))
    assert document_id(document) == version


def test_id_that_is_not_first() -> None:
    oid = ObjectId()
    assert document_id(bson.encode({"root": 1, "_id": oid})) == to_version_id(oid)
    with pytest.raises(CorruptDocument):
        document_id(bson.encode({"root": 1}))
