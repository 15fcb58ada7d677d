"""Index entries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modulestore._async.ports import Backend
from modulestore._async.waiting import race
from modulestore.errors import CourseExists, InvalidInput
from modulestore.formats.entries import encode_entry
from modulestore.keys import CourseKey, LibraryKey, VersionId
from modulestore.model.index import IndexEntry, Moved, Swapped
from modulestore.testing._async.conformance.base import SuiteBase
from modulestore.testing.samples import COURSE, MOMENT, new_entry, new_version_id

__all__ = ["IndexTests"]

FUTURE = datetime(2120, 1, 1, 12, 30, 0, 123000, tzinfo=UTC)


@pytest.mark.anyio
class IndexTests(SuiteBase):
    """The port `Index`."""

    async def test_entry_that_is_not_there(self, backend: Backend) -> None:
        assert await backend.index.get(COURSE) is None
        assert await backend.index.list() == []

    async def test_entry_comes_back_as_it_was(self, backend: Backend) -> None:
        entry = new_entry(
            heads={"draft": new_version_id(), "published": new_version_id()},
            edited_by="Änne",
            search_targets={"wiki_slug": "$slug.with\u2028strange 字"},
        )
        await backend.index.insert(entry)
        assert await backend.index.get(COURSE) == entry

    async def test_entry_is_found_by_a_key_with_branch_and_version(self, backend: Backend) -> None:
        entry = new_entry()
        await backend.index.insert(entry)
        key = COURSE.for_branch("draft-branch").for_version(new_version_id())
        assert await backend.index.get(key) == entry

    async def test_entry_of_a_library(self, backend: Backend) -> None:
        entry = new_entry(LibraryKey("Org", "Lib"), {"library": new_version_id()})
        await backend.index.insert(entry)
        assert await backend.index.get(LibraryKey("Org", "Lib")) == entry

    async def test_entry_without_heads_and_author(self, backend: Backend) -> None:
        entry = new_entry(heads={}, edited_by=None)
        await backend.index.insert(entry)
        assert await backend.index.get(COURSE) == entry

    async def test_entry_that_lacks_fields(self, backend: Backend, place: Any) -> None:
        entry = new_entry(last_update=None)
        old = encode_entry(entry)
        for field in ("last_update", "schema_version", "search_targets"):
            del old[field]
        await self.put_raw_entry(place, old)
        stored = await backend.index.get(COURSE)
        assert stored == entry
        result = await backend.index.swap(entry, entry.heads, {"published": new_version_id()})
        assert isinstance(result, Swapped)
        assert result.entry.last_update is not None

    async def test_entries_are_sorted_by_name(self, backend: Backend) -> None:
        names = [("B", "a", "r"), ("A", "b", "r"), ("A", "a", "s"), ("A", "a", "r"), ("a", "a", "r")]
        for name in names:
            await backend.index.insert(new_entry(CourseKey(*name)))
        assert [entry.key.identity for entry in await backend.index.list()] == sorted(names)

    async def test_case_counts_unless_it_is_ignored(self, backend: Backend) -> None:
        entry = new_entry(CourseKey("Größe.x", "C", "R"))
        await backend.index.insert(entry)
        other = CourseKey("GRÖßE.X", "c", "r")
        assert await backend.index.get(other) is None
        assert await backend.index.get(other, ignore_case=True) == entry
        assert await backend.index.get(CourseKey("Größe-x", "C", "R"), ignore_case=True) is None
        assert await backend.index.get(CourseKey("Größe.xx", "C", "R"), ignore_case=True) is None
        assert await backend.index.get(CourseKey("röße.x", "C", "R"), ignore_case=True) is None
        assert await backend.index.get(CourseKey("Gr..e.x", "C", "R"), ignore_case=True) is None

    async def test_exact_entry_is_preferred_when_case_is_ignored(self, backend: Backend) -> None:
        for org in ("org", "ORG", "Org"):
            await backend.index.insert(new_entry(CourseKey(org, "C", "R")))
        found = await backend.index.get(CourseKey("Org", "C", "R"), ignore_case=True)
        assert found is not None
        assert found.key.org == "Org"

    async def test_entry_cannot_be_inserted_twice(self, backend: Backend) -> None:
        entry = new_entry()
        await backend.index.insert(entry)
        with pytest.raises(CourseExists):
            await backend.index.insert(new_entry())
        assert await backend.index.get(COURSE) == entry

    async def test_name_that_differs_by_case_can_be_inserted(self, backend: Backend) -> None:
        await backend.index.insert(new_entry(CourseKey("org", "C", "R")))
        await backend.index.insert(new_entry(CourseKey("ORG", "C", "R")))
        assert len(await backend.index.list()) == 2

    async def test_branch_that_cannot_be_a_field(self, backend: Backend) -> None:
        entry = new_entry()
        await backend.index.insert(entry)
        with pytest.raises(InvalidInput):
            await backend.index.insert(new_entry(CourseKey("O", "C", "R"), {"a.b": new_version_id()}))
        with pytest.raises(InvalidInput):
            await backend.index.swap(entry, {}, {"$branch": new_version_id()})
        with pytest.raises(InvalidInput):
            await backend.index.swap(entry, {"a.b": None}, {"draft": new_version_id()})
        with pytest.raises(InvalidInput):
            await backend.index.swap(entry, {}, {}, search_targets={"a.b": "c"})
        assert await backend.index.list() == [entry]

    async def test_swap_moves_a_head(self, backend: Backend) -> None:
        entry, new = new_entry(), new_version_id()
        await backend.index.insert(entry)
        result = await backend.index.swap(entry, entry.heads, {"draft": new})
        assert isinstance(result, Swapped)
        assert result.entry == replace(entry, heads={"draft": new}, last_update=result.entry.last_update)
        assert await backend.index.get(COURSE) == result.entry

    async def test_swap_changes_only_the_branches_named(self, backend: Backend) -> None:
        draft, published, new = new_version_id(), new_version_id(), new_version_id()
        entry = new_entry(heads={"draft": draft, "published": published})
        await backend.index.insert(entry)
        result = await backend.index.swap(entry, {"draft": draft}, {"draft": new})
        assert isinstance(result, Swapped)
        assert result.entry.heads == {"draft": new, "published": published}

    async def test_swap_looks_at_every_branch_expected(self, backend: Backend) -> None:
        draft, published = new_version_id(), new_version_id()
        entry = new_entry(heads={"draft": draft, "published": published})
        await backend.index.insert(entry)
        for expected in (
            {"draft": draft, "published": new_version_id()},
            {"draft": new_version_id(), "published": published},
            {"draft": None, "published": published},
            {"draft": draft, "library": new_version_id()},
        ):
            result = await backend.index.swap(entry, expected, {"draft": new_version_id()})
            assert result == Moved(entry)
        assert await backend.index.get(COURSE) == entry

    async def test_swap_of_both_branches(self, backend: Backend) -> None:
        entry = new_entry(heads={"draft": new_version_id(), "published": new_version_id()})
        new = {"draft": new_version_id(), "published": new_version_id()}
        await backend.index.insert(entry)
        result = await backend.index.swap(entry, entry.heads, new)
        assert isinstance(result, Swapped)
        assert result.entry.heads == new

    async def test_swap_expects_a_branch_not_to_be_there(self, backend: Backend) -> None:
        entry, first = new_entry(), new_version_id()
        await backend.index.insert(entry)
        result = await backend.index.swap(entry, {"published": None}, {"published": first})
        assert isinstance(result, Swapped)
        assert result.entry.heads == {**entry.heads, "published": first}
        again = await backend.index.swap(entry, {"published": None}, {"published": new_version_id()})
        assert again == Moved(result.entry)

    async def test_swap_goes_by_what_is_stored(self, backend: Backend) -> None:
        """Not by what the caller's entry says beside its id."""
        entry, new = new_entry(), new_version_id()
        await backend.index.insert(entry)
        stale = replace(entry, heads={"draft": new_version_id()}, search_targets={"wiki_slug": "x"})
        result = await backend.index.swap(stale, entry.heads, {"draft": new})
        assert isinstance(result, Swapped)
        assert result.entry == replace(entry, heads={"draft": new}, last_update=result.entry.last_update)

    async def test_swap_of_an_entry_that_is_gone(self, backend: Backend) -> None:
        await self.prepare(backend)
        entry = new_entry()
        assert await backend.index.swap(entry, entry.heads, {"draft": new_version_id()}) == Moved(None)
        assert await backend.index.list() == []

    async def test_swap_of_an_entry_that_was_made_again(self, backend: Backend) -> None:
        old, new = new_entry(), new_entry()
        await backend.index.insert(new)
        assert await backend.index.swap(old, {}, {"draft": new_version_id()}) == Moved(None)
        assert await backend.index.get(COURSE) == new

    async def test_swap_sets_search_targets(self, backend: Backend) -> None:
        entry = new_entry(search_targets={"wiki_slug": "old", "other": "kept"})
        await backend.index.insert(entry)
        result = await backend.index.swap(entry, {}, {}, search_targets={"wiki_slug": "$$NOW"})
        assert isinstance(result, Swapped)
        assert result.entry.search_targets == {"wiki_slug": "$$NOW", "other": "kept"}
        assert result.entry.heads == entry.heads

    async def test_last_update_is_the_time_of_the_swap(self, backend: Backend) -> None:
        entry = new_entry(last_update=MOMENT)
        await backend.index.insert(entry)
        result = await backend.index.swap(entry, {}, {"draft": new_version_id()})
        assert isinstance(result, Swapped)
        assert result.entry.last_update is not None
        assert abs(datetime.now(UTC) - result.entry.last_update) < timedelta(minutes=1)

    async def test_last_update_grows_though_the_clock_be_behind(self, backend: Backend) -> None:
        entry = new_entry(last_update=FUTURE)
        await backend.index.insert(entry)
        for milliseconds in (1, 2, 3):
            result = await backend.index.swap(entry, {}, {"draft": new_version_id()})
            assert isinstance(result, Swapped)
            assert result.entry.last_update == FUTURE + timedelta(milliseconds=milliseconds)

    async def test_last_update_grows_with_every_swap(self, backend: Backend) -> None:
        entry = new_entry()
        await backend.index.insert(entry)
        times = []
        for _ in range(20):
            result = await backend.index.swap(entry, {}, {"draft": new_version_id()})
            assert isinstance(result, Swapped)
            times.append(result.entry.last_update)
        assert len(set(times)) == 20
        assert times == sorted(time for time in times if time is not None)

    async def test_of_many_swaps_at_once_one_wins(self, backend: Backend) -> None:
        await self._race([backend] * 6)

    async def test_of_many_swaps_over_two_handles_one_wins(self, backend: Backend, second: Backend) -> None:
        await self._race([backend, second] * 3)

    async def _race(self, handles: list[Backend]) -> None:
        entry = new_entry()
        await handles[0].index.insert(entry)
        head = entry.heads["draft"]

        async def swap(handle: Backend, version: VersionId) -> bool:
            result = await handle.index.swap(entry, {"draft": head}, {"draft": version})
            return isinstance(result, Swapped)

        for _ in range(8):
            new = [new_version_id() for _ in handles]
            pairs = zip(handles, new, strict=True)
            done = await race(*(lambda pair=pair: swap(*pair) for pair in pairs))
            assert done.count(True) == 1
            head = new[done.index(True)]
            for handle in handles:
                stored = await handle.index.get(COURSE)
                assert stored is not None
                assert stored.heads == {"draft": head}

    async def test_of_many_inserts_at_once_one_wins(self, backend: Backend) -> None:
        entries = [new_entry() for _ in range(6)]

        async def insert(entry: IndexEntry) -> bool:
            try:
                await backend.index.insert(entry)
            except CourseExists:
                return False
            return True

        await self.prepare(backend)
        done = await race(*(lambda entry=entry: insert(entry) for entry in entries))
        assert done.count(True) == 1
        assert await backend.index.list() == [entries[done.index(True)]]

    async def test_delete(self, backend: Backend) -> None:
        entry = new_entry()
        await backend.index.insert(entry)
        assert await backend.index.delete(entry) is True
        assert await backend.index.get(COURSE) is None
        assert await backend.index.delete(entry) is False

    async def test_delete_leaves_an_entry_whose_heads_moved(self, backend: Backend) -> None:
        entry = new_entry()
        await backend.index.insert(entry)
        moved = await backend.index.swap(entry, {}, {"draft": new_version_id()})
        assert await backend.index.delete(entry) is False
        assert isinstance(moved, Swapped)
        more = await backend.index.swap(entry, {}, {"published": new_version_id()})
        assert await backend.index.delete(moved.entry) is False
        assert isinstance(more, Swapped)
        assert await backend.index.delete(more.entry) is True
