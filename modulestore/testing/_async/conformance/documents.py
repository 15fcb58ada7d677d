"""Structures and definitions."""

from __future__ import annotations

import itertools

import bson
import pytest

from modulestore._async.ports import Backend
from modulestore._async.waiting import closing, race
from modulestore.errors import DocumentTooLarge
from modulestore.formats.headers import decode_header
from modulestore.keys import BlockKey, VersionId
from modulestore.model.structure import StructureHeader
from modulestore.testing._async.conformance.base import SuiteBase
from modulestore.testing.samples import MOMENT, definition_document, new_version_id, structure_document

__all__ = ["DefinitionTests", "StructureTests"]


def ids(number: int) -> list[VersionId]:
    """New ids, in no order."""
    return sorted((new_version_id() for _ in range(number)), key=lambda version: version[::-1])


@pytest.mark.anyio
class StructureTests(SuiteBase):
    """The port `Structures`."""

    async def test_structure_comes_back_byte_for_byte(self, backend: Backend) -> None:
        version = new_version_id()
        document = structure_document(version, title="über 字 \x00 \u2028", edited_by="Änne")
        await backend.structures.put_many({version: document})
        assert await backend.structures.get_many([version]) == {version: document}

    async def test_structures_that_are_not_there_are_left_out(self, backend: Backend) -> None:
        there, absent = new_version_id(), new_version_id()
        assert await backend.structures.get_many([there, absent]) == {}
        document = structure_document(there)
        await backend.structures.put_many({there: document})
        assert await backend.structures.get_many({there, absent}) == {there: document}
        assert await backend.structures.get_many([]) == {}

    async def test_structure_that_is_there_is_left_as_it_is(self, backend: Backend) -> None:
        first, second = ids(2)
        document = structure_document(first, title="first")
        assert await backend.structures.put_many({first: document})
        other = structure_document(second)
        again = {first: structure_document(first, title="again"), second: other}
        assert not await backend.structures.put_many(again)
        assert await backend.structures.get_many([first, second]) == {first: document, second: other}

    async def test_no_structures(self, backend: Backend) -> None:
        assert await backend.structures.put_many({})
        assert await backend.structures.replace_many({}) == 0
        assert await backend.structures.relink({}) == 0
        assert await backend.structures.delete_many([]) == 0

    async def test_structure_of_the_largest_size(self, backend: Backend) -> None:
        version = new_version_id()
        document = structure_document(version, size=backend.max_document)
        assert len(document) == backend.max_document
        await backend.structures.put_many({version: document})
        assert await backend.structures.get_many([version]) == {version: document}

    async def test_structure_that_is_too_large_leaves_nothing(self, backend: Backend) -> None:
        fits, too_large = new_version_id(), new_version_id()
        size = backend.max_document + 1
        documents = {fits: structure_document(fits), too_large: structure_document(too_large, size=size)}
        with pytest.raises(DocumentTooLarge) as caught:
            await backend.structures.put_many(documents)
        assert (caught.value.size, caught.value.limit) == (size, backend.max_document)
        assert str(too_large) in str(caught.value)
        assert await backend.structures.get_many(list(documents)) == {}

    async def test_structures_are_replaced_by_another_form_of_them(self, backend: Backend) -> None:
        first, second, third = ids(3)
        documents = {
            first: structure_document(first),
            second: structure_document(second, previous=first),
            third: structure_document(third, title="stays"),
        }
        await backend.structures.put_many(documents)
        headers = await self._headers(backend)
        others = {
            first: structure_document(first, title="otherwise"),
            second: structure_document(second, previous=first, title="otherwise"),
        }
        assert await backend.structures.replace_many(others) == 2
        assert await backend.structures.get_many(documents) == {**documents, **others}
        assert await self._headers(backend) == headers
        assert await backend.structures.replace_many(documents) == 3
        assert await backend.structures.get_many(documents) == documents

    async def test_only_a_structure_that_is_there_is_replaced(self, backend: Backend) -> None:
        there, absent = ids(2)
        await backend.structures.put_many({there: structure_document(there)})
        others = {one: structure_document(one, title="otherwise") for one in (absent, there)}
        assert await backend.structures.replace_many(others) == 1
        assert await backend.structures.get_many([there, absent]) == {there: others[there]}

    async def test_structure_that_was_relinked_meanwhile_is_not_replaced(self, backend: Backend) -> None:
        first, second, third, fourth = ids(4)
        documents = {
            one: structure_document(one, previous=previous)
            for one, previous in ((first, None), (second, first), (third, second), (fourth, None))
        }
        await backend.structures.put_many(documents)
        await backend.structures.relink({second: None, third: first, fourth: first})
        relinked = await backend.structures.get_many(documents)
        assert await backend.structures.replace_many(documents) == 1
        assert await backend.structures.get_many(documents) == relinked
        other = structure_document(third, previous=first, title="otherwise")
        assert await backend.structures.replace_many({third: other}) == 1
        assert await backend.structures.get_many(documents) == {**relinked, third: other}

    async def test_replacement_of_the_largest_size(self, backend: Backend) -> None:
        version = new_version_id()
        await backend.structures.put_many({version: structure_document(version)})
        document = structure_document(version, size=backend.max_document)
        assert await backend.structures.replace_many({version: document}) == 1
        assert await backend.structures.get_many([version]) == {version: document}

    async def test_replacement_that_is_too_large_changes_nothing(self, backend: Backend) -> None:
        fits, too_large = ids(2)
        documents = {one: structure_document(one) for one in (fits, too_large)}
        await backend.structures.put_many(documents)
        size = backend.max_document + 1
        others = {
            fits: structure_document(fits, title="otherwise"),
            too_large: structure_document(too_large, size=size),
        }
        with pytest.raises(DocumentTooLarge) as caught:
            await backend.structures.replace_many(others)
        assert (caught.value.size, caught.value.limit) == (size, backend.max_document)
        assert await backend.structures.get_many(documents) == documents

    async def test_headers_are_those_of_the_documents(self, backend: Backend) -> None:
        first, second, third = sorted(ids(3))
        documents = {
            third: structure_document(third, edited_by=None),
            first: structure_document(first, edited_by="Änne"),
            second: structure_document(second, previous=first, original=first, edited_by=-1),
        }
        await backend.structures.put_many(documents)
        found = await self._headers(backend)
        assert found == [decode_header(documents[version]) for version in (first, second, third)]
        assert found[1] == StructureHeader(second, BlockKey("course", "course"), first, first, -1, MOMENT)

    async def test_headers_come_by_id_in_batches(self, backend: Backend) -> None:
        versions = ids(25)
        await backend.structures.put_many({version: structure_document(version) for version in versions})
        sizes: list[int] = []
        found: list[VersionId] = []
        async with closing(backend.structures.headers(batch=10)) as batches:
            async for batch in batches:
                sizes.append(len(batch))
                found.extend(header.id for header in batch)
        assert found == sorted(versions)
        assert sizes == [10, 10, 5]

    async def test_headers_of_one_original(self, backend: Backend) -> None:
        versions = ids(25)
        original, of_one = versions[0], set(versions[:13])
        await backend.structures.put_many(
            {
                version: structure_document(version, original=original if version in of_one else None)
                for version in versions
            }
        )
        found = await self._headers(backend, original=original, batch=5)
        assert [header.id for header in found] == sorted(of_one)
        assert await self._headers(backend, original=new_version_id()) == []

    async def test_headers_of_nothing(self, backend: Backend) -> None:
        assert await self._headers(backend) == []

    async def test_headers_may_be_left_in_the_middle(self, backend: Backend) -> None:
        versions = ids(30)
        await backend.structures.put_many({version: structure_document(version) for version in versions})
        async with closing(backend.structures.headers(batch=10)) as batches:
            async for batch in batches:
                assert len(batch) == 10
                break
        assert await backend.structures.delete_many(versions) == 30

    async def test_structures_may_change_while_headers_are_read(self, backend: Backend) -> None:
        versions = sorted(ids(20))
        await backend.structures.put_many({version: structure_document(version) for version in versions})
        found: list[VersionId] = []
        async with closing(backend.structures.headers(batch=5)) as batches:
            async for batch in batches:
                found.extend(header.id for header in batch)
                await backend.structures.delete_many([header.id for header in batch])
        assert found == versions
        assert await self._headers(backend) == []

    async def test_relink_changes_one_field_of_document_and_header(self, backend: Backend) -> None:
        first, second, third = sorted(ids(3))
        document = structure_document(third, previous=second, original=first, title="stays")
        await backend.structures.put_many({first: structure_document(first), third: document})
        assert await backend.structures.relink({third: first, new_version_id(): first}) == 1
        await self._assert_relinked(backend, third, document, first)
        assert await backend.structures.relink({third: None}) == 1
        await self._assert_relinked(backend, third, document, None)

    async def test_relink_counts_what_is_so_already(self, backend: Backend) -> None:
        version = new_version_id()
        await backend.structures.put_many({version: structure_document(version)})
        assert await backend.structures.relink({version: None}) == 1

    async def test_deleted_structures_are_gone(self, backend: Backend) -> None:
        versions = ids(5)
        await backend.structures.put_many({version: structure_document(version) for version in versions})
        assert await backend.structures.delete_many([*versions[:3], new_version_id()]) == 3
        assert set(await backend.structures.get_many(versions)) == set(versions[3:])
        assert {header.id for header in await self._headers(backend)} == set(versions[3:])

    async def test_deleted_structure_can_be_put_again(self, backend: Backend) -> None:
        version = new_version_id()
        await backend.structures.put_many({version: structure_document(version, title="first")})
        await backend.structures.delete_many([version])
        document = structure_document(version, title="second")
        await backend.structures.put_many({version: document})
        assert await backend.structures.get_many([version]) == {version: document}

    async def test_structures_and_definitions_are_apart(self, backend: Backend) -> None:
        version = new_version_id()
        await backend.structures.put_many({version: structure_document(version)})
        assert await backend.definitions.get_many([version]) == {}
        assert await backend.definitions.delete_many([version]) == 0

    async def _headers(
        self, backend: Backend, *, original: VersionId | None = None, batch: int = 1000
    ) -> list[StructureHeader]:
        found: list[StructureHeader] = []
        async with closing(backend.structures.headers(original=original, batch=batch)) as batches:
            async for some in batches:
                found.extend(some)
        return found

    async def _assert_relinked(
        self, backend: Backend, version: VersionId, before: bytes, previous: VersionId | None
    ) -> None:
        stored = (await backend.structures.get_many([version]))[version]
        expected = decode_header(before)._replace(previous_version=previous)
        assert decode_header(stored) == expected
        assert expected in await self._headers(backend)
        old, new = bson.decode(before), bson.decode(stored)
        assert list(old) == list(new)
        assert {**old, "previous_version": None} == {**new, "previous_version": None}


