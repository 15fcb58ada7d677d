"""Files of courses that are not what their names stand for any more, and files that other courses get."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from modulestore._async.ports import Backend
from modulestore._async.waiting import closing
from modulestore.errors import AssetNotFound, Conflict
from modulestore.keys import AssetKey, ContextKey, CourseKey, LibraryKey
from modulestore.model.files import CourseFile, FileVersion
from modulestore.testing._async.conformance.base import SuiteBase
from modulestore.testing.samples import COURSE, new_file, random_bytes

__all__ = ["FileHistoryTests"]

LATE = datetime(2100, 1, 1, tzinfo=UTC)
OTHER = CourseKey("A", "B", "C")
OLD_STYLE = CourseKey("Org", "Course", "Run", deprecated=True)
FIRST, SECOND = random_bytes(600_000, seed=1), random_bytes(300_000, seed=2)


def timeless(file: CourseFile) -> CourseFile:
    """A file without the time when it was stored there."""
    return replace(file, uploaded_on=None)


@pytest.mark.anyio
class FileHistoryTests(SuiteBase):
    """The trash, the history and the copies of the port `Files`."""

    async def test_parts_of_a_file(self, backend: Backend) -> None:
        file = await self._put(backend, new_file(), FIRST)
        assert file.piece is not None
        edges = (0, 1, file.piece - 1, file.piece, file.piece + 1, 2 * file.piece, file.length)
        for start in edges:
            for stop in edges:
                assert await backend.files.fetch(file, start, stop) == FIRST[start:stop]

    async def test_parts_of_exactly_this_file(self, backend: Backend) -> None:
        """Never of another one that has its name now."""
        old = await self._put(backend, new_file(), FIRST)
        assert await backend.files.fetch(old, 0, 10) == FIRST[:10]
        new = await self._put(backend, new_file(), SECOND)
        assert await backend.files.fetch(new, 0, new.length) == SECOND
        if self.keeps_history:
            assert await backend.files.fetch(old, 0, old.length) == FIRST
        else:
            with pytest.raises(Conflict):
                await backend.files.fetch(old, 0, old.length)
        await self._prune(backend)
        with pytest.raises((AssetNotFound, Conflict)):
            await backend.files.fetch(old, 0, old.length)
        assert await backend.files.fetch(new, 0, new.length) == SECOND

    async def test_parts_of_a_file_that_is_gone(self, backend: Backend) -> None:
        file = await self._put(backend, new_file(), FIRST)
        await backend.files.delete(file.key)
        await self._prune(backend)
        with pytest.raises(AssetNotFound):
            await backend.files.fetch(file, 0, file.length)

    async def test_parts_of_a_file_that_was_stored_again(self, backend: Backend) -> None:
        """The same bytes, after they were gone."""
        old = await self._put(backend, new_file(), FIRST)
        assert await backend.files.fetch(old, 0, 10) == FIRST[:10]
        await backend.files.delete(old.key)
        await self._prune(backend)
        new = await self._put(backend, new_file(), FIRST)
        assert await backend.files.fetch(new, 5, 600_000) == FIRST[5:]

    async def test_nothing_in_the_trash(self, backend: Backend) -> None:
        key = new_file().key
        assert await backend.files.discard(key) is False
        assert list(await backend.files.trash(COURSE)) == []
        assert list(await backend.files.history(key)) == []
        version = FileVersion(replace(new_file(), uploaded_on=LATE, sha256="0" * 64, md5="0" * 32), LATE)
        assert await backend.files.restore(version) is None
        assert await backend.files.get(key) is None

    async def test_into_the_trash_and_back(self, backend: Backend) -> None:
        given = new_file(
            "Bild_1_字.png",
            display_name="Bild 1 字.png",
            content_type="image/png",
            locked=True,
            import_path="bilder/Bild 1 字.png",
            thumbnail="Bild_1_字-png.jpg",
        )
        stored = await self._put(backend, given, FIRST)
        assert await backend.files.discard(stored.key) is True
        assert await backend.files.discard(stored.key) is False
        assert await backend.files.get(stored.key) is None
        assert await backend.files.list(COURSE) == []
        (version,) = await backend.files.trash(COURSE)
        assert timeless(version.file) == timeless(stored)
        assert version.ended_on is not None
        assert abs(version.ended_on - datetime.now(UTC)) < timedelta(minutes=5)
        assert list(await backend.files.history(stored.key)) == [version]
        restored = await backend.files.restore(version)
        assert restored is not None
        assert timeless(restored) == timeless(stored)
        assert restored.uploaded_on is not None
        assert abs(restored.uploaded_on - datetime.now(UTC)) < timedelta(minutes=5)
        assert await backend.files.get(stored.key) == restored
        assert await backend.files.list(COURSE) == [restored]
        assert await self._read(backend, stored.key) == FIRST
        assert list(await backend.files.trash(COURSE)) == []
        assert await backend.files.discard(stored.key) is True
        assert len(await backend.files.trash(COURSE)) == 1

    async def test_the_trash_of_a_course_is_sorted_by_name(self, backend: Backend) -> None:
        for course in (COURSE, OTHER, LibraryKey("Örg", "Kurs.101"), OLD_STYLE):
            names = ["b", "ä", "a", "B"]
            for name in names:
                await self._put(backend, new_file(name, course), name.encode())
                await backend.files.discard(course.asset(name))
            await self._put(backend, new_file("there", course), b"there")
            found = [version.file.key for version in await backend.files.trash(course)]
            assert found == [course.asset(name) for name in sorted(names)]
            assert [file.key.name for file in await backend.files.list(course)] == ["there"]

    async def test_a_name_that_has_a_file_again_is_not_in_the_trash(self, backend: Backend) -> None:
        old = await self._put(backend, new_file(), FIRST)
        await backend.files.discard(old.key)
        new = await self._put(backend, new_file(), SECOND)
        assert list(await backend.files.trash(COURSE)) == []
        assert (await backend.files.history(new.key))[0] == FileVersion(new, None)
        assert await self._read(backend, new.key) == SECOND

    async def test_the_trash_has_what_a_name_stood_for_last(self, backend: Backend) -> None:
        for data in (FIRST, SECOND):
            await self._put(backend, new_file(), data)
            await backend.files.discard(new_file().key)
        (version,) = await backend.files.trash(COURSE)
        assert version.file.length == len(SECOND)
        assert await backend.files.restore(version) is not None
        assert await self._read(backend, new_file().key) == SECOND

    async def test_what_is_deleted_for_good(self, backend: Backend) -> None:
        """Only where files are stored once it can be had back."""
        file = await self._put(backend, new_file(), FIRST)
        assert await backend.files.delete(file.key) is True
        assert len(await backend.files.trash(COURSE)) == self.keeps_history
        assert len(await backend.files.history(file.key)) == self.keeps_history

    async def test_history_of_a_name(self, backend: Backend) -> None:
        stored = [
            await self._put(backend, new_file(content_type=f"text/{number}"), data)
            for number, data in enumerate((FIRST, SECOND, FIRST))
        ]
        found = await backend.files.history(stored[0].key)
        remembered = stored[::-1] if self.keeps_history else stored[-1:]
        assert [version.file for version in found] == remembered
        assert found[0].ended_on is None
        assert all(version.ended_on is not None for version in found[1:])
        await backend.files.discard(stored[0].key)
        found = await backend.files.history(stored[0].key)
        assert [timeless(version.file) for version in found] == [timeless(file) for file in remembered]
        assert all(version.ended_on is not None for version in found)

    async def test_an_older_version_is_restored(self, backend: Backend) -> None:
        old = await self._put(backend, new_file(locked=True), FIRST)
        await self._put(backend, new_file(), SECOND)
        newest = await self._put(backend, new_file(), b"newest")
        restored = await backend.files.restore(FileVersion(old, LATE))
        if not self.keeps_history:
            assert restored is None
            assert await backend.files.get(old.key) == newest
            return
        assert restored is not None
        assert timeless(restored) == timeless(old)
        assert await backend.files.get(old.key) == restored
        assert await self._read(backend, old.key) == FIRST
        found = [version.file for version in await backend.files.history(old.key)]
        assert found[:2] == [restored, newest]
        assert old in found

    async def test_a_restored_file_takes_the_place_of_another(self, backend: Backend) -> None:
        await self._put(backend, new_file(), FIRST)
        await backend.files.discard(new_file().key)
        (version,) = await backend.files.trash(COURSE)
        other = await self._put(backend, new_file(), SECOND)
        restored = await backend.files.restore(version)
        assert restored is not None
        assert await backend.files.list(COURSE) == [restored]
        assert await self._read(backend, restored.key) == FIRST
        found = [past.file for past in await backend.files.history(restored.key)]
        assert found[0] == restored
        assert (other in found) == self.keeps_history

    async def test_what_was_pruned_cannot_be_restored(self, backend: Backend) -> None:
        await self._put(backend, new_file(), FIRST)
        await backend.files.discard(new_file().key)
        (version,) = await backend.files.trash(COURSE)
        await self._prune(backend)
        assert list(await backend.files.trash(COURSE)) == []
        assert list(await backend.files.history(version.file.key)) == []
        assert await backend.files.restore(version) is None
        assert await backend.files.get(version.file.key) is None

    async def test_restored_files_are_not_pruned(self, backend: Backend) -> None:
        await self._put(backend, new_file(), FIRST)
        await backend.files.discard(new_file().key)
        (version,) = await backend.files.trash(COURSE)
        await backend.files.restore(version)
        await self._prune(backend)
        assert await self._read(backend, new_file().key) == FIRST

    @pytest.mark.parametrize("target", [OTHER, OLD_STYLE, LibraryKey("A", "B")], ids=str)
    @pytest.mark.parametrize("source", [COURSE, OLD_STYLE], ids=str)
    async def test_copies(self, backend: Backend, source: CourseKey, target: ContextKey) -> None:
        if source == target:
            return
        files = [
            await self._put(
                backend, new_file("b.bin", source, locked=True, content_type="x/y", thumbnail="t.jpg"), FIRST
            ),
            await self._put(backend, new_file("a.bin", source, import_path="sub/a.bin"), b""),
        ]
        copied = await backend.files.copy(files, target)
        assert [file.key for file in copied] == [target.asset("b.bin"), target.asset("a.bin")]
        for old, new, data in zip(files, copied, (FIRST, b""), strict=True):
            assert timeless(new) == replace(timeless(old), key=new.key)
            assert new.uploaded_on is not None
            assert await backend.files.get(new.key) == new
            assert await self._read(backend, new.key) == data
        assert await backend.files.list(target) == sorted(copied, key=lambda file: file.key.name)
        assert await backend.files.list(source) == sorted(files, key=lambda file: file.key.name)
        # Neither needs the other.
        for file in files:
            await backend.files.delete(file.key)
        await self._prune(backend)
        assert await self._read(backend, target.asset("b.bin")) == FIRST

    async def test_no_copies(self, backend: Backend) -> None:
        assert list(await backend.files.copy([], OTHER)) == []

    async def test_many_copies(self, backend: Backend) -> None:
        files = await backend.files.put_many([(new_file(f"{n:03}"), b"%d" % n) for n in range(250)])
        copied = await backend.files.copy(files, OTHER)
        assert [file.key for file in copied] == [OTHER.asset(file.key.name) for file in files]
        assert await backend.files.list(OTHER) == list(copied)
        for file in copied[::50]:
            assert await self._read(backend, file.key) == b"%d" % int(file.key.name)

    async def test_a_copy_takes_the_place_of_what_has_its_name(self, backend: Backend) -> None:
        file = await self._put(backend, new_file(), FIRST)
        await self._put(backend, new_file(course=OTHER, locked=True), SECOND)
        (copy,) = await backend.files.copy([file], OTHER)
        assert await backend.files.list(OTHER) == [copy]
        assert not copy.locked
        assert await self._read(backend, copy.key) == FIRST

    async def test_what_is_gone_is_not_copied(self, backend: Backend) -> None:
        names = ("gone", "there")
        files = [await self._put(backend, new_file(name), name.encode()) for name in names]
        await backend.files.delete(files[0].key)
        await self._prune(backend)
        copied = await backend.files.copy(files, OTHER)
        assert [file.key for file in copied] == [OTHER.asset("there")]
        assert await backend.files.list(OTHER) == list(copied)
        assert await backend.files.get(OTHER.asset("gone")) is None
        assert list(await backend.files.history(OTHER.asset("gone"))) == []

    async def test_a_copy_goes_its_own_way(self, backend: Backend) -> None:
        file = await self._put(backend, new_file(), FIRST)
        (copy,) = await backend.files.copy([file], OTHER)
        await self._put(backend, new_file(), SECOND)
        assert await self._read(backend, copy.key) == FIRST
        assert await backend.files.discard(copy.key) is True
        (version,) = await backend.files.trash(OTHER)
        assert list(await backend.files.trash(COURSE)) == []
        assert await backend.files.restore(version) is not None
        assert await self._read(backend, copy.key) == FIRST
        assert await self._read(backend, file.key) == SECOND

    async def _put(self, backend: Backend, file: CourseFile, data: bytes) -> CourseFile:
        return await backend.files.put(file, io.BytesIO(data))

    async def _read(self, backend: Backend, key: AssetKey) -> bytes:
        async with closing(backend.files.read(key)) as pieces:
            return b"".join([piece async for piece in pieces])

    async def _prune(self, backend: Backend) -> None:
        """Whatever is not there any more goes, however young it is."""
        async with closing(backend.files.leftovers(LATE)) as batches:
            names = [leftover.name async for batch in batches for leftover in batch]
        await backend.files.delete_leftovers(names, LATE)
