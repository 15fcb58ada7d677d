"""Files stored once on MongoDB: those who write and those who prune, in many orders of their commands; and
those who die at any of them.

After every single command everything that a name stands for, or has stood for, has exactly its bytes. Nothing
depends on time here: the pruner takes everything for old.
"""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from bson.codec_options import CodecOptions
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem
from pymongo import MongoClient
from pymongo.database import Database

from modulestore._sync.mongo import open_mongo
from modulestore._sync.ports import Backend, Files
from modulestore._sync.preparing import WriteRules, prepare_write
from modulestore.errors import StorageUnavailable
from modulestore.keys import CourseKey
from modulestore.model.files import CourseFile
from modulestore.storage.content import Content
from modulestore.storage.mongo.blobs import CHUNK, UploadId, upload_of
from modulestore.testing.crash import Crash
from modulestore.testing.samples import new_file, random_bytes
from tests.backends.commands_stepped import every_order, faults, run_stepped
from tests.profiles import FEW_SWITCHES, IS_STRESS

LATE = datetime(2100, 1, 1, tzinfo=UTC)
OTHER = CourseKey("A", "B", "C")
OLD, NEW = random_bytes(CHUNK + 10, seed=1), random_bytes(CHUNK + 20, seed=2)
A, B = new_file("a.bin"), new_file("b.bin")
COLLECTIONS = ("modulestore.files", "modulestore.blobs", "modulestore.blob_chunks")

Plain = Database[dict[str, Any]]


class Scene:
    """A database that can be had as it was as often as one likes, and some who work on it.

    Its bytes are in the database, or ``objects`` say where: in the memory of this process.
    """

    def __init__(self, url: str, stack: ExitStack, objects: str | None = None) -> None:
        client: MongoClient[dict[str, Any]] = stack.enter_context(MongoClient(url))
        options: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
        self.raw = client.get_default_database().with_options(codec_options=options)
        self.backends: list[Backend] = [
            stack.enter_context(closing(open_mongo(url, objects))) for _ in range(3)
        ]
        prepare_write(self.backends[0], -1, WriteRules())
        for backend in self.backends:
            backend.files.get(A.key)  # all of them know the layout
        self._image: Mapping[str, Sequence[dict[str, Any]]] = {}
        self._objects: Mapping[str, MemoryFile] = {}
        MemoryFileSystem.store.clear()

    def files(self, number: int = 0) -> Files:
        """Those of one who works."""
        return self.backends[number].files

    def keep(self) -> None:
        """Remember it as it is now."""
        self._image = {name: self.raw[name].find().to_list() for name in COLLECTIONS}
        self._objects = dict(MemoryFileSystem.store)

    def reset(self) -> None:
        """As it was."""
        for name, documents in self._image.items():
            self.raw[name].delete_many({})
            if documents:
                self.raw[name].insert_many(documents)
        MemoryFileSystem.store.clear()
        MemoryFileSystem.store.update(self._objects)

    def uploads(self) -> dict[UploadId, bytes]:
        """All that was sent."""
        sent: dict[UploadId, bytes] = {}
        for chunk in self.raw["modulestore.blob_chunks"].find().sort("_id"):
            upload = upload_of(chunk["_id"])
            sent[upload] = bytes(sent.get(upload, b"")) + chunk["data"]
        return sent | {f"memory:/{path}": file.getvalue() for path, file in MemoryFileSystem.store.items()}

    def expect_whole(self) -> None:
        """Everything that a name stands for or has stood for has its bytes."""
        blobs = {bytes(blob["_id"]): blob for blob in self.raw["modulestore.blobs"].find()}
        uploads = self.uploads()
        for document in self.raw["modulestore.files"].find():
            current = [] if document["current"] is None else [document["current"]]
            for version in (*current, *document["history"]):
                digest = bytes(version["sha256"])
                assert digest in map(bytes, document["blobs"]), "pruning would not know"
                blob = blobs.get(digest)
                assert blob is not None, f"the bytes of {document['_id']} are gone"
                assert blob["upload"] is not None, f"the bytes of {document['_id']} are not there yet"
                data = uploads.get(blob["upload"], b"")
                assert hashlib.sha256(data).digest() == digest, f"{document['_id']} has other bytes"
                assert version["length"] == len(data)


@pytest.fixture
def scene(mongodb_url: str) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(mongodb_url, stack)


@pytest.fixture
def object_scene(mongodb_url: str) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(mongodb_url, stack, "memory://races")
        MemoryFileSystem.store.clear()


def put(files: Files, file: CourseFile, data: bytes) -> CourseFile:
    return files.put(file, io.BytesIO(data))


