"""Running a course again that has a gigabyte of files."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from gridfs import GridFSBucket
from pymongo import MongoClient

import modulestore
from modulestore.keys import CourseKey
from tools.bench.cases import Call, Case, Job, Variant
from tools.bench.places import Place
from tools.bench.world import World

__all__ = ["JOB"]

_SOURCE, _TARGET = CourseKey("Bench", "Files", "first"), CourseKey("Bench", "Files", "again")
_FILES = 40
_FILE, _QUICK = 25_000_000, 10_000  # bytes of each


@dataclass(frozen=True, slots=True)
class Ours:
    """A re-run."""

    url: str

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A store in which there is none yet."""
        with modulestore.connect(self.url) as store:

            def run() -> int:
                store.rerun(_SOURCE, _TARGET)
                return _FILES

            yield Call(run)
            store.delete(_TARGET)
            for number in range(_FILES):  # the next one shall have nothing to replace
                store._backend.files.delete(_key(_TARGET, number))


@dataclass(frozen=True, slots=True)
class Theirs:
    """What a platform does with the files alone: each is read, and written under another name."""

    url: str

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A bucket that has the files of the source."""
        with MongoClient[dict[str, Any]](self.url) as client:
            bucket = GridFSBucket(client.get_default_database())

            def run() -> int:
                for number in range(_FILES):
                    with bucket.open_download_stream(str(_key(_SOURCE, number))) as source:
                        bucket.upload_from_stream_with_id(str(_key(_TARGET, number)), "", source)
                return _FILES

            yield Call(run)
            for number in range(_FILES):
                bucket.delete(str(_key(_TARGET, number)))


def cases(world: World) -> Iterator[Case]:
    """In each layout; beside what a platform does, where files are in GridFS."""
    size = _QUICK if world.quick else _FILE
    for place in world.places:
        for layout in ("platform", "content") if place.name == "server" else ("content",):
            with ExitStack() as stack:
                yield _case(place, layout, stack.enter_context(place.new()), size)


def _case(place: Place, layout: str, url: str, size: int) -> Case:
    store_url = url + ("&" if "?" in url else "?") + "format=1" if layout == "platform" else url
    _put(store_url, size)
    variants = [Variant("modulestore", place.name, Ours(store_url))]
    if layout == "platform":
        variants.append(Variant("platform path, files alone", place.name, Theirs(url)))
    data = f"{_FILES} files of {size / 1e6:g} MB, {place.name}, layout {layout}"
    return Case("rerun-files", data, variants, variants[-1], rounds=1)


def _put(url: str, size: int) -> None:
    with modulestore.connect(url) as store:
        store.create_course(_SOURCE)
        for number in range(_FILES):
            store.assets.put(_SOURCE, f"video{number}.mp4", random.Random(number).randbytes(size))


def _key(course: CourseKey, number: int) -> modulestore.AssetKey:
    return course.asset(f"video{number}.mp4")


JOB = Job("rerun-files", "run a course again that has 1 GB of files", cases)
