"""Bundles as bytes: what was written comes back; what was changed, cut off or moved does not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

import bson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from modulestore.errors import InvalidArchive, InvalidInput
from modulestore.formats.bundles import sections
from modulestore.formats.bundles.contents import (
    BundleCounts,
    BundledRecord,
    BundleHead,
    Kind,
    encode_counts,
    encode_head,
)
from modulestore.formats.bundles.order import check_order
from modulestore.formats.bundles.sections import BEGINNING, HEAD, first_digest, open_section, write_section
from modulestore.keys import CourseKey, VersionId
from modulestore.model.files import CourseFile
from modulestore.model.index import IndexEntry
from modulestore.storage import bundle_writing
from modulestore.storage.bundle_reading import BundleFile, is_bundle
from modulestore.storage.bundle_writing import BundleWriter

KEY = CourseKey("Example", "Small", "2026")
NOW = datetime(2026, 5, 4, tzinfo=UTC)


def version(number: int) -> VersionId:
    return VersionId(number.to_bytes(12, "big"))


def document(number: int, text: str = "") -> bytes:
    return bson.encode({"_id": bson.ObjectId(bytes(version(number))), "text": text})


ENTRY = IndexEntry(version(1), KEY, {"draft": version(5)}, "ana", NOW, NOW, {"wiki_slug": "x"})


def write(path: Path) -> BundleWriter:
    """A bundle with some of everything, which nobody looks into."""
    writer = BundleWriter(path, force=True)
    try:
        writer.head(BundleHead(KEY, ENTRY, history=False))
        writer.versions([document(5, "a" * 200), document(6)])
        writer.bases([document(4)])
        writer.definitions([document(1), document(2, "b" * 300), document(9)])
        writer.file(CourseFile(KEY.asset("empty.txt"), 0, "empty.txt"))
        writer.file(CourseFile(KEY.asset("one.bin"), 10, "one", "image/png", locked=True))
        writer.data(b"01234")
        writer.data(b"56789")
        writer.records([BundledRecord("message", str(version(5)), {"message": "hello", "on": NOW})])
        writer.end()
        writer.publish()
    finally:
        writer.close()
    return writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "course.bundle"


def read(path: Path) -> None:
    """All of it."""
    bundle = BundleFile(path)
    try:
        for stored in bundle.files:
            bundle.open(stored).read()
        list(bundle.records())
    finally:
        bundle.close()


def test_what_was_written_comes_back(path: Path) -> None:
    writer = write(path)
    assert is_bundle(path)
    bundle = BundleFile(path)
    assert bundle.head == BundleHead(KEY, ENTRY, history=False)
    assert list(bundle.batches(Kind.VERSIONS)) == [
        {version(5): document(5, "a" * 200), version(6): document(6)}
    ]
    assert bundle.structures([version(4), version(6), version(7)]) == {
        version(4): document(4),
        version(6): document(6),
    }
    assert bundle.versions([version(4), version(6)]) == {version(6)}
    assert [list(batch) for batch in bundle.batches(Kind.DEFINITIONS)] == [
        [version(1), version(2), version(9)]
    ]
    assert [bundle.open(stored).read() for stored in bundle.files] == [b"", b"0123456789"]
    assert bundle.files[1].file.in_course(KEY) == CourseFile(
        KEY.asset("one.bin"), 10, "one", "image/png", locked=True
    )
    (record,) = bundle.records()
    assert (record.name, record.value) == (str(version(5)), {"message": "hello", "on": NOW})
    assert (bundle.counts, bundle.size, bundle.digest) == (writer.counts, writer.size, writer.digest)
    assert path.stat().st_size == writer.size
    bundle.close()


def test_however_it_comes_in_it_is_the_same(tmp_path: Path) -> None:
    write(tmp_path / "one")
    writer = BundleWriter(tmp_path / "two", force=False)
    writer.head(BundleHead(KEY, ENTRY, history=False))
    writer.versions([document(5, "a" * 200)])
    writer.versions([document(6)])
    writer.bases([document(4)])
    for one in (document(1), document(2, "b" * 300), document(9)):
        writer.definitions([one])
    writer.file(CourseFile(KEY.asset("empty.txt"), 0, "empty.txt"))
    writer.file(CourseFile(KEY.asset("one.bin"), 10, "one", "image/png", locked=True))
    for byte in b"0123456789":
        writer.data(bytes([byte]))
    writer.records([BundledRecord("message", str(version(5)), {"message": "hello", "on": NOW})])
    writer.end()
    writer.publish()
    writer.close()
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["one", "two"]


def test_many_sections(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents are found wherever they are."""
    monkeypatch.setattr(bundle_writing, "_PIECE", 100)
    monkeypatch.setattr("modulestore.storage.bundle_reading._AT_HAND", 150)
    writer = BundleWriter(path, force=False)
    writer.head(BundleHead(KEY, ENTRY, history=True))
    numbers = list(range(2, 200, 3))
    writer.versions([document(number, "x" * (number % 120)) for number in numbers])
    writer.file(CourseFile(KEY.asset("a"), 1234, "a"))
    writer.data(bytes(1234))
    writer.end()
    writer.publish()
    writer.close()
    bundle = BundleFile(path)
    assert bundle.sections(Kind.VERSIONS) > 10
    found = bundle.structures([version(number) for number in range(201)])
    assert list(found) == [version(number) for number in numbers]
    for number in (198, 2, 101, 3, 199):
        assert (version(number) in bundle.structures([version(number)])) == (number in numbers)
    assert bundle.open(bundle.files[0]).read() == bytes(1234)
    bundle.close()