def read(files: Files, file: CourseFile) -> bytes:
    return files.fetch(file, 0, file.length)


def leftovers(files: Files) -> list[str]:
    return [leftover.name for batch in files.leftovers(LATE) for leftover in batch]


def prune(files: Files) -> None:
    files.delete_leftovers(leftovers(files), LATE)


# What is there: `a` is in the trash, and its bytes are those that the writers want.
def in_the_trash(scene: Scene) -> CourseFile:
    file = put(scene.files(), A, OLD)
    scene.files().delete(A.key)
    return file


def replaced(scene: Scene) -> CourseFile:
    file = put(scene.files(), A, OLD)
    put(scene.files(), A, NEW)
    return file


def never_there(scene: Scene) -> CourseFile:
    return replace(A, sha256=hashlib.sha256(OLD).hexdigest(), length=len(OLD))


def half_sent(scene: Scene) -> CourseFile:
    """Somebody died while these bytes were sent."""
    with faults() as told:
        told.arm(4, after=False, dies=True)
        with pytest.raises(Crash):
            put(scene.files(), B, OLD)
    return never_there(scene)


# What a writer does, and what must be true when it has done it.
def puts(files: Files, file: CourseFile) -> object:
    return [put(files, B, OLD)]


def puts_again(files: Files, file: CourseFile) -> object:
    return [put(files, A, OLD)]


def puts_many(files: Files, file: CourseFile) -> object:
    return files.put_many([(A, OLD), (B, OLD), (new_file("c.bin"), b"small")])


def restores(files: Files, file: CourseFile) -> object:
    versions = [version for version in files.history(A.key) if version.file == file]
    return [restored for version in versions if (restored := files.restore(version)) is not None]


def copies(files: Files, file: CourseFile) -> object:
    return files.copy([file], OTHER)


Before = Callable[[Scene], CourseFile]
Doing = Callable[[Files, CourseFile], object]

EVERY: Mapping[str, tuple[Before, Doing, bool]] = {
    "put of bytes in the trash": (in_the_trash, puts, True),
    "put of the same file": (in_the_trash, puts_again, True),
    "put of bytes that were replaced": (replaced, puts_again, True),
    "put of new bytes": (never_there, puts, True),
    "put of bytes that were half sent": (half_sent, puts, True),
    "put of many": (in_the_trash, puts_many, True),
    "restore": (in_the_trash, restores, False),
    "restore of what was replaced": (replaced, restores, False),
    "copy": (in_the_trash, copies, False),
    "copy of what was replaced": (replaced, copies, False),
}


def expect(scene: Scene, outcome: Any, *, certain: bool) -> None:
    """What was stored is there. (`certain`: it was stored.)"""
    assert isinstance(outcome, list), outcome
    assert outcome or not certain
    fresh = scene.files(2)
    for file in outcome:
        assert fresh.get(file.key) == file
        assert hashlib.sha256(read(fresh, file)).hexdigest() == file.sha256


class Race:
    """A writer and pruners."""

    def __init__(self, scene: Scene, what: str) -> None:
        before, self._doing, self._certain = EVERY[what]
        self._scene = scene
        self._file = before(scene)
        scene.keep()
        self._names = leftovers(scene.files())

    def delete(self, files: Files) -> None:
        """What a pruner does that has a plan."""
        files.delete_leftovers(self._names, LATE)

    def run(self, others: Sequence[Callable[[Files], object]], choose: Callable[[int], int]) -> None:
        scene = self._scene
        scene.reset()
        doings = [lambda: self._doing(scene.files(0), self._file)]
        doings += [lambda other=other: other(scene.files(1)) for other in others]  # type: ignore[misc]
        outcomes: list[Any] = []
        for so_far in run_stepped(doings, choose):
            scene.expect_whole()
            outcomes = so_far
        assert outcomes[1:] == [None] * len(others), outcomes
        expect(scene, outcomes[0], certain=self._certain)
        prune(scene.files(1))
        scene.expect_whole()
        expect(scene, outcomes[0], certain=self._certain)


# Of the others, many orders are tried below, and all of them with the profile for stress.
OVERTAKING = ["put of bytes that were half sent", "put of many", "restore of what was replaced", "copy"]


@pytest.mark.parametrize("what", EVERY if IS_STRESS else OVERTAKING)
def test_a_pruner_and_a_writer_who_overtake_each_other(scene: Scene, what: str) -> None:
    """One of them stops once, wherever it can, and the other does all of its work."""
    expect_nothing_lost(scene, what)


