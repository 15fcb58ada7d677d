"""Open files, of either colour."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

import modulestore
from modulestore import CourseKey
from modulestore._sync.sqlite import open_sqlite
from modulestore._sync.store import Store
from modulestore.errors import AssetNotFound
from modulestore.testing._sync.faults import CountingBackend

COURSE = CourseKey("Example", "Open", "2026")
DATA = bytes(range(256)) * 10_000  # 2.56 MB


@pytest.fixture
def counting(tmp_path: Path) -> CountingBackend:
    backend = CountingBackend(open_sqlite(tmp_path / "store.db"))
    store = Store(backend)
    store.create_course(COURSE)
    store.assets.put(COURSE, "a.bin", DATA)
    backend.calls.clear()
    return backend


def test_a_file_of_a_synchronous_store(counting: CountingBackend) -> None:
    store = Store(counting)
    with store.assets.open(COURSE.asset("a.bin")) as file:
        assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)
        assert file.read(10) == DATA[:10]
        assert file.seek(-6, io.SEEK_END) == len(DATA) - 6
        assert (file.read(), file.tell()) == (DATA[-6:], len(DATA))
        assert file.read() == file.read(1) == b""
        file.seek(1_000_000)
        file.seek(7, io.SEEK_CUR)
        assert file.read(1_500_000) == DATA[1_000_007:2_500_007]
        file.seek(len(DATA) + 5)
        assert file.read(5) == b""
        with pytest.raises((ValueError, OSError)):
            file.seek(-1)
        file.seek(3)
        assert file.read() == DATA[3:]
        file.seek(0)
        copy = io.BytesIO()
        shutil.copyfileobj(file, copy)
        assert copy.getvalue() == DATA
        file.seek(0)
        buffer = bytearray(300_000)
        assert file.readinto(buffer) == 300_000
        assert buffer == DATA[:300_000]
    with pytest.raises(ValueError, match="closed"):
        file.read()


def test_what_is_read_is_fetched_and_no_more(counting: CountingBackend) -> None:
    with Store(counting).assets.open(COURSE.asset("a.bin")) as file:
        assert counting.calls == {"files.get": 1}
        file.seek(2_000_000)
        file.read(10)
        file.read(10)
        assert counting.calls == {"files.get": 1, "files.fetch": 1}
        file.seek(0)
        assert file.read() == DATA
        assert counting.calls["files.fetch"] == 1 + 2


def test_of_what_was_replaced_the_old_bytes(counting: CountingBackend) -> None:
    store = Store(counting)
    with store.assets.open(COURSE.asset("a.bin")) as file:
        assert file.read(1000) == DATA[:1000]
        store.assets.put(COURSE, "a.bin", b"new")
        assert file.read() == DATA[1000:]
    with pytest.raises(AssetNotFound):
        store.assets.open(COURSE.asset("b.bin"))


@pytest.mark.anyio
async def test_a_file_of_an_asynchronous_store(tmp_path: Path) -> None:
    async with await modulestore.connect_async(f"sqlite:///{tmp_path}/courses.db") as store:
        await store.create_course(COURSE)
        await store.assets.put(COURSE, "a.bin", DATA)
        await store.assets.put(COURSE, "empty.bin", b"")
        file = await store.assets.open(COURSE.asset("a.bin"))
        assert file.file.length == len(DATA)
        pieces = [piece async for piece in file]
        assert b"".join(pieces) == DATA
        assert max(map(len, pieces)) <= 1 << 20
        assert await file.read_all() == DATA, "again, from the beginning"
        assert await (await store.assets.open(COURSE.asset("empty.bin"))).read_all() == b""