def test_cut_off_anywhere(path: Path, tmp_path: Path) -> None:
    write(path)
    whole = path.read_bytes()
    cut = tmp_path / "cut"
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        with pytest.raises(InvalidArchive):
            read(cut)
    cut.write_bytes(whole + b"\0")
    with pytest.raises(InvalidArchive, match="after the end"):
        read(cut)


def test_any_byte_changed(path: Path, tmp_path: Path) -> None:
    write(path)
    whole = path.read_bytes()
    changed = tmp_path / "changed"
    for at in range(len(whole)):
        changed.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        with pytest.raises(InvalidArchive):
            read(changed)


def parts_of(whole: bytes) -> list[bytes]:
    """The sections of a bundle."""
    parts, at = [], len(BEGINNING)
    while at < len(whole):
        end = at + HEAD + int.from_bytes(whole[at + 8 : at + 12], "big")
        parts.append(whole[at:end])
        at = end
    return parts


def test_sections_doubled_left_out_or_moved(path: Path, tmp_path: Path) -> None:
    write(path)
    parts = parts_of(path.read_bytes())
    assert len(parts) == 9
    other = tmp_path / "other"

    def refused(some: Sequence[bytes]) -> None:
        other.write_bytes(BEGINNING + b"".join(some))
        with pytest.raises(InvalidArchive):
            read(other)

    for at in range(len(parts)):
        refused([*parts[:at], parts[at], *parts[at:]])
        refused([*parts[:at], *parts[at + 1 :]])
        for to in range(at + 1, len(parts)):
            moved = list(parts)
            moved[at], moved[to] = moved[to], moved[at]
            refused(moved)


def sealed(path: Path, *payloads: tuple[str, bytes]) -> Path:
    """A bundle of somebody who knows how digests are made."""
    digest = first_digest(BEGINNING)
    data = BEGINNING
    for kind, payload in payloads:
        section, digest = write_section(kind, payload, digest)
        data += section
    path.write_bytes(data)
    return path


HEAD_SECTION = (Kind.HEAD, encode_head(BundleHead(KEY, ENTRY, history=False)))
LAST_SECTION = (Kind.LAST, encode_counts(BundleCounts()))


@pytest.mark.parametrize(
    ("payloads", "message"),
    [
        ([LAST_SECTION], "a section 'last' after the beginning"),
        ([HEAD_SECTION, HEAD_SECTION, LAST_SECTION], "a section 'head' after head"),
        ([HEAD_SECTION, ("what", b"?"), LAST_SECTION], "a section 'what' after head"),
        ([HEAD_SECTION, (Kind.DATA, b"?"), LAST_SECTION], "a section 'data' after head"),
        ([(Kind.HEAD, b""), LAST_SECTION], "this is no document"),
        ([(Kind.HEAD, bson.encode({"key": "x"})), LAST_SECTION], "which course"),
        ([HEAD_SECTION, (Kind.VERSIONS, b"no"), LAST_SECTION], "no document at byte 0"),
        ([HEAD_SECTION, (Kind.VERSIONS, b""), LAST_SECTION], "empty section"),
        ([HEAD_SECTION, (Kind.VERSIONS, bson.encode({"a": 1})), LAST_SECTION], "without an id"),
        ([HEAD_SECTION, (Kind.VERSIONS, document(5) * 2), LAST_SECTION], "there twice"),
        ([HEAD_SECTION, (Kind.VERSIONS, document(5) + document(4)), LAST_SECTION], "not in its place"),
        (
            [HEAD_SECTION, (Kind.VERSIONS, document(5)), (Kind.VERSIONS, document(5)), LAST_SECTION],
            "there twice",
        ),
        ([HEAD_SECTION, (Kind.DEFINITIONS, document(5)), LAST_SECTION], "what it says it has"),
        ([HEAD_SECTION, (Kind.FILE, bson.encode({"name": "x"})), LAST_SECTION], "a file without"),
        ([HEAD_SECTION, (Kind.LAST, bson.encode({"moons": 1}))], "does not say what is in the bundle"),
    ],
)
def test_hostile_bundles(path: Path, payloads: list[tuple[str, bytes]], message: str) -> None:
    with pytest.raises(InvalidArchive, match=message):
        read(sealed(path, *payloads))