@pytest.mark.anyio
class DefinitionTests(SuiteBase):
    """The port `Definitions`."""

    async def test_definition_comes_back_byte_for_byte(self, backend: Backend) -> None:
        version = new_version_id()
        fields = {"data": "über 字 \x00", "a.b": {"$c": [1, None, 2.5, b"bytes", MOMENT]}, "empty": {}}
        document = definition_document(version, fields)
        await backend.definitions.put_many({version: document})
        assert await backend.definitions.get_many([version]) == {version: document}

    async def test_thousands_of_definitions(self, backend: Backend) -> None:
        documents = {version: definition_document(version, {"data": str(version)}) for version in ids(2500)}
        await backend.definitions.put_many(documents)
        wanted = [*itertools.islice(documents, 2200), *ids(100)]
        found = await backend.definitions.get_many(wanted)
        assert found == {version: documents[version] for version in wanted if version in documents}

    async def test_many_large_definitions(self, backend: Backend) -> None:
        documents = {version: definition_document(version, size=3_000_000) for version in ids(8)}
        await backend.definitions.put_many(documents)
        assert await backend.definitions.get_many(documents) == documents

    async def test_definition_that_is_there_is_left_as_it_is(self, backend: Backend) -> None:
        version, other = ids(2)
        documents = {version: definition_document(version, {"n": 1}), other: definition_document(other)}
        assert await backend.definitions.put_many({})
        assert await backend.definitions.put_many(documents)
        again = new_version_id()
        more = {
            version: definition_document(version, {"n": 2}),
            again: definition_document(again),
            other: definition_document(other, {"n": 3}),
        }
        assert not await backend.definitions.put_many(more)
        assert await backend.definitions.get_many([version, other, again]) == {
            **documents,
            again: more[again],
        }

    async def test_definition_that_is_too_large_leaves_nothing(self, backend: Backend) -> None:
        fits, too_large = new_version_id(), new_version_id()
        documents = {
            fits: definition_document(fits),
            too_large: definition_document(too_large, size=backend.max_document + 1),
        }
        with pytest.raises(DocumentTooLarge):
            await backend.definitions.put_many(documents)
        assert await backend.definitions.get_many(list(documents)) == {}

    async def test_ids_come_in_order_in_batches(self, backend: Backend) -> None:
        versions = ids(25)
        await backend.definitions.put_many({version: definition_document(version) for version in versions})
        found: list[VersionId] = []
        async with closing(backend.definitions.ids(batch=10)) as batches:
            async for batch in batches:
                assert len(batch) <= 10
                found.extend(batch)
        assert found == sorted(versions)

    async def test_the_same_definitions_from_many_sides(self, backend: Backend) -> None:
        documents = {version: definition_document(version) for version in ids(40)}
        backwards = dict(reversed(documents.items()))
        put = backend.definitions.put_many
        await race(*(lambda some=some: put(some) for some in (documents, backwards) * 3))
        assert await backend.definitions.get_many(documents) == documents

    async def test_deleted_definitions_are_gone(self, backend: Backend) -> None:
        versions = ids(1500)
        await backend.definitions.put_many({version: definition_document(version) for version in versions})
        assert await backend.definitions.delete_many([*versions[1:], new_version_id()]) == 1499
        assert set(await backend.definitions.get_many(versions)) == {versions[0]}
