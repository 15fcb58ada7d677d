"""Chunks are fetched once, kept within bounds, and given in slices."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from modulestore.errors import CorruptDocument, StorageUnavailable
from modulestore.keys import AssetKey
from modulestore.model.files import CourseFile
from modulestore.origin import origin
from modulestore.origin.chunks import SLICE, Chunks
from tests.origin.sources import LARGE, Imagined, imagined_bytes

pytestmark = pytest.mark.anyio
KB, MB = 1024, 1024 * 1024


class Waiting(Imagined):
    """A source that answers when it is let."""

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.open = asyncio.Event()

    async def fetch(self, file: CourseFile, start: int, stop: int, /) -> bytes:
        data = await super().fetch(file, start, stop)
        await self.open.wait()
        return data


class TooLittle(Imagined):
    """A source that loses bytes."""

    async def fetch(self, file: CourseFile, start: int, stop: int, /) -> bytes:
        return (await super().fetch(file, start, stop))[:-1]


async def read(chunks: Chunks, file: CourseFile, start: int, stop: int) -> list[bytes]:
    slices = []
    while start < stop:
        slices.append(await chunks.slice(file, start, stop))
        start += len(slices[-1])
    return slices


@given(
    st.integers(0, 2 * MB),
    st.integers(0, 2 * MB),
    st.sampled_from([None, 1, 1000, 255 * KB, 256 * KB, 16 * MB]),
)
def test_slices_are_the_bytes(one: int, other: int, piece: int | None) -> None:
    start, stop = sorted((one, other))
    source = Imagined(2 * MB)
    file = replace(source.file, piece=piece)
    slices = asyncio.run(read(Chunks(source, 4 * MB), file, start, stop))
    assert b"".join(slices) == imagined_bytes(start, stop)
    assert all(0 < len(one) <= SLICE <= 64 * KB for one in slices)
    assert source.fetched <= stop - start + 2 * MB
    assert len(set(source.asked)) == len(source.asked), "none was fetched twice"


async def test_a_thousand_readers_fetch_a_chunk_once() -> None:
    source = Waiting(MB)
    chunks = Chunks(source, MB)
    tasks = [asyncio.ensure_future(chunks.slice(source.file, 5, 10)) for _ in range(1000)]
    await asyncio.sleep(0)
    for task in tasks[:500]:
        task.cancel()  # the first among them, who began it
    await asyncio.sleep(0)
    source.open.set()
    assert set(await asyncio.gather(*tasks[500:])) == {imagined_bytes(5, 10)}
    assert source.asked == [0]
    assert all(task.cancelled() for task in tasks[:500])


async def test_an_error_is_everybody_s_and_is_not_kept() -> None:
    source = Imagined(MB, fails=(0, StorageUnavailable("away")))
    chunks = Chunks(source, MB)
    results = await asyncio.gather(
        *(chunks.slice(source.file, 0, 9) for _ in range(5)), return_exceptions=True
    )
    assert [type(result) for result in results] == [StorageUnavailable] * 5
    assert len(source.asked) == 1
    source.fails = None
    assert await chunks.slice(source.file, 0, 9) == imagined_bytes(0, 9)


async def test_what_was_asked_for_last_stays() -> None:
    source = Imagined(4 * MB)
    chunks = Chunks(source, MB)
    await read(chunks, source.file, 0, MB)
    await chunks.slice(source.file, 0, MB)
    await chunks.slice(source.file, MB, 4 * MB)  # the oldest 256 KB go, but not the first slice
    assert chunks.size == MB
    asked = len(source.asked)
    await chunks.slice(source.file, 0, MB)
    await read(chunks, source.file, 300 * KB, MB)
    assert len(source.asked) == asked
    await chunks.slice(source.file, SLICE, MB)
    assert len(source.asked) == asked + 1


async def test_who_reads_a_large_file_through_takes_nothing_from_others() -> None:
    source = Imagined(40 * MB)
    small = replace(
        source.file, key=AssetKey(source.file.key.course, "small.png"), sha256="00" * 32, length=10_000
    )
    chunks = Chunks(source, MB)
    await read(chunks, small, 0, 10_000)
    step = 5 * 256 * KB  # more than is kept
    for start in range(0, 40 * MB, step):
        await read(chunks, small, 0, 10_000)
        await read(chunks, small, 0, 10_000)
        asked = len(source.asked)
        await read(chunks, source.file, start, start + step)
        assert len(source.asked) == asked + 5
    assert len(source.asked) == 1 + 40 * 4, "the small one was fetched once"


@pytest.mark.parametrize("limit", [0, 1, 256 * KB - 1, 256 * KB, 600 * KB])
async def test_no_more_is_kept_than_allowed(limit: int) -> None:
    source = Imagined(4 * MB)
    chunks = Chunks(source, limit)
    for start in range(0, 4 * MB, 100_000):
        await chunks.slice(source.file, start, 4 * MB)
        assert chunks.size <= limit


async def test_no_second_slice_is_taken_while_the_first_waits() -> None:
    source = Imagined(MB)
    waiting = False
    got = b""

    async def receive() -> Message:
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        # Like a server whose client is slow: whoever sends more than nothing has to hold it.
        nonlocal waiting, got
        body = message.get("body", b"")
        assert not (body and waiting)
        waiting = bool(body)
        got += body
        await asyncio.sleep(0)

    scope = {"type": "http", "method": "GET", "path": f"/{LARGE}", "query_string": b"", "headers": []}
    await origin(source)(scope, receive, send)
    assert got == imagined_bytes(0, MB)


async def test_few_are_fetched_at_a_time() -> None:
    source = Waiting(64 * MB)
    chunks = Chunks(source, 64 * MB)
    places = range(0, 64 * MB, MB)
    tasks = [asyncio.ensure_future(chunks.slice(source.file, place, place + 9)) for place in places]
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(source.asked) == 4
    source.open.set()
    assert await asyncio.gather(*tasks) == [imagined_bytes(place, place + 9) for place in places]


async def test_files_are_not_mixed_up() -> None:
    source = Imagined(MB)
    chunks = Chunks(source, 16 * MB)
    bare = replace(source.file, sha256=None, md5=None)
    others = [
        source.file,
        replace(source.file, sha256="00" * 32),
        bare,
        replace(bare, length=MB - 1),
        replace(bare, md5="00" * 16),
        replace(bare, uploaded_on=None),
        replace(bare, key=AssetKey(bare.key.course, "other.mp4")),
    ]
    for file in others:
        await chunks.slice(file, 0, 1)
    assert len(source.asked) == len(others)
    # The same bytes in another course are at hand.
    await chunks.slice(replace(source.file, key=AssetKey(bare.key.course, "same.mp4")), 0, 1)
    assert len(source.asked) == len(others)


async def test_a_source_that_gives_too_little() -> None:
    source = TooLittle(MB)
    with pytest.raises(CorruptDocument):
        await Chunks(source, MB).slice(source.file, 0, 9)
