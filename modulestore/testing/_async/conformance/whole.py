"""The backend as a whole: groups, emptiness, database indexes, closing."""

from __future__ import annotations

import io
from typing import Any

import pytest

from modulestore._async.ports import Backend, Record
from modulestore._async.waiting import closing, race
from modulestore.errors import CourseExists, DocumentTooLarge, ModuleStoreError
from modulestore.keys import CourseKey
from modulestore.model.index import Moved, Swapped
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
from modulestore.upkeep.migrations import load_steps

__all__ = ["WholeTests"]


class StopHere(Exception):
    """Ends a group."""


@pytest.mark.anyio
class WholeTests(SuiteBase):
    """What concerns all ports."""

    async def test_group_does_what_is_in_it(self, backend: Backend) -> None:
        entry, definition, structure = new_entry(), new_version_id(), new_version_id()
        await backend.index.insert(entry)
        async with backend.group() as group:
            await group.definitions.put_many({definition: definition_document(definition)})
            await group.structures.put_many({structure: structure_document(structure)})
            file = await group.files.put(new_file(), io.BytesIO(b"data"))
            await group.records.put_if_absent("tag", "a", {"n": 1})
            result = await group.index.swap(entry, entry.heads, {"draft": structure})
        assert isinstance(result, Swapped)
        assert await backend.index.get(COURSE) == result.entry
        assert set(await backend.definitions.get_many([definition])) == {definition}
        assert set(await backend.structures.get_many([structure])) == {structure}
        assert await backend.files.get(file.key) == file
        assert await backend.records.get("tag", "a") == Record("tag", "a", 1, {"n": 1})

    async def test_group_sees_what_it_has_written(self, backend: Backend) -> None:
        entry, structure = new_entry(), new_version_id()
        document = structure_document(structure)
        async with backend.group() as group:
            assert await group.is_empty()
            await group.index.insert(entry)
            await group.structures.put_many({structure: document})
            file = await group.files.put(new_file(), io.BytesIO(b"data"))
            await group.records.put_if_absent("tag", "a", {})
            assert not await group.is_empty()
            assert await group.index.get(COURSE) == entry
            assert await group.index.list() == [entry]
            assert await group.structures.get_many([structure]) == {structure: document}
            assert await group.files.list(COURSE) == [file]
            assert [record.key for record in await group.records.list("tag")] == ["a"]
            async with closing(group.files.read(file.key)) as pieces:
                assert [piece async for piece in pieces] == [b"data"]
            async with closing(group.structures.headers()) as batches:
                assert [header.id async for batch in batches for header in batch] == [structure]
            assert await group.missing_indexes([]) == []

    async def test_group_without_writes(self, backend: Backend) -> None:
        async with backend.group():
            pass
        async with backend.group() as group:
            assert await group.index.get(COURSE) is None
        assert await backend.is_empty()

    async def test_group_that_fails(self, backend: Backend) -> None:
        entry, structure = new_entry(), new_version_id()
        await backend.index.insert(entry)
        kept = await backend.files.put(new_file("kept.txt"), io.BytesIO(b"kept"))
        with pytest.raises(StopHere):
            await self._fail_in_a_group(backend, structure)
        # Nothing may point to what is not there, whether or not a group is done whole.
        assert await backend.index.get(COURSE) == entry
        if backend.has_atomic_groups:
            assert await backend.structures.get_many([structure]) == {}
            assert await backend.files.list(COURSE) == [kept]
            assert await backend.records.list("tag") == []
        async with closing(backend.files.read(kept.key)) as pieces:
            assert [piece async for piece in pieces] == [b"kept"]

    async def _fail_in_a_group(self, backend: Backend, structure: Any) -> None:
        async with backend.group() as group:
            await group.structures.put_many({structure: structure_document(structure)})
            await group.files.put(new_file("new.txt"), io.BytesIO(random_bytes(600_000)))
            await group.records.put_if_absent("tag", "a", {})
            raise StopHere

    async def test_group_goes_on_after_an_answer_that_is_no(self, backend: Backend) -> None:
        entry, structure = new_entry(), new_version_id()
        await backend.index.insert(entry)
        async with backend.group() as group:
            await group.structures.put_many({structure: structure_document(structure)})
            with pytest.raises(CourseExists):
                await group.index.insert(new_entry())
            too_large = definition_document(structure, size=backend.max_document + 1)
            with pytest.raises(DocumentTooLarge):
                await group.definitions.put_many({structure: too_large})
            assert await group.index.swap(entry, {"draft": structure}, {}) == Moved(entry)
            result = await group.index.swap(entry, entry.heads, {"draft": structure})
        assert isinstance(result, Swapped)
        assert await backend.index.get(COURSE) == result.entry
        assert set(await backend.structures.get_many([structure])) == {structure}

    async def test_group_is_seen_whole_or_not_at_all(self, backend: Backend, second: Backend) -> None:
        if not backend.has_atomic_groups:
            pytest.skip("this backend does not promise it")
        structure = new_version_id()
        async with backend.group() as group:
            await group.structures.put_many({structure: structure_document(structure)})
            await group.index.insert(new_entry())
            assert await second.structures.get_many([structure]) == {}
            assert await second.index.list() == []
            assert await second.is_empty()
        assert set(await second.structures.get_many([structure])) == {structure}
        assert len(await second.index.list()) == 1

    async def test_group_in_a_group(self, backend: Backend) -> None:
        outer, inner = new_version_id(), new_version_id()
        async with backend.group() as group:
            await group.definitions.put_many({outer: definition_document(outer)})
            async with group.group() as nested:
                await nested.definitions.put_many({inner: definition_document(inner)})
                assert set(await nested.definitions.get_many([outer, inner])) == {outer, inner}
        assert set(await backend.definitions.get_many([outer, inner])) == {outer, inner}

    async def test_group_in_a_group_that_fails(self, backend: Backend) -> None:
        outer, inner = new_version_id(), new_version_id()
        async with backend.group() as group:
            await group.definitions.put_many({outer: definition_document(outer)})
            with pytest.raises(StopHere):
                await self._fail_in_a_group(group, inner)
        assert set(await backend.definitions.get_many([outer])) == {outer}
        if backend.has_atomic_groups:
            assert await backend.structures.get_many([inner]) == {}
            assert await backend.records.list("tag") == []

    async def test_many_groups_at_once(self, backend: Backend) -> None:
        entry = new_entry(CourseKey("O", "C", "R"), {})
        await backend.index.insert(entry)

        async def commit(branch: str) -> bool:
            structure = new_version_id()
            async with backend.group() as group:
                await group.structures.put_many({structure: structure_document(structure)})
                result = await group.index.swap(entry, {branch: None}, {branch: structure})
            return isinstance(result, Swapped)

        branches = [f"branch{number}" for number in range(6)]
        assert await race(*(lambda branch=branch: commit(branch) for branch in branches)) == [True] * 6
        stored = await backend.index.get(entry.key)
        assert stored is not None
        assert sorted(stored.heads) == branches
        assert set(await backend.structures.get_many(list(stored.heads.values()))) == set(
            stored.heads.values()
        )

    async def test_what_makes_a_database_not_empty(self, backend: Backend) -> None:
        assert await backend.is_empty()
        await backend.records.put_if_absent("tag", "a", {})
        assert await backend.is_empty()
        version = new_version_id()
        for port, document in (
            (backend.structures, structure_document(version)),
            (backend.definitions, definition_document(version)),
        ):
            await port.put_many({version: document})
            assert not await backend.is_empty()
            await port.delete_many([version])
            assert await backend.is_empty()
        entry = new_entry()
        await backend.index.insert(entry)
        assert not await backend.is_empty()

    async def test_database_indexes_are_made_once(self, backend: Backend) -> None:
        wanted = [index for step in load_steps() for index in step.indexes]
        missing = await backend.missing_indexes(wanted)
        assert await backend.create_indexes(wanted) == missing
        assert await backend.missing_indexes(wanted) == []
        assert await backend.create_indexes(wanted) == []
        assert await backend.is_empty()

    async def test_what_one_handle_writes_another_reads(self, backend: Backend, second: Backend) -> None:
        assert await second.is_empty()
        entry, structure = new_entry(), new_version_id()
        await backend.index.insert(entry)
        await backend.structures.put_many({structure: structure_document(structure)})
        file = await backend.files.put(new_file(), io.BytesIO(b"data"))
        assert await second.index.get(COURSE) == entry
        assert set(await second.structures.get_many([structure])) == {structure}
        assert await second.files.get(file.key) == file
        result = await second.index.swap(entry, entry.heads, {"draft": structure})
        assert isinstance(result, Swapped)
        assert await backend.index.get(COURSE) == result.entry

    async def test_closing_twice(self, place: Any) -> None:
        backend = await self.open(place)
        await backend.index.list()
        await backend.close()
        await backend.close()

    async def test_closed_backend_cannot_be_used(self, place: Any) -> None:
        backend = await self.open(place)
        await backend.index.insert(new_entry())
        await backend.close()
        version = new_version_id()
        with pytest.raises(ModuleStoreError):
            await backend.index.get(COURSE)
        with pytest.raises(ModuleStoreError):
            await backend.structures.put_many({version: structure_document(version)})
        with pytest.raises(ModuleStoreError):
            await backend.files.put(new_file(), io.BytesIO(b"data"))
        with pytest.raises(ModuleStoreError):
            await backend.definitions.ids().__anext__()
        with pytest.raises(ModuleStoreError):
            await self._group_of_one(backend)

    async def _group_of_one(self, backend: Backend) -> None:
        async with backend.group() as group:
            await group.records.put_if_absent("tag", "a", {})
