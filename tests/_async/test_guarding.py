"""The look at what is condemned before a reference counts: what is spared, what is lost, what goes along."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import bson
import pytest
from bson import ObjectId

from modulestore._async.guarding import Guard, Lost, Written, condemned_kind, read_pruning
from modulestore._async.preparing import WriteRules, prepare_write, set_format
from modulestore._async.pruning.condemning import Condemning
from modulestore._async.sqlite import open_sqlite
from modulestore.errors import Conflict, DefinitionNotFound, VersionNotFound
from modulestore.keys import VersionId
from modulestore.model.columns import VersionColumn
from modulestore.testing._async.faults import CountingBackend
from modulestore.upkeep.pruning.condemned import Chunk, Kind

pytestmark = pytest.mark.anyio


def version(number: int) -> VersionId:
    return VersionId(number.to_bytes(12, "big"))


def ids(*numbers: int) -> set[VersionId]:
    return {version(number) for number in numbers}


def document(number: int, *, bases: Collection[int], pins: Collection[int], definition: int) -> bytes:
    oid = ObjectId(version(number))
    block = {"block_type": "html", "block_id": "b", "definition": ObjectId(version(definition))}
    info = [{"original_usage_version": ObjectId(version(pin))} for pin in pins] or [{}]
    return bson.encode(
        {
            "_id": oid,
            "previous_version": None,
            "original_version": oid,
            "edited_on": datetime(2020, 1, 1, tzinfo=UTC),
            "root": ["course", "course"],
            "schema_version": 1,
            "bases": [ObjectId(version(base)) for base in bases],
            "blocks": [{**block, "fields": {}, "edit_info": one} for one in info],
        }
    )


@dataclass
class Scene:
    """Structures 1 to 9, each with a definition a hundred later, and who writes.

    Structure 4 is stored on 2 and 3, and its blocks come from 1; 9 is stored on 4.
    """

    backend: CountingBackend
    guard: Guard
    condemning: Condemning

    async def condemn(self, structures: Collection[int], definitions: Collection[int] = ()) -> None:
        self.condemning = await Condemning.begin(self.backend, "plan")
        await self.condemning.left_behind()
        columns: dict[Kind, VersionColumn] = {
            "structures": VersionColumn.of(sorted(ids(*structures))),
            "definitions": VersionColumn.of(sorted(ids(*definitions))),
        }
        await self.condemning.condemn(columns)

    async def condemned(self, kind: Kind = "structures") -> set[VersionId]:
        records = await self.backend.records.list(condemned_kind(kind))
        return {one for record in records for one in Chunk.from_record(record.value).ids}

    async def seize(self, kind: Kind, number: int) -> None:
        """Let it be too late for the chunk that has an id."""
        start = self.condemning.state.of(kind).chunk_of(version(number))
        assert start is not None
        await self.condemning.seize(kind, self.condemning.state.chunk_key(start), lambda ids: set())

    async def expect(self, **written: Collection[VersionId]) -> None:
        await self.guard.expect(self.backend, 1, Written(**written))


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr("modulestore.upkeep.pruning.condemned.CHUNK", 3)
    backend = CountingBackend(await open_sqlite(":memory:"))
    await prepare_write(backend, -1, WriteRules(new_schema=1))
    leads = {4: {"bases": [2, 3], "pins": [1]}, 9: {"bases": [4], "pins": []}}
    await backend.structures.put_many(
        {
            version(number): document(
                number,
                bases=leads.get(number, {}).get("bases", []),
                pins=leads.get(number, {}).get("pins", []),
                definition=number + 100,
            )
            for number in range(1, 10)
        }
    )
    await backend.definitions.put_many(
        {version(number): bson.encode({"_id": ObjectId(version(number))}) for number in range(101, 110)}
    )
    yield Scene(backend, Guard(WriteRules()), Condemning(backend, await read_pruning(backend)))
    await backend.close()


async def test_without_any_pruning_one_look_is_enough(scene: Scene) -> None:
    scene.backend.calls.clear()
    await scene.expect(structures=ids(1), bases=ids(2), definitions=ids(101), shared=ids(102))
    assert dict(scene.backend.calls) == {"records.list": 1}


async def test_what_is_written_is_spared(scene: Scene) -> None:
    await scene.condemn([5, 6, 7, 8], [105, 106])
    await scene.expect(structures=ids(5), bases=ids(8), definitions=ids(105), shared=ids(106))
    assert await scene.condemned() == ids(6, 7)
    # What version 8 needs was not condemned.
    assert await scene.condemned("definitions") == set()


async def test_what_is_too_late_is_written_again(scene: Scene) -> None:
    await scene.condemn([5, 6])
    await scene.seize("structures", 5)
    with pytest.raises(Lost) as error:
        await scene.expect(structures=ids(5))
    assert error.value.whole is False
    with pytest.raises(Lost) as error:
        await scene.expect(structures=ids(1), bases=ids(6))
    assert error.value.whole is True


async def test_definitions_that_are_gone(scene: Scene) -> None:
    await scene.condemn([], [105, 106])
    await scene.seize("definitions", 105)
    with pytest.raises(DefinitionNotFound, match=str(version(105))):
        await scene.expect(shared=ids(105))
    with pytest.raises(Lost):
        await scene.expect(definitions=ids(106))


async def test_what_is_made_visible_must_be_there(scene: Scene) -> None:
    await scene.condemn([5, 6])
    await scene.backend.structures.delete_many(ids(1))
    with pytest.raises(VersionNotFound, match=str(version(1))):
        await scene.expect(versions=ids(1))
    await scene.expect(versions=ids(5))
    await scene.expect(opened=ids(1))  # a pin may lead nowhere
    assert await scene.condemned() == ids(6)


async def test_another_format_is_noticed(scene: Scene) -> None:
    assert await scene.guard.schema(scene.backend, -1) == 1
    await set_format(scene.backend, 2)
    with pytest.raises(Lost, match="another format"):
        await scene.expect(structures=ids(1))
    assert await scene.guard.schema(scene.backend, -1) == 2


async def test_what_a_version_needs_is_spared_with_it(scene: Scene) -> None:
    await scene.condemn(range(1, 10), range(101, 110))
    assert await scene.guard.gone(scene.backend, ids(9)) == set()
    assert await scene.condemned() == ids(5, 6, 7, 8)
    # The definitions of what it is stored on, which its own blocks are in; and of what these open.
    assert await scene.condemned("definitions") == ids(105, 106, 107, 108)


@pytest.mark.parametrize(("kind", "number"), [("structures", 2), ("definitions", 103), ("definitions", 109)])
async def test_a_version_whose_needs_are_too_late_is_gone(scene: Scene, kind: Kind, number: int) -> None:
    await scene.condemn(range(1, 10), range(101, 110))
    await scene.seize(kind, number)
    assert await scene.guard.gone(scene.backend, ids(9)) == ids(9)
    # It has not become a version like any other by that.
    with pytest.raises(VersionNotFound):
        await scene.guard.expect_version(scene.backend, version(9))


async def test_a_pin_that_is_too_late_takes_nothing_along(scene: Scene) -> None:
    await scene.condemn([1, 4])
    await scene.backend.structures.delete_many(ids(1))
    assert await scene.guard.gone(scene.backend, ids(4)) == set()


async def test_versions_that_come_from_each_other(scene: Scene) -> None:
    """Nobody has made such, but somebody may bring them along."""
    pair = {11: 12, 12: 11}
    await scene.backend.structures.put_many(
        {version(one): document(one, bases=[], pins=[other], definition=101) for one, other in pair.items()}
    )
    await scene.condemn([11, 12])
    assert await scene.guard.gone(scene.backend, ids(11)) == set()
    assert await scene.condemned() == set()


async def test_what_was_found_to_stay_is_not_looked_for_again(scene: Scene) -> None:
    await scene.condemn([6])
    assert await scene.guard.gone(scene.backend, ids(5)) == set()
    scene.backend.calls.clear()
    assert await scene.guard.gone(scene.backend, ids(5)) == set()
    assert dict(scene.backend.calls) == {"records.get": 1}
    # Until another pruning begins.
    await scene.condemn([5])
    await scene.seize("structures", 5)
    assert await scene.guard.gone(scene.backend, ids(5)) == ids(5)


async def test_what_was_spared_is_looked_for_again(scene: Scene) -> None:
    """In a transaction that was undone it is condemned as before."""
    await scene.condemn([5])
    with suppress(ZeroDivisionError):
        async with scene.backend.group() as group:
            assert await scene.guard.gone(group, ids(5)) == set()
            raise ZeroDivisionError
    assert await scene.condemned() == ids(5)
    await scene.seize("structures", 5)
    assert await scene.guard.gone(scene.backend, ids(5)) == ids(5)


async def test_younger_than_anything_that_was_condemned(scene: Scene) -> None:
    await scene.condemn([3])
    scene.backend.calls.clear()
    assert await scene.guard.gone(scene.backend, ids(4, 999)) == set()
    assert dict(scene.backend.calls) == {"records.get": 1}


async def test_who_prunes_later_takes_over(scene: Scene) -> None:
    await scene.condemn([1, 2, 3, 4, 5, 6])
    first = scene.condemning
    await scene.seize("structures", 1)
    second = await Condemning.begin(scene.backend, "other")
    assert dict(await second.left_behind()) == {
        "structures": [first.keys("structures")[0]],
        "definitions": [],
    }
    assert await scene.condemned() == ids(1, 2, 3)  # what is not being deleted is condemned no more
    # Still too late, and found, until the one who has taken over has deleted it.
    assert await scene.guard.gone(scene.backend, ids(1, 5)) == ids(1)
    with pytest.raises(Conflict, match="somebody else"):
        await first.seize("structures", first.keys("structures")[1], lambda ids: set())
    with pytest.raises(Conflict, match="somebody else"):
        await first.end()


async def test_withdrawn(scene: Scene) -> None:
    await scene.condemn([1, 2, 3, 4, 5, 6], [101])
    await scene.condemning.withdraw()
    assert await scene.condemned() == set()
    assert await scene.guard.gone(scene.backend, ids(1, 6)) == set()
    assert (await read_pruning(scene.backend)).under_way is False
