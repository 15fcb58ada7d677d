"""Files stored once on MongoDB: which databases have them, what is stored, and in how many commands."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from bson.codec_options import CodecOptions
from bson.int64 import Int64
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.monitoring import CommandListener, CommandStartedEvent

import modulestore
from modulestore._sync.mongo import open_database, open_mongo
from modulestore._sync.mongo.backend import MongoBackend
from modulestore._sync.mongo.layouts import LayoutFiles
from modulestore._sync.ports import Files
from modulestore._sync.preparing import FORMAT, WriteRules, prepare_write
from modulestore._sync.store import Store
from modulestore._sync.waiting import race
from modulestore.errors import Conflict, DocumentTooLarge, ReadOnlyStore, StorageUnavailable, UnknownFormat
from modulestore.model.files import CourseFile
from modulestore.storage.mongo.blobs import CHUNK
from modulestore.storage.mongo.file_versions import MOST_PAST
from modulestore.testing._sync.courses import SMALL_COURSE, make_small_course
from modulestore.testing.samples import COURSE, new_entry, new_file, random_bytes
from tests.backends.content_databases import (
    DATA,
    FILE,
    FILES,
    LATE,
    OTHER,
    PLACE,
    SHA,
    Plain,
    found,
    leftovers,
    prepared,
    put,
)
from tests.pictures import png
from tests.servers import PrivateMongoDB

THEIRS = "fs.files"


@pytest.fixture
def raw(mongodb_url: str) -> Iterator[Plain]:
    options: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        yield client.get_default_database().with_options(codec_options=options)


@pytest.fixture
def backend(mongodb_url: str) -> Iterator[MongoBackend]:
    with closing(prepared(mongodb_url)) as backend:
        yield backend


def has_files(raw: Plain) -> list[str]:
    return [name for name in (FILES, THEIRS) if raw[name].count_documents({})]


# --- which databases


def test_a_new_database(mongodb_url: str, raw: Plain) -> None:
    with closing(prepared(mongodb_url)) as backend:
        put(backend)
        assert has_files(raw) == [FILES]
        record = backend.records.get(*FORMAT)
        assert record is not None
        assert record.value == {"schema_version": 2, "files": "content"}


def test_a_new_database_for_platforms(mongodb_url: str, raw: Plain) -> None:
    with closing(prepared(mongodb_url, WriteRules(new_schema=1))) as backend:
        put(backend)
        assert has_files(raw) == [THEIRS]
        record = backend.records.get(*FORMAT)
        assert record is not None
        assert record.value == {"schema_version": 1}


def test_a_platforms_database(mongodb_url: str, raw: Plain) -> None:
    with closing(open_mongo(mongodb_url)) as backend:
        backend.index.insert(new_entry())
        put(backend)
        assert has_files(raw) == [THEIRS]
        assert backend.missing_indexes(()) == []


def test_a_platforms_database_with_files_alone(mongodb_url: str, raw: Plain) -> None:
    """They would not be seen any more if it became one of ours."""
    raw["fs.files"].insert_one({"_id": "anything"})
    with closing(open_mongo(mongodb_url)) as backend:
        assert not backend.is_empty()
        with pytest.raises(ReadOnlyStore, match="written by an Open edX platform"):
            prepare_write(backend, -1, WriteRules())
        put(backend)
        assert has_files(raw) == [THEIRS]


def test_an_older_database_of_ours(mongodb_url: str, raw: Plain) -> None:
    with closing(open_mongo(mongodb_url)) as backend:
        backend.records.put_if_absent(*FORMAT, {"schema_version": 2})
        put(backend)
        assert has_files(raw) == [THEIRS]


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1)])
def test_a_conversion_leaves_files_where_they_are(
    mongodb_url: str, raw: Plain, first: Any, second: Any
) -> None:
    mark = "&" if "?" in mongodb_url else "?"
    with modulestore.connect(f"{mongodb_url}{mark}format={first}") as store:
        make_small_course(store)
        put(store._backend)  # type: ignore[arg-type]
        before = has_files(raw)
    with modulestore.connect(mongodb_url) as store:
        store.convert(second)
    with modulestore.connect(mongodb_url) as store:
        assert store.open(SMALL_COURSE)
        assert b"".join(store._backend.files.read(FILE.key)) == DATA
        put(store._backend, new_file("b"))  # type: ignore[arg-type]
    assert has_files(raw) == before


def test_a_layout_of_the_future(mongodb_url: str) -> None:
    with closing(open_mongo(mongodb_url)) as backend:
        backend.records.put_if_absent(*FORMAT, {"schema_version": 2, "files": "elsewhere"})
        with pytest.raises(UnknownFormat, match="elsewhere"):
            backend.files.get(FILE.key)


def test_an_empty_database_may_become_either(mongodb_url: str) -> None:
    """Who has looked into it before it was prepared sees what is put there afterwards."""
    with closing(open_mongo(mongodb_url)) as reader:
        assert reader.files.get(FILE.key) is None
        assert reader.files.list(COURSE) == []
        with closing(prepared(mongodb_url)) as backend:
            stored = put(backend)
        assert reader.files.get(FILE.key) == stored


def test_a_database_that_is_prepared_while_somebody_looks(
    mongodb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_mongo(mongodb_url)) as reader, closing(open_mongo(mongodb_url)) as writer:

        def is_empty() -> bool:
            prepare_write(writer, -1, WriteRules())
            writer.index.insert(new_entry())
            put(writer)
            return False

        monkeypatch.setattr(reader, "is_empty", is_empty)
        assert reader.files.get(FILE.key) is not None


def test_every_call_goes_to_the_layout() -> None:
    """All but `read` and `pieces`, which consist of others; a backend need not have all of them."""
    calls = {name for name in vars(Files) if not name.startswith("_")} - {"read", "pieces"}
    assert calls <= vars(LayoutFiles).keys()


# --- what is stored


def test_the_stored_form(backend: MongoBackend, raw: Plain) -> None:
    stored = put(backend)
    (blob,) = raw["modulestore.blobs"].find()
    upload, touched = blob["upload"], blob["touched"]
    assert isinstance(upload, ObjectId)
    assert abs(touched - datetime.now(UTC)) < timedelta(minutes=1)
    assert isinstance(blob["length"], Int64)
    assert blob == {
        "_id": SHA,
        "length": len(DATA),
        "upload": upload,
        "uploading": [],
        "touched": touched,
        "condemned": None,
    }
    chunks = raw["modulestore.blob_chunks"].find().sort("_id").to_list()
    assert chunks == [
        {"_id": upload.binary + n.to_bytes(4), "data": DATA[n * CHUNK : (n + 1) * CHUNK]} for n in range(3)
    ]
    (document,) = raw[FILES].find()
    version = {
        "put": document["current"]["put"],
        "sha256": SHA,
        "md5": hashlib.md5(DATA, usedforsecurity=False).digest(),
        "length": len(DATA),
        "display_name": "a.bin",
        "content_type": "image/png",
        "locked": True,
        "import_path": "sub/a.bin",
        "thumbnail": "a.jpg",
        "uploaded_on": stored.uploaded_on,
    }
    expected = {"_id": PLACE, "course": str(COURSE), "history": [], "pending": [], "blobs": [SHA]}
    assert document == {**expected, "current": version}
    backend.files.delete(FILE.key)
    (document,) = raw[FILES].find()
    ended_on = document["history"][0].pop("ended_on")
    assert abs(ended_on - datetime.now(UTC)) < timedelta(minutes=1)
    assert document == {**expected, "current": None, "history": [version]}


def test_bytes_are_stored_once(backend: MongoBackend, raw: Plain) -> None:
    put(backend)
    put(backend, new_file("b.bin"))
    backend.files.put_many([(new_file(f"{n}", OTHER), DATA) for n in range(20)])
    backend.files.copy(backend.files.list(COURSE), OTHER)
    assert raw["modulestore.blobs"].count_documents({}) == 1
    assert raw["modulestore.blob_chunks"].count_documents({}) == 3
    assert raw[FILES].count_documents({}) == 24


def test_a_name_forgets_the_oldest_beyond_a_thousand(backend: MongoBackend, raw: Plain) -> None:
    """And as many of the largest there can be still fit into one document."""
    large = replace(FILE, import_path="x" * 15_600)
    old = put(backend, large, b"old")
    put(backend, large, b"newer")
    (document,) = raw[FILES].find()
    (oldest,) = document["history"]
    others = [{**oldest, "put": ObjectId()} for _ in range(MOST_PAST - 1)]
    raw[FILES].update_one({}, {"$set": {"history": [oldest, *others]}})
    newest = put(backend, large, b"newest")
    history = backend.files.history(FILE.key)
    assert len(history) == MOST_PAST + 1
    assert (history[0].file, history[1].file.length) == (newest, len(b"newer"))
    assert {one.file.sha256 for one in history[2:]} == {old.sha256}
    (document,) = raw[FILES].find({}, {"history.put": 1})
    assert oldest["put"] not in [one["put"] for one in document["history"]]


def test_names_that_are_too_long(backend: MongoBackend, raw: Plain) -> None:
    stored = put(backend)
    for field in ("display_name", "import_path", "content_type", "thumbnail"):
        names: dict[str, Any] = {field: "x" * 16_000}
        file = replace(FILE, **names)
        for call in (
            lambda file=file: put(backend, file, b"new"),
            lambda file=file: backend.files.put_many([(new_file("b"), b"new"), (file, b"new")]),
            lambda file=file: backend.files.update(stored, file),
        ):
            with pytest.raises(DocumentTooLarge):
                call()
    assert backend.files.list(COURSE) == [stored]
    assert raw["modulestore.blobs"].count_documents({}) == 1


def test_everything_works_without_indexes(mongodb_url: str, raw: Plain) -> None:
    with closing(prepared(mongodb_url)) as backend:
        for name in (FILES, "modulestore.blobs"):
            raw[name].drop_indexes()
        put(backend)
        put(backend, FILE, b"new")
        backend.files.copy(backend.files.list(COURSE), OTHER)
        assert len(backend.files.list(OTHER)) == 1
        assert sum(leftover.size for leftover in leftovers(backend)) == len(DATA)
        freed = backend.files.delete_leftovers([one.name for one in leftovers(backend)], LATE)
        assert freed == len(DATA)
        assert found(backend, deep=True) == []


# --- who meets whom


def test_two_uploads_of_one_name_at_once(mongodb_url: str, backend: MongoBackend) -> None:
    contents = [random_bytes(CHUNK + n, seed=n) for n in range(6)]
    with closing(open_mongo(mongodb_url)) as second:
        handles = (backend, second)
        race(*(lambda n=n, data=data: put(handles[n % 2], FILE, data) for n, data in enumerate(contents)))
    history = backend.files.history(FILE.key)
    digests = {hashlib.sha256(data).hexdigest() for data in contents}
    assert {version.file.sha256 for version in history} == digests
    assert len(history) == len(contents)
    for version in history:
        data = backend.files.fetch(version.file, 0, version.file.length)
        assert hashlib.sha256(data).hexdigest() == version.file.sha256
    assert found(backend, deep=True) == []


def test_the_same_new_bytes_many_times_at_once(backend: MongoBackend, raw: Plain) -> None:
    race(*(lambda n=n: put(backend, new_file(f"{n}")) for n in range(6)))
    backend.files.delete_leftovers([one.name for one in leftovers(backend)], LATE)
    assert raw["modulestore.blobs"].count_documents({}) == 1
    assert raw["modulestore.blob_chunks"].count_documents({}) == 3
    assert [b"".join(backend.files.read(file.key)) for file in backend.files.list(COURSE)] == [DATA] * 6
    assert leftovers(backend) == []


def test_an_upload_that_pruning_always_overtakes(
    backend: MongoBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = put(backend)
    blobs = backend.files._content._blobs  # type: ignore[attr-defined]
    monkeypatch.setattr(blobs, "store", lambda *_: False)
    with pytest.raises(Conflict, match="pruned"):
        put(backend, FILE, b"new")
    assert backend.files.get(FILE.key) == stored
    assert leftovers(backend) == []


@pytest.mark.parametrize("command", ["update", "insert"])
def test_lost_replies(private_mongodb: PrivateMongoDB, command: str) -> None:
    url = private_mongodb.url(f"content_{datetime.now(UTC).timestamp():.0f}_{command}")
    with closing(prepared(url)) as backend:
        old = {name: random_bytes(600_000, seed=n) for n, name in enumerate(("a.bin", "b.bin"))}
        for name, data in old.items():
            put(backend, new_file(name), data)
        new = random_bytes(600_000, seed=9)
        for times in range(1, 9):
            lost: dict[str, Any] = {"close_connection": True, "after_execution": True, "times": times}
            with private_mongodb.failing(command, **lost), suppress(StorageUnavailable):
                backend.files.put_many([(new_file(name), new + bytes([times])) for name in old])
            for name in old:
                data = b"".join(backend.files.read(new_file(name).key))
                assert data in (old[name], new + bytes([times]))
                old[name] = data
            assert found(backend, deep=True) == []


def test_a_picture_that_is_locked_while_it_is_uploaded(
    mongodb_url: str, backend: MongoBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stays locked, and so is its new thumbnail."""
    store, small = Store(backend), modulestore.Thumbnail()
    store.create_course(COURSE)
    store.assets.put(COURSE, "a.png", png(300, 200, "red"))
    send = backend.files.put
    with modulestore.connect(mongodb_url) as other:

        def lock_and_send(file: CourseFile, *args: Any, **kwargs: Any) -> CourseFile:
            other.assets.lock(COURSE.asset("a.png"))
            return send(file, *args, **kwargs)

        monkeypatch.setattr(backend.files, "put", lock_and_send)
        upload = store.assets.put(COURSE, "a.png", png(200, 300, "blue"), thumbnail=small)
    assert upload.thumbnail is not None
    for file in (upload.file, upload.thumbnail):
        assert file.locked
        assert backend.files.get(file.key) == file