@pytest.mark.parametrize("length", [9, 11])
def test_a_file_is_as_long_as_it_says(path: Path, length: int) -> None:
    writer = BundleWriter(path, force=True)
    writer.head(BundleHead(KEY, ENTRY, history=False))
    writer.file(CourseFile(KEY.asset("one.bin"), 10, "one"))
    writer.data(bytes(length))
    writer.end()
    writer.publish()
    writer.close()
    with pytest.raises(InvalidArchive, match="bytes"):
        read(path)


def test_bombs_are_not_unpacked(path: Path) -> None:
    packed = zstandard.compress(bytes(64 << 20))
    for size in (64 << 20, sections.MOST, 10):
        about = Kind.HEAD.encode() + bytes([1, 0, 0, 0])
        about += len(packed).to_bytes(4, "big") + size.to_bytes(4, "big")
        digest = sections._digest(first_digest(BEGINNING), about, packed)
        path.write_bytes(BEGINNING + about + digest + packed)
        with pytest.raises(InvalidArchive, match=r"no section|another length"):
            read(path)


def test_other_files(path: Path, tmp_path: Path) -> None:
    path.write_bytes(BEGINNING[:-3] + b"\x02\0\0")
    assert is_bundle(path)
    with pytest.raises(InvalidArchive, match="a bundle of version 2"):
        read(path)
    path.write_bytes(b"PK\3\4")
    assert not is_bundle(path)
    assert not is_bundle(tmp_path)
    assert not is_bundle(tmp_path / "missing")
    with pytest.raises(InvalidArchive, match="this is no bundle"):
        read(path)
    with pytest.raises(InvalidArchive, match="cannot be opened"):
        read(tmp_path / "missing")


def test_a_bundle_that_changes_while_it_is_read(path: Path) -> None:
    write(path)
    bundle = BundleFile(path)
    data = bytearray(path.read_bytes())
    data[data.index(b"0123456789")] ^= 1
    path.write_bytes(data)
    with pytest.raises(InvalidArchive, match="the digest"):
        bundle.open(bundle.files[1]).read()
    bundle.close()


def test_nothing_is_overwritten_or_left_behind(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"mine")
    with pytest.raises(InvalidInput, match="is there already"):
        BundleWriter(path, force=False)
    writer = BundleWriter(path, force=True)
    writer.head(BundleHead(KEY, ENTRY, history=False))
    writer.close()
    assert path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]
    write(path)
    assert is_bundle(path)
    late = BundleWriter(tmp_path / "late", force=False)
    (tmp_path / "late").write_bytes(b"somebody else's")
    late.head(BundleHead(KEY, ENTRY, history=False))
    late.end()
    with pytest.raises(InvalidInput, match="is there already"):
        late.publish()
    late.close()
    assert (tmp_path / "late").read_bytes() == b"somebody else's"
    for wrong in (tmp_path, tmp_path / "no" / "folder"):
        with pytest.raises(InvalidInput):
            BundleWriter(wrong, force=True)


def test_order() -> None:
    right = [Kind.HEAD, Kind.VERSIONS, Kind.BASES, Kind.DEFINITIONS, Kind.FILE, Kind.RECORDS, Kind.LAST]
    for one, other in permutations(right, 2):
        if right.index(one) < right.index(other):
            check_order(one, other, "here")
        else:
            with pytest.raises(InvalidArchive):
                check_order(one, other, "here")


@given(st.lists(st.tuples(st.sampled_from(["head", "defs", "data"]), st.binary(max_size=300)), max_size=6))
def test_sections_come_back(parts: list[tuple[str, bytes]]) -> None:
    digest = before = first_digest(BEGINNING)
    written = []
    for kind, payload in parts:
        section, digest = write_section(kind, payload, digest)
        written.append(section)
    for section, (_, payload) in zip(written, parts, strict=True):
        assert open_section(section[:HEAD], section[HEAD:], before, "here") == payload
        before = section[HEAD - sections.DIGEST : HEAD]


@given(st.binary(max_size=400))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidArchive):
        open_section(data[:HEAD], data[HEAD:], bytes(32), "here")
