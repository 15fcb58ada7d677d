"""Files of courses."""

from __future__ import annotations

import hashlib
import io
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from modulestore._async.ports import Backend
from modulestore._async.waiting import closing, race
from modulestore.errors import AssetNotFound, Conflict, InvalidInput
from modulestore.keys import AssetKey, CourseKey, LibraryKey
from modulestore.testing._async.conformance.base import SuiteBase
from modulestore.testing.samples import COURSE, new_file, random_bytes

__all__ = ["FileTests"]

SIZES = (0, 1, 255 * 1024, 255 * 1024 + 1, 256 * 1024, 256 * 1024 + 1, 3_000_000)


class SlowSource(io.RawIOBase):
    """Gives few bytes at a time, as sockets and pipes do."""

    def __init__(self, data: bytes, most: int) -> None:
        self._data = io.BytesIO(data)
        self._most = most

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, self._most) if size >= 0 else self._most)


class BrokenSource(io.BytesIO):
    """Fails after half a million bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 500_000:
            raise RuntimeError("the source broke")
        return super().read(min(size or 0, 100_000))


@pytest.mark.anyio
class FileTests(SuiteBase):
    """The port `Files`."""

    async def test_file_that_is_not_there(self, backend: Backend) -> None:
        key = new_file().key
        assert await backend.files.get(key) is None
        assert await backend.files.list(COURSE) == []
        assert await backend.files.delete(key) is False
        assert await backend.files.update(new_file(), replace(new_file(), locked=True)) is False
        assert await backend.files.update(new_file(), new_file()) is False
        with pytest.raises(AssetNotFound):
            await self._read(backend, key)

    async def test_file_comes_back_with_its_metadata(self, backend: Backend) -> None:
        file = new_file(
            "Bild_1_字.png",
            display_name="Bild 1 字.png",
            content_type="image/png",
            locked=True,
            import_path="bilder/Bild 1 字.png",
            thumbnail="Bild_1_字-png.jpg",
        )
        stored = await backend.files.put(file, io.BytesIO(b"bytes"))
        assert await backend.files.get(file.key) == stored
        assert stored.md5 == hashlib.md5(b"bytes", usedforsecurity=False).hexdigest()
        assert stored.sha256 in (None, hashlib.sha256(b"bytes").hexdigest())
        assert stored.uploaded_on is not None
        assert abs(datetime.now(UTC) - stored.uploaded_on) < timedelta(minutes=1)
        expected = replace(
            file, length=5, md5=stored.md5, sha256=stored.sha256, uploaded_on=stored.uploaded_on
        )
        assert stored == expected

    async def test_metadata_that_is_kept(self, backend: Backend) -> None:
        new = new_file("a", display_name="B", content_type="text/plain")
        first = await backend.files.put(new, io.BytesIO(b"1"), keep=("locked", "display_name"))
        assert (first.locked, first.display_name) == (False, "B"), "there is nothing to keep"
        old = new_file("a", display_name="A", locked=True, import_path="x/a", content_type="image/png")
        await backend.files.put(old, io.BytesIO(b"2"))
        stored = await backend.files.put(new, io.BytesIO(b"3"), keep=("locked", "display_name"))
        assert await backend.files.get(new.key) == stored
        assert stored == replace(
            new,
            display_name="A",
            locked=True,
            **{name: getattr(stored, name) for name in ("length", "md5", "sha256", "uploaded_on")},
        )
        assert await self._read(backend, new.key) == b"3"

    async def test_file_with_as_little_metadata_as_possible(self, backend: Backend) -> None:
        stored = await backend.files.put(new_file(), io.BytesIO(b"x"))
        assert await backend.files.get(stored.key) == stored
        assert (stored.content_type, stored.locked, stored.import_path, stored.thumbnail) == (
            None,
            False,
            None,
            None,
        )

    @pytest.mark.parametrize("size", SIZES)
    async def test_bytes_come_back(self, backend: Backend, size: int) -> None:
        data = random_bytes(size)
        stored = await backend.files.put(new_file(), io.BytesIO(data))
        assert stored.length == size
        assert await self._read(backend, stored.key) == data

    async def test_bytes_come_in_pieces(self, backend: Backend) -> None:
        data = random_bytes(3_000_000)
        stored = await backend.files.put(new_file(), io.BytesIO(data))
        async with closing(backend.files.read(stored.key)) as pieces:
            sizes = [len(piece) async for piece in pieces]
        assert sum(sizes) == len(data)
        assert max(sizes) <= 512 * 1024
        assert min(sizes) > 0

    async def test_source_that_gives_little_at_a_time(self, backend: Backend) -> None:
        data = random_bytes(600_000)
        stored = await backend.files.put(new_file(), SlowSource(data, 7001))  # type: ignore[arg-type]
        assert stored.length == len(data)
        assert await self._read(backend, stored.key) == data

    async def test_source_is_read_from_where_it_stands(self, backend: Backend) -> None:
        source = io.BytesIO(b"header and body")
        source.seek(len(b"header and "))
        stored = await backend.files.put(new_file(), source)
        assert await self._read(backend, stored.key) == b"body"

    async def test_ranges(self, backend: Backend) -> None:
        data = random_bytes(700_000)
        key = (await backend.files.put(new_file(), io.BytesIO(data))).key
        edges = (0, 1, 255 * 1024 - 1, 255 * 1024, 256 * 1024, 512 * 1024 + 1, 699_999, 700_000, 900_000)
        for start in edges:
            for length in (0, 1, 300_000, 1_000_000, None):
                expected = data[start:] if length is None else data[start : start + length]
                assert await self._read(backend, key, start=start, length=length) == expected

    async def test_ranges_that_are_none(self, backend: Backend) -> None:
        key = (await backend.files.put(new_file(), io.BytesIO(b"data"))).key
        with pytest.raises(InvalidInput):
            await self._read(backend, key, start=-1)
        with pytest.raises(InvalidInput):
            await self._read(backend, key, length=-1)

    async def test_reading_may_stop_in_the_middle(self, backend: Backend) -> None:
        key = (await backend.files.put(new_file(), io.BytesIO(random_bytes(2_000_000)))).key
        async with closing(backend.files.read(key)) as pieces:
            async for _ in pieces:
                break
        assert await backend.files.delete(key) is True

    async def test_file_is_replaced(self, backend: Backend) -> None:
        first = await backend.files.put(new_file(locked=True), io.BytesIO(random_bytes(900_000)))
        second = await backend.files.put(new_file(content_type="text/plain"), io.BytesIO(b"new"))
        assert first.key == second.key
        assert await backend.files.get(first.key) == second
        assert await backend.files.list(COURSE) == [second]
        assert await self._read(backend, first.key) == b"new"

    async def test_upload_that_breaks_leaves_what_was_there(self, backend: Backend) -> None:
        data = random_bytes(600_000, seed=1)
        stored = await backend.files.put(new_file(), io.BytesIO(data))
        with pytest.raises(RuntimeError, match="the source broke"):
            await backend.files.put(new_file(), BrokenSource(random_bytes(2_000_000)))
        assert await backend.files.get(stored.key) == stored
        assert await self._read(backend, stored.key) == data

    async def test_reader_never_gets_bytes_of_two_files(self, backend: Backend) -> None:
        old, new = bytes(5_000_000), b"\1" * 5_000_000
        key = (await backend.files.put(new_file(), io.BytesIO(old))).key
        got = b""
        try:
            async with closing(backend.files.read(key)) as pieces:
                async for piece in pieces:
                    if not got:
                        await backend.files.put(new_file(), io.BytesIO(new))
                    got += piece
        except Conflict:
            assert not self.keeps_what_is_read
        else:
            assert len(got) == len(old)
        assert set(got) == {0}
        assert await self._read(backend, key) == new

    async def test_metadata_is_updated(self, backend: Backend) -> None:
        stored = await backend.files.put(new_file(), io.BytesIO(b"data"))
        changed = replace(
            stored,
            display_name="Other.png",
            content_type="image/webp",
            locked=True,
            import_path="sub/pic.png",
            thumbnail="t.jpg",
        )
        claims = replace(changed, length=99, md5="0" * 32, sha256="0" * 64, uploaded_on=None)
        assert await backend.files.update(stored, claims) is True
        assert await backend.files.get(stored.key) == changed
        assert await backend.files.update(changed, changed) is True
        assert await backend.files.update(changed, stored) is True
        assert await backend.files.get(stored.key) == stored
        assert await self._read(backend, stored.key) == b"data"

    async def test_who_renames_a_file_does_not_unlock_it(self, backend: Backend) -> None:
        stored = await backend.files.put(new_file(), io.BytesIO(b"data"))
        assert await backend.files.update(stored, replace(stored, locked=True)) is True
        assert await backend.files.update(stored, replace(stored, display_name="Other.png")) is True
        assert await backend.files.get(stored.key) == replace(stored, locked=True, display_name="Other.png")

    async def test_deleted_file_is_gone(self, backend: Backend) -> None:
        stored = await backend.files.put(new_file(), io.BytesIO(random_bytes(600_000)))
        assert await backend.files.delete(stored.key) is True
        assert await backend.files.get(stored.key) is None
        assert await backend.files.list(COURSE) == []
        assert await backend.files.delete(stored.key) is False
        with pytest.raises(AssetNotFound):
            await self._read(backend, stored.key)

    async def test_deleted_file_can_be_put_again(self, backend: Backend) -> None:
        stored = await backend.files.put(new_file(), io.BytesIO(random_bytes(600_000)))
        await backend.files.delete(stored.key)
        again = await backend.files.put(new_file(), io.BytesIO(b"again"))
        assert await backend.files.get(stored.key) == again
        assert await self._read(backend, stored.key) == b"again"

    async def test_files_are_listed_by_name_and_course(self, backend: Backend) -> None:
        other, library = CourseKey("Örg", "Kurs.101", "other"), LibraryKey("Örg", "Kurs.101")
        for course in (other, library):
            await backend.files.put(new_file("elsewhere.txt", course), io.BytesIO(b"x"))
        names = ["b.txt", "a.txt", "ä.txt", "B.txt", "字.txt"]
        stored = [await backend.files.put(new_file(name), io.BytesIO(name.encode())) for name in names]
        expected = sorted(stored, key=lambda file: file.key.name)
        assert await backend.files.list(COURSE) == expected
        assert await backend.files.list(COURSE.for_branch("draft-branch")) == expected
        assert [file.key for file in await backend.files.list(library)] == [library.asset("elsewhere.txt")]

    async def test_thumbnail_is_a_file_of_its_own(self, backend: Backend) -> None:
        thumbnail = replace(new_file(), key=AssetKey(COURSE, "pic.png", "thumbnail"))
        small = await backend.files.put(thumbnail, io.BytesIO(b"small"))
        big = await backend.files.put(new_file(), io.BytesIO(b"big"))
        assert await backend.files.list(COURSE) == [big, small]
        assert await self._read(backend, small.key) == b"small"

    async def test_key_with_a_branch_names_the_same_file(self, backend: Backend) -> None:
        key = COURSE.for_branch("draft-branch").asset("pic.png")
        stored = await backend.files.put(replace(new_file(), key=key), io.BytesIO(b"data"))
        assert stored.key == COURSE.asset("pic.png")
        found = await backend.files.get(key)
        assert found == stored
        assert await self._read(backend, key) == b"data"
        assert await backend.files.delete(key) is True

    async def test_files_of_old_style_courses(self, backend: Backend) -> None:
        old = CourseKey("Org", "Course", "Run", deprecated=True)
        stored = await backend.files.put(new_file("old.png", old), io.BytesIO(b"old"))
        new = CourseKey("Org", "Course", "Run")
        await backend.files.put(new_file("new.png", new), io.BytesIO(b"new"))
        assert await backend.files.get(old.asset("old.png")) == stored
        assert await backend.files.list(old) == [stored]
        assert [file.key.name for file in await backend.files.list(new)] == ["new.png"]
        assert await self._read(backend, stored.key) == b"old"
        replaced = await backend.files.put(new_file("old.png", old), io.BytesIO(b"newer"))
        assert await backend.files.list(old) == [replaced]
        assert await backend.files.delete(stored.key) is True

    async def test_same_bytes_in_two_courses(self, backend: Backend) -> None:
        other = CourseKey("O", "C", "R")
        data = random_bytes(700_000)
        await backend.files.put(new_file(), io.BytesIO(data))
        await backend.files.put(new_file(course=other), io.BytesIO(data))
        assert await backend.files.delete(new_file().key) is True
        assert await self._read(backend, new_file(course=other).key) == data

    async def test_many_uploads_at_once(self, backend: Backend) -> None:
        await self.prepare(backend)
        files = {new_file(f"file{n}.bin"): random_bytes(300_000, seed=n) for n in range(6)}
        put = backend.files.put
        await race(
            *(lambda file=file, data=data: put(file, io.BytesIO(data)) for file, data in files.items())
        )
        for file, data in files.items():
            assert await self._read(backend, file.key) == data

    async def test_many_files_together(self, backend: Backend) -> None:
        data = {new_file(f"file{size}.bin"): random_bytes(size, seed=size) for size in SIZES[:-1]}
        data[new_file("pic.png", locked=True, content_type="image/png")] = b"a picture"
        stored = await backend.files.put_many(list(data.items()))
        assert [file.key for file in stored] == [file.key for file in data]
        for file, (given, content) in zip(stored, data.items(), strict=True):
            assert file.md5 == hashlib.md5(content, usedforsecurity=False).hexdigest()
            assert file.sha256 in (None, hashlib.sha256(content).hexdigest())
            assert file.uploaded_on is not None
            assert replace(file, md5=None, sha256=None, uploaded_on=None) == replace(
                given, length=len(content)
            )
            assert await backend.files.get(file.key) == file
            assert await self._read(backend, file.key) == content
        assert await backend.files.list(COURSE) == sorted(stored, key=lambda file: file.key.name)

    async def test_no_files_together(self, backend: Backend) -> None:
        assert await backend.files.put_many([]) == []

    async def test_files_together_replace_those_of_their_names(self, backend: Backend) -> None:
        await backend.files.put(new_file("a.bin", locked=True), io.BytesIO(random_bytes(900_000)))
        kept = await backend.files.put(new_file("kept.bin"), io.BytesIO(b"kept"))
        branch = new_file("a.bin", COURSE.for_branch("draft-branch"))
        for size in (300_000, 0, 600_000, 5):
            data = random_bytes(size, seed=size)
            stored = await backend.files.put_many([(branch, data), (new_file("b.bin"), data)])
            assert [file.key for file in stored] == [COURSE.asset("a.bin"), COURSE.asset("b.bin")]
            assert await backend.files.list(COURSE) == [*stored, kept]
            for file in stored:
                assert await self._read(backend, file.key) == data
        assert await self._read(backend, kept.key) == b"kept"

    async def test_files_together_of_one_name(self, backend: Backend) -> None:
        data = random_bytes(300_000)
        first, second = await backend.files.put_many(
            [(new_file(locked=True), random_bytes(600_000)), (new_file(), data)]
        )
        assert first.key == second.key
        assert await backend.files.list(COURSE) == [second]
        assert await self._read(backend, second.key) == data

    async def test_files_together_of_several_courses(self, backend: Backend) -> None:
        old = CourseKey("Org", "Course", "Run", deprecated=True)
        for data in (b"first", b"second"):
            ours, theirs = await backend.files.put_many([(new_file(), data), (new_file("o.png", old), data)])
            assert await backend.files.list(COURSE) == [ours]
            assert await backend.files.list(old) == [theirs]
            assert await self._read(backend, theirs.key) == data

    async def test_same_files_together_many_times_at_once(self, backend: Backend, second: Backend) -> None:
        await self.prepare(backend)
        names = ("a.bin", "b.bin")
        contents = [random_bytes(size, seed=size) for size in (10, 300_000, 600_000, 20, 310_000)]

        async def put(number: int) -> None:
            files = (backend if number % 2 else second).files
            with suppress(Conflict):  # the others did not let it through: then it has changed nothing
                await files.put_many([(new_file(name), contents[number]) for name in names])

        await race(*(lambda number=number: put(number) for number in range(len(contents))))
        for name in names:
            file = await backend.files.get(COURSE.asset(name))
            assert file is not None
            data = await self._read(backend, file.key)
            assert data in contents
            assert file.md5 == hashlib.md5(data, usedforsecurity=False).hexdigest()

    async def _read(
        self, backend: Backend, key: AssetKey, *, start: int = 0, length: int | None = None
    ) -> bytes:
        async with closing(backend.files.read(key, start=start, length=length)) as pieces:
            return b"".join([piece async for piece in pieces])