def test_the_server_is_killed_in_the_middle_of_an_upload(
    private_mongodb: PrivateMongoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old file stays; what was sent is nobody's; the next try stores it."""
    new, sends = random_bytes(20_000_000, seed=7), 0
    insert = Collection.insert_many

    def insert_and_die(collection: Any, documents: Any, **how: Any) -> Any:
        nonlocal sends
        sends += collection.name == "modulestore.blob_chunks"
        if sends == 3:
            private_mongodb.server.kill()
        return insert(collection, documents, **how)

    with closing(prepared(private_mongodb.url(f"content_{datetime.now(UTC).timestamp():.0f}"))) as backend:
        stored = put(backend)
        with monkeypatch.context() as patch:
            patch.setattr(Collection, "insert_many", insert_and_die)
            with pytest.raises(StorageUnavailable):
                put(backend, FILE, new)
        private_mongodb.server.restart()
        assert backend.files.get(FILE.key) == stored
        assert found(backend, deep=True) == []
        assert b"".join(backend.files.read(FILE.key)) == DATA
        put(backend, FILE, new)
        assert b"".join(backend.files.read(FILE.key)) == new
        freed = backend.files.delete_leftovers([one.name for one in leftovers(backend)], LATE)
        assert freed >= len(DATA) + 8_000_000, "what was replaced, and what had been sent in vain"
        assert found(backend, deep=True) == []
        assert leftovers(backend) == []


# --- in how many commands


class Commands(CommandListener):
    """Names of the commands since they were last asked for."""

    def __init__(self) -> None:
        self._seen: list[str] = []
        self.concerns: list[Any] = []
        self.filters: list[Any] = []

    def started(self, event: CommandStartedEvent) -> None:
        self._seen.append(event.command_name)
        if event.command_name == "find":
            self.concerns.append(event.command.get("readConcern"))
            self.filters.append(event.command["filter"])

    def succeeded(self, event: Any) -> None: ...

    def failed(self, event: Any) -> None: ...

    def names(self) -> list[str]:
        seen, self._seen[:] = list(self._seen), []
        return seen


def test_commands(mongodb_url: str, backend: MongoBackend) -> None:
    put(backend, new_file("there"), b"there")
    commands = Commands()
    with MongoClient[dict[str, Any]](mongodb_url, event_listeners=[commands]) as client:
        files = open_database(client.get_default_database()).files
        commands.names()
        files.get(FILE.key)
        assert commands.names() == ["find", "find"], "how files are kept here is asked once"
        stored = files.put(FILE, io.BytesIO(DATA))
        assert commands.names() == ["update", "update", "find", "insert", "update", "update"]
        files.put(FILE, io.BytesIO(DATA))
        assert commands.names() == ["update", "update", "find", "update"]
        many = [(new_file(f"{n}"), random_bytes(300_000, seed=n)) for n in range(20)]
        files.put_many(many)
        inserts = ["insert", "insert"]  # 6 MB, in messages of 4
        assert commands.names() == ["find", "insert", "find", "insert", "find", *inserts, "update", "update"]
        assert files.fetch(stored, 300_000, 500_000) == DATA[300_000:500_000]
        assert commands.names() == ["find", "find"]
        assert files.fetch(stored, 0, 600_000) == DATA
        assert commands.names() == ["find"]
        files.list(COURSE)
        assert commands.names() == ["find"]
        files.copy(files.list(COURSE), OTHER)
        assert commands.names() == ["find", "find", "insert", "update", "find", "update"]
        files.discard(FILE.key)
        assert commands.names() == ["update"]
        (version,) = files.trash(COURSE)
        assert commands.names() == ["find"]
        files.restore(version)
        assert commands.names() == ["find", "update"]


def test_chunks_are_asked_for_by_their_ids(mongodb_url: str, backend: MongoBackend) -> None:
    """A range of ids would be a question for every shard of a cluster."""
    stored = put(backend, FILE, DATA)
    commands = Commands()
    with MongoClient[dict[str, Any]](mongodb_url, event_listeners=[commands]) as client:
        files = open_database(client.get_default_database()).files
        assert files.fetch(stored, 300_000, 600_000) == DATA[300_000:600_000]
    assert [len(chunk) for chunk in commands.filters[-1]["_id"]["$in"]] == [16, 16]


def test_a_writer_and_a_pruner_read_what_was_just_written(mongodb_url: str, backend: MongoBackend) -> None:
    """Though the URL says that nobody waits for a majority."""
    commands = Commands()
    with MongoClient[dict[str, Any]](mongodb_url, event_listeners=[commands], w=1) as client:
        files = open_database(client.get_default_database()).files
        files.get(FILE.key)
        commands.concerns.clear()
        files.put_many([(new_file(f"{n}"), b"%d" % n) for n in range(20)])
        files.delete_leftovers([one.name for one in leftovers(backend)], LATE)
        assert commands.concerns
        assert all(concern["level"] == "local" for concern in commands.concerns)