@pytest.mark.parametrize("what", EVERY if IS_STRESS else ["put of bytes that were half sent", "put of many"])
def test_the_same_with_objects(object_scene: Scene, what: str) -> None:
    expect_nothing_lost(object_scene, what)


def expect_nothing_lost(scene: Scene, what: str) -> None:
    race = Race(scene, what)
    for first in (0, 1):
        for other in (race.delete, prune):
            steps = 0
            while overtaken(race, other, first, steps) >= steps:
                steps += 1
            assert steps > 1


def overtaken(race: Race, other: Callable[[Files], object], first: int, steps: int) -> int:
    """One goes so many steps, then the other all of its own; how many there were while both were at work."""
    taken = 0

    def choose(options: int) -> int:
        nonlocal taken
        taken += 1
        return first if taken <= steps else 1 - first

    race.run([other], choose)
    return taken


@pytest.mark.parametrize("pruners", [1, 2])
@pytest.mark.parametrize("what", EVERY)
def test_a_writer_and_pruners_in_many_orders(scene: Scene, what: str, pruners: int) -> None:
    race = Race(scene, what)
    for seed in range(500 if IS_STRESS else 3):
        race.run([prune] * pruners, random.Random(seed).randrange)


@pytest.mark.skipif(not IS_STRESS, reason="an hour; it is done with the profile for stress")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("what", EVERY)
def test_every_order_of_a_writer_and_a_pruner(scene: Scene, what: str) -> None:
    race = Race(scene, what)
    assert every_order(lambda choose: race.run([race.delete], choose)) > 100


def test_an_upload_leaves_what_others_set_meanwhile(scene: Scene) -> None:
    """In every order of one who uploads a file and one who locks it, it is locked."""
    there(scene)
    scene.keep()
    locked = []

    def upload(files: Files) -> object:
        seen = files.get(A.key)
        assert seen is not None
        new = replace(A, locked=seen.locked)
        return files.put(new, io.BytesIO(OLD), keep=("locked",))

    def lock(files: Files) -> object:
        seen = files.get(A.key)
        assert seen is not None
        return files.update(seen, replace(seen, locked=True))

    def run(choose: Callable[[int], int]) -> None:
        scene.reset()
        outcomes: list[Any] = []
        for so_far in run_stepped([lambda: upload(scene.files(0)), lambda: lock(scene.files(1))], choose):
            outcomes = so_far
        stored = scene.files(2).get(A.key)
        assert stored is not None
        assert stored.locked
        assert stored.sha256 == hashlib.sha256(OLD).hexdigest()
        locked.append(outcomes[0].locked)

    assert every_order(run, switches=FEW_SWITCHES) > 20
    assert set(locked) == {True, False}, "what is returned is what was stored at that moment"


