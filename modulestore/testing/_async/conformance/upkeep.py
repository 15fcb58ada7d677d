"""What upkeep asks of a backend: ids, what documents refer to, how large they are, what time it is."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import Any

import bson
import pytest

from modulestore._async.ports import Backend
from modulestore._async.waiting import closing
from modulestore.errors import CorruptDocument
from modulestore.formats.ids import to_object_id
from modulestore.keys import ContextKey, CourseKey, VersionId
from modulestore.model.files import FileProblem, Leftover
from modulestore.model.stored import References, StructureLinks
from modulestore.storage.documents import now
from modulestore.testing._async.conformance.base import SuiteBase
from modulestore.testing.samples import (
    COURSE,
    definition_document,
    new_entry,
    new_file,
    new_version_id,
    random_bytes,
    structure_document,
)

__all__ = ["UpkeepTests"]


def with_fields(document: bytes, **fields: object) -> bytes:
    """A document with fields added or replaced."""
    return bson.encode({**bson.decode(document), **fields})


def block(definition: VersionId, **more: object) -> dict[str, object]:
    """A block of format 1."""
    return {"block_type": "html", "block_id": str(definition), "definition": to_object_id(definition), **more}


@pytest.mark.anyio
class UpkeepTests(SuiteBase):
    """What is asked of all ports but by upkeep alone."""

    async def test_time_is_the_time(self, backend: Backend) -> None:
        time = await backend.now()
        assert time.tzinfo is not None
        assert abs(time - now()) < timedelta(minutes=5)

    async def test_ids_of_structures_come_in_order_in_batches(self, backend: Backend) -> None:
        versions = [new_version_id() for _ in range(25)]
        await backend.structures.put_many({version: structure_document(version) for version in versions})
        found: list[VersionId] = []
        async with closing(backend.structures.ids(batch=10)) as batches:
            async for batch in batches:
                assert 0 < len(batch) <= 10
                found.extend(batch)
        assert found == sorted(versions)

    async def test_ids_of_an_empty_database(self, backend: Backend) -> None:
        for stream in (backend.structures.ids(), backend.definitions.ids()):
            async with closing(stream) as batches:
                assert [batch async for batch in batches] == []

    async def test_links_are_what_a_structure_names_in_the_clear(self, backend: Backend) -> None:
        first, second, third, absent = (new_version_id() for _ in range(4))
        documents = {
            first: structure_document(first),
            second: structure_document(second, previous=first, original=first, title="x" * 10_000),
            third: with_fields(
                structure_document(third, previous=second, original=first),
                blocks=[],
                bases=[to_object_id(first), to_object_id(second)],
            ),
        }
        raw = bson.decode(documents[third])
        blocks = raw.pop("blocks")
        documents[third] = bson.encode({**raw, "body": b"", "blocks": blocks})  # as format 2 orders them
        await backend.structures.put_many(documents)
        assert await backend.structures.links([first, second, third, absent]) == {
            first: StructureLinks(None, first),
            second: StructureLinks(first, first),
            third: StructureLinks(second, first, (first, second)),
        }
        assert await backend.structures.links([]) == {}

    async def test_references_are_what_blocks_refer_to(self, backend: Backend) -> None:
        version, absent, one, other, pin, source = (new_version_id() for _ in range(6))
        blocks = [
            block(one, fields={"source_library_version": str(pin), "display_name": "x"}),
            block(one, edit_info={"original_usage_version": to_object_id(source)}),
            block(other, fields={"source_library_version": "no id"}, edit_info={}),
            block(other, edit_info={"original_usage_version": None}),
        ]
        await backend.structures.put_many(
            {version: with_fields(structure_document(version), blocks=blocks, title="y")}
        )
        assert await backend.structures.references([version, absent]) == {
            version: References(frozenset({one, other}), frozenset({pin, source}))
        }

    async def test_references_that_cannot_be_read(self, backend: Backend) -> None:
        version = new_version_id()
        blocks = [{"block_type": "html", "block_id": "a", "definition": "text"}]
        await backend.structures.put_many({version: with_fields(structure_document(version), blocks=blocks)})
        with pytest.raises(CorruptDocument, match=str(version)):
            await backend.structures.references([version])

    async def test_sizes_are_those_of_the_documents(self, backend: Backend) -> None:
        versions = [new_version_id() for _ in range(1200)]
        structures = {
            version: structure_document(version, size=300 + at) for at, version in enumerate(versions)
        }
        definitions = {version: definition_document(version, size=300) for version in versions[:3]}
        await backend.structures.put_many(structures)
        await backend.definitions.put_many(definitions)
        expected = {version: 300 + at for at, version in enumerate(versions)}
        assert await backend.structures.sizes([*versions, new_version_id()]) == expected
        assert await backend.definitions.sizes(versions) == dict.fromkeys(versions[:3], 300)

    async def test_records_of_kinds_that_begin_alike(self, backend: Backend) -> None:
        names = [("tag a", "x"), ("tag", "y"), ("tag a/b", "z"), ("tags", "t"), ("ta", "u"), ("tag.", "v")]
        for kind, key in names:
            await backend.records.put_if_absent(kind, key, {"of": kind})
        found = await backend.records.starting("tag ")
        assert [(record.kind, record.key) for record in found] == [("tag a", "x"), ("tag a/b", "z")]
        assert found[0].value == {"of": "tag a"}
        assert [record.kind for record in await backend.records.starting("tag.")] == ["tag."]

    async def test_ids_of_any_bytes(self, backend: Backend) -> None:
        lowest, highest = VersionId(b"\1" * 12), VersionId(b"\xff" * 12)
        await backend.structures.put_many({one: structure_document(one) for one in (highest, lowest)})
        async with closing(backend.structures.ids(batch=1)) as batches:
            assert [list(batch) async for batch in batches] == [[lowest], [highest]]

    async def test_entries_that_can_be_read(self, backend: Backend) -> None:
        await self.prepare(backend)
        entries = [new_entry(), new_entry(CourseKey("A", "B", "C"))]
        for entry in entries:
            await backend.index.insert(entry)
        readable, faulty = await backend.index.list_readable()
        assert (readable, faulty) == (await backend.index.list(), [])
        assert len(readable) == 2

    async def test_an_entry_that_cannot_be_read(self, place: Any, backend: Backend) -> None:
        await self.prepare(backend)
        await backend.index.insert(new_entry())
        broken = {"_id": to_object_id(new_version_id()), "org": "A", "course": "B", "run": "C", "versions": 7}
        await self.put_raw_entry(place, broken)
        readable, (faulty,) = await backend.index.list_readable()
        assert [entry.key for entry in readable] == [COURSE]
        assert faulty.place == "index entry A/B/C"
        assert "unreadable" in faulty.message

    async def test_headers_without_faults(self, backend: Backend) -> None:
        versions = [new_version_id() for _ in range(3)]
        await backend.structures.put_many({one: structure_document(one) for one in versions})
        assert await backend.structures.faulty_headers([*versions, new_version_id()]) == {}
        assert await backend.structures.restore_headers([*versions, new_version_id()]) == 0

    async def test_files_that_are_whole_have_no_problems(self, backend: Backend) -> None:
        other = CourseKey("A", "B", "C")
        for number, size in enumerate((0, 1, 255 * 1024, 256 * 1024, 700_000)):
            source = io.BytesIO(random_bytes(size))
            await backend.files.put(new_file(f"{number}", (COURSE, other)[number % 2]), source)
        for deep in (False, True):
            assert await self._checked(backend, None, deep) == (5, [])
            assert await self._checked(backend, COURSE, deep) == (3, [])
        assert await self._checked(backend, CourseKey("No", "such", "course"), True) == (0, [])

    async def _checked(
        self, backend: Backend, course: ContextKey | None, deep: bool
    ) -> tuple[int, list[FileProblem]]:
        files, problems = 0, list[FileProblem]()
        async with closing(backend.files.problems(course, deep=deep, batch=2)) as batches:
            async for checked in batches:
                assert checked.files <= 2
                files += checked.files
                problems += checked.problems
        return files, problems

    async def test_bytes_that_a_file_needs_are_not_left_over(self, backend: Backend) -> None:
        file = new_file()
        await backend.files.put(file, io.BytesIO(b"bytes"))
        for before in (now() + timedelta(days=1), now() - timedelta(days=1)):
            assert await self._leftovers(backend, before) == []

    async def test_leftovers_can_be_removed(self, backend: Backend) -> None:
        """Whatever deleting and replacing leave behind; what is there stays."""
        data = random_bytes(300_000)
        kept, gone = new_file("kept"), new_file("gone")
        for file in (kept, gone):
            await backend.files.put(file, io.BytesIO(data))
        await backend.files.put(kept, io.BytesIO(data[::-1]))
        await backend.files.delete(gone.key)
        early, late = now() - timedelta(days=1), now() + timedelta(days=1)
        assert await self._leftovers(backend, early) == []
        left = await self._leftovers(backend, late)
        names = [leftover.name for leftover in left]
        assert await backend.files.delete_leftovers(names, early) == 0
        assert await self._leftovers(backend, late) == left
        freed = await backend.files.delete_leftovers(names, late)
        assert freed == sum(leftover.size for leftover in left)
        assert await self._leftovers(backend, late) == []
        async with closing(backend.files.read(kept.key)) as pieces:
            assert b"".join([piece async for piece in pieces]) == data[::-1]
        assert await backend.files.get(gone.key) is None
        assert await self._checked(backend, None, True) == (1, [])

    async def _leftovers(self, backend: Backend, before: datetime) -> list[Leftover]:
        async with closing(backend.files.leftovers(before, batch=1)) as batches:
            return [leftover async for batch in batches for leftover in batch]