def test_no_pruner_deletes_by_the_mark_of_another(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """One has asked who needs the bytes; then somebody does, and another pruner condemns them again."""
    file = in_the_trash(scene)
    names = leftovers(scene.files())
    first, second = (scene.files(n)._content._pruning for n in (1, 2))  # type: ignore[attr-defined]
    ask = first._used

    def ask_and_be_overtaken(digests: set[bytes]) -> set[bytes]:
        used: set[bytes] = ask(digests)
        scene.files(0).copy([file], OTHER)
        with pytest.raises(Crash):
            scene.files(2).delete_leftovers([f"blob {digest.hex()}" for digest in digests], LATE)
        return used

    def die(digests: set[bytes]) -> set[bytes]:
        raise Crash

    monkeypatch.setattr(first, "_used", ask_and_be_overtaken)
    monkeypatch.setattr(second, "_used", die)
    assert scene.files(1).delete_leftovers(names, LATE) == 0
    scene.expect_whole()
    (blob,) = scene.raw["modulestore.blobs"].find()
    assert blob["condemned"] is not None, "this is what is tried here"


def test_an_upload_that_is_given_up_is_sent_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it has been sent when a pruner takes it for one that broke off."""
    uploads = scene.files(0)._content._blobs._uploads  # type: ignore[attr-defined]
    send = uploads.send
    given_up: list[str] = []

    def send_and_be_pruned(contents: Mapping[ObjectId, Content]) -> None:
        send(contents)
        if not given_up:
            given_up.extend(f"upload {upload}" for upload in contents)
            assert scene.files(1).delete_leftovers(given_up, LATE) == len(OLD)

    monkeypatch.setattr(uploads, "send", send_and_be_pruned)
    stored = put(scene.files(0), A, OLD)
    scene.expect_whole()
    assert read(scene.files(2), stored) == OLD
    assert given_up


# --- those who die, and those who hear nothing


def discards(files: Files, file: CourseFile) -> object:
    return [] if files.discard(A.key) else None


def replaces(files: Files, file: CourseFile) -> object:
    return [put(files, A, OLD)]


def there(scene: Scene) -> CourseFile:
    return put(scene.files(), A, NEW)


INTERRUPTED: Mapping[str, tuple[Before, Doing]] = {
    **{what: (before, doing) for what, (before, doing, _) in EVERY.items()},
    "replace": (there, replaces),
    "discard": (there, discards),
}


@pytest.mark.parametrize("dies", [True, False], ids=["dies", "no reply"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("what", INTERRUPTED)
def test_every_write(scene: Scene, what: str, after: bool, dies: bool) -> None:
    """At any of them: what was there is there, or what was to come, whole; and it can be done again."""
    expect_sound(scene, what, after=after, dies=dies)


@pytest.mark.parametrize("dies", [True, False], ids=["dies", "no reply"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "what", INTERRUPTED if IS_STRESS else ["put of bytes that were half sent", "replace"]
)
def test_every_write_with_objects(object_scene: Scene, what: str, after: bool, dies: bool) -> None:
    expect_sound(object_scene, what, after=after, dies=dies)


def expect_sound(scene: Scene, what: str, *, after: bool, dies: bool) -> None:
    before, doing = INTERRUPTED[what]
    file = before(scene)
    scene.keep()
    old = state(scene)
    doing(scene.files(), file)
    new = state(scene)
    for number in range(1, 100):
        scene.reset()
        with faults() as told:
            told.arm(number, after=after, dies=dies)
            with suppress(Crash, StorageUnavailable):
                doing(scene.files(), file)
            if len(told.writes) < number:
                break
        scene.expect_whole()
        for name, digest in state(scene).items():
            assert digest in (old.get(name), new.get(name)), f"{name} after write {number}"
        doing(scene.files(), file)
        assert state(scene) == new
        expect_pruned(scene, new)
        scene.reset()
        with faults() as told:
            told.arm(number, after=after, dies=dies)
            with suppress(Crash, StorageUnavailable):
                doing(scene.files(), file)
        expect_pruned(scene, state(scene))
    assert number > 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("dies", [True, False], ids=["dies", "no reply"])
@pytest.mark.parametrize("before", [in_the_trash, replaced, half_sent])
def test_every_write_of_a_pruner(scene: Scene, before: Before, after: bool, dies: bool) -> None:
    expect_pruning_sound(scene, before, after=after, dies=dies)


@pytest.mark.parametrize("dies", [True, False], ids=["dies", "no reply"])
@pytest.mark.parametrize("before", [in_the_trash, half_sent])
def test_every_write_of_a_pruner_of_objects(object_scene: Scene, before: Before, dies: bool) -> None:
    expect_pruning_sound(object_scene, before, after=True, dies=dies)


def expect_pruning_sound(scene: Scene, before: Before, *, after: bool, dies: bool) -> None:
    before(scene)
    put(scene.files(), new_file("kept.bin"), b"kept")
    scene.keep()
    old = state(scene)
    for number in range(1, 100):
        scene.reset()
        with faults() as told:
            told.arm(number, after=after, dies=dies)
            with suppress(Crash, StorageUnavailable):
                prune(scene.files())
            if len(told.writes) < number:
                break
        scene.expect_whole()
        assert state(scene) == old
        put(scene.files(), B, OLD)
        scene.expect_whole()
        expect_pruned(scene, state(scene))
    assert number > 3


def state(scene: Scene) -> dict[str, str]:
    """What every name stands for."""
    found = {}
    for document in scene.raw["modulestore.files"].find({"current": {"$ne": None}}):
        found[document["_id"]] = bytes(document["current"]["sha256"]).hex()
    return found


def expect_pruned(scene: Scene, expected: Mapping[str, str]) -> None:
    """Pruning leaves what there is, and nothing else."""
    files = scene.files(2)
    prune(files)
    scene.expect_whole()
    assert state(scene) == expected
    assert leftovers(files) == []
    blobs = scene.raw["modulestore.blobs"].find().to_list()
    assert {bytes(blob["_id"]).hex() for blob in blobs} == set(expected.values())
    assert all(blob["uploading"] == [] for blob in blobs)
    assert scene.uploads().keys() == {blob["upload"] for blob in blobs}
    documents = scene.raw["modulestore.files"].find().to_list()
    assert {document["_id"] for document in documents} == expected.keys(), documents
    problems = [problem for checked in files.problems(deep=True) for problem in checked.problems]
    assert problems == []
