"""What the MongoDB backend writes, byte for byte, and how many commands it takes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import bson
import gridfs
import pytest
from bson import ObjectId
from bson.codec_options import CodecOptions
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import AutoReconnect
from pymongo.monitoring import CommandListener, CommandStartedEvent

from modulestore._sync.mongo import backend as backend_module
from modulestore._sync.mongo import open_database, open_mongo
from modulestore._sync.mongo.backend import MongoBackend
from modulestore._sync.mongo.collections import Collections
from modulestore._sync.mongo.transactions import NoTransactions
from modulestore._sync.waiting import race
from modulestore.errors import AssetNotFound, Conflict, CorruptDocument, InvalidURL, StorageUnavailable
from modulestore.formats.entries import decode_entry
from modulestore.formats.ids import to_object_id
from modulestore.keys import CourseKey, LibraryKey
from modulestore.model.index import Moved, Swapped
from modulestore.storage.mongo.files import CHUNK
from modulestore.testing.samples import (
    COURSE,
    definition_document,
    new_entry,
    new_file,
    new_version_id,
    random_bytes,
    structure_document,
)
from modulestore.upkeep.migrations import load_steps
from modulestore.upkeep.steps import DatabaseIndex

Plain = Database[dict[str, Any]]


class Commands(CommandListener):
    """Remembers the commands of clients."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.seen.append((event.command_name, dict(event.command)))

    def succeeded(self, event: object) -> None:
        pass

    def failed(self, event: object) -> None:
        pass

    def names(self) -> list[str]:
        names = [name for name, _ in self.seen]
        self.seen.clear()
        return names


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    commands = Commands()
    watched = partial(MongoClient, event_listeners=[commands])
    monkeypatch.setattr(backend_module, "MongoClient", watched)
    return commands


@pytest.fixture
def backend(commands: Commands, mongodb_url: str) -> Iterator[MongoBackend]:
    with closing(open_mongo(mongodb_url)) as backend:
        for step in load_steps():
            backend.create_indexes(step.indexes)
        commands.seen.clear()
        yield backend


@pytest.fixture
def raw(mongodb_url: str) -> Iterator[Plain]:
    with MongoClient[dict[str, Any]](mongodb_url, tz_aware=True) as client:
        yield client.get_default_database()


def test_index_entry_is_the_platforms_document(backend: MongoBackend, raw: Plain) -> None:
    entry = new_entry(heads={"draft": new_version_id(), "published": new_version_id()})
    backend.index.insert(entry)
    result = backend.index.swap(
        entry, entry.heads, {"published": new_version_id()}, search_targets={"wiki_slug": "s"}
    )
    assert isinstance(result, Swapped)
    document = raw["modulestore.active_versions"].find_one({})
    assert document is not None
    fields = "_id org course run edited_by edited_on versions schema_version search_targets last_update"
    assert list(document) == fields.split()
    assert list(document["versions"]) == ["draft-branch", "published-branch"]
    assert {type(head) for head in document["versions"].values()} == {ObjectId}
    assert document["_id"] == to_object_id(entry.id)
    assert document["search_targets"] == {"wiki_slug": "s"}
    assert (document["schema_version"], type(document["last_update"])) == (1, datetime)
    assert decode_entry(document) == result.entry


def test_documents_are_stored_as_they_are(backend: MongoBackend, raw: Plain) -> None:
    structure, definition = new_version_id(), new_version_id()
    documents = structure_document(structure), definition_document(definition, {"z": 1, "a": Int64(1)})
    backend.structures.put_many({structure: documents[0]})
    backend.definitions.put_many({definition: documents[1]})
    options: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
    for name, document in zip(("structures", "definitions"), documents, strict=True):
        stored = raw.get_collection(f"modulestore.{name}", codec_options=options).find_one()
        assert stored is not None
        assert stored.raw == document  # type: ignore[attr-defined]


def test_record(backend: MongoBackend, raw: Plain) -> None:
    backend.records.put_if_absent("tag", "a", {"n": 1})
    expected = {"_id": "tag/a", "kind": "tag", "key": "a", "revision": 1, "value": {"n": 1}}
    assert raw["modulestore.records"].find_one() == expected


def platforms_upload(raw: Plain, file_id: object, data: bytes) -> gridfs.GridIn:
    """What the contentstore of the platform does with its driver."""
    arguments: dict[str, Any] = {
        "_id": file_id,
        "filename": "asset-v1:Org+Course+Run+type@asset+block@pic.png",
        "content_type": "image/png",
        "displayname": "pic.png",
        "content_son": {
            "category": "asset",
            "name": "pic.png",
            "course": "Course",
            "tag": "c4x",
            "org": "Org",
            "revision": None,
            "run": "Run",
        },
        "thumbnail_location": ["c4x", "Org", "Course", "thumbnail", "pic-png.jpg", None],
        "import_path": "images/pic.png",
        "locked": False,
    }
    with gridfs.GridFS(raw).new_file(**arguments) as upload:
        upload.write(data)
        upload.custom_md5 = "0" * 32
    return upload


FILE = new_file(
    "pic.png",
    CourseKey("Org", "Course", "Run"),
    content_type="image/png",
    import_path="images/pic.png",
    thumbnail="pic-png.jpg",
)


def test_file_document_is_what_the_platforms_driver_writes(backend: MongoBackend, raw: Plain) -> None:
    data = random_bytes(600_000)
    platforms_upload(raw, str(FILE.key), data)
    theirs, their_chunks = file_and_chunks(raw)
    stored = backend.files.put(FILE, io.BytesIO(data))
    ours, our_chunks = file_and_chunks(raw)
    assert theirs["uploadDate"] <= ours["uploadDate"]
    assert ours["custom_md5"] == stored.md5
    expected = {**theirs, "uploadDate": ours["uploadDate"], "custom_md5": stored.md5}
    assert bson.encode(ours) == bson.encode(expected), "another order, or another type"
    assert isinstance(ours["length"], Int64)
    assert our_chunks == their_chunks
    assert gridfs.GridFS(raw).get(str(FILE.key)).read() == data


def file_and_chunks(raw: Plain) -> tuple[dict[str, Any], list[bytes]]:
    (file,) = raw["fs.files"].find()
    chunks = raw["fs.chunks"].find().sort("n")
    return file, [bson.encode({**chunk, "_id": 0}) for chunk in chunks]


def test_file_of_the_platform_is_read(backend: MongoBackend, raw: Plain) -> None:
    data = random_bytes(600_000)
    platforms_upload(raw, str(FILE.key), data)
    file = backend.files.get(FILE.key)
    assert file is not None
    assert file == replace(FILE, length=600_000, md5="0" * 32, uploaded_on=file.uploaded_on)
    assert b"".join(backend.files.read(FILE.key)) == data
    assert backend.files.list(FILE.key.course) == [file]


def test_old_style_file_of_the_platform_is_read(backend: MongoBackend, raw: Plain) -> None:
    course = CourseKey("Org", "Course", "Run", deprecated=True)
    son = {
        "category": "asset",
        "name": "pic.png",
        "course": "Course",
        "tag": "c4x",
        "org": "Org",
        "revision": None,
    }
    data = random_bytes(300_000)
    platforms_upload(raw, son, data)
    key = course.asset("pic.png")
    file = backend.files.get(key)
    assert file is not None
    assert file.key == key
    assert b"".join(backend.files.read(key)) == data
    assert backend.files.list(course) == [file]
    assert backend.files.list(CourseKey("Org", "Course", "Run")) == []
    again = backend.files.put(file, io.BytesIO(b"again"))
    assert again.key == key
    (document,) = raw["fs.files"].find()
    assert list(document["_id"]) == list(son)
    assert b"".join(backend.files.read(key)) == b"again"


def test_files_of_a_library(backend: MongoBackend, raw: Plain) -> None:
    library = LibraryKey("Org", "Lib")
    backend.files.put(new_file("x.txt", library), io.BytesIO(b"x"))
    (document,) = raw["fs.files"].find()
    assert document["_id"] == "asset-v1:Org+Lib+type@asset+block@x.png".replace("png", "txt")
    assert (document["content_son"]["course"], document["content_son"]["run"]) == ("Lib", "library")


def test_no_chunk_stays_behind(backend: MongoBackend, raw: Plain) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 3_000_000:
                raise RuntimeError("broken")
            return super().read(size)

    backend.files.put(new_file(), io.BytesIO(random_bytes(3_000_000)))
    backend.files.put(new_file(), io.BytesIO(random_bytes(600_000)))
    with pytest.raises(RuntimeError, match="broken"):
        backend.files.put(new_file(), Broken(random_bytes(5_000_000)))
    assert (
        raw["fs.chunks"].count_documents({})
        == raw["fs.chunks"].count_documents({"files_id": str(new_file().key)})
        == 3
    )
    backend.files.delete(new_file().key)
    assert raw["fs.chunks"].count_documents({}) == raw["fs.files"].count_documents({}) == 0


def test_files_together_leave_no_chunk_behind(backend: MongoBackend, raw: Plain) -> None:
    chunk = {"files_id": str(new_file("a.bin").key), "n": 7, "data": b"left by a crash"}
    raw["fs.chunks"].insert_one(chunk)
    backend.files.put(new_file("b.bin"), io.BytesIO(random_bytes(900_000)))
    for size in (600_000, 300_000, 0):
        backend.files.put_many(
            [(new_file("a.bin"), random_bytes(size)), (new_file("b.bin"), random_bytes(10))]
        )
        assert raw["fs.files"].count_documents({}) == 2
        chunks = raw["fs.chunks"].find({}, {"files_id": 1}).to_list()
        assert sorted(chunk["files_id"][-5:] for chunk in chunks) == ["a.bin"] * -(-size // CHUNK) + ["b.bin"]


def test_files_together_are_the_platforms_documents(backend: MongoBackend, raw: Plain) -> None:
    data = random_bytes(600_000)
    backend.files.put(FILE, io.BytesIO(data))
    one, its_chunks = file_and_chunks(raw)
    backend.files.put_many([(FILE, data)])
    other, other_chunks = file_and_chunks(raw)
    assert bson.encode({**one, "uploadDate": other["uploadDate"]}) == bson.encode(other)
    assert its_chunks == other_chunks


def test_missing_chunk_is_found_out(backend: MongoBackend, raw: Plain) -> None:
    backend.files.put(FILE, io.BytesIO(random_bytes(600_000)))
    raw["fs.chunks"].delete_one({"n": 1})
    with pytest.raises(CorruptDocument, match="missing"):
        list(backend.files.read(FILE.key))


def test_an_upload_leaves_what_others_set_meanwhile(
    backend: MongoBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = backend.files.put(new_file("a"), io.BytesIO(b"1"))
    files = backend.files._platform  # type: ignore[attr-defined]
    upload = files._upload

    def upload_and_be_locked(*args: Any) -> Any:
        assert backend.files.update(seen, replace(seen, locked=True))
        return upload(*args)

    monkeypatch.setattr(files, "_upload", upload_and_be_locked)
    stored = backend.files.put(seen, io.BytesIO(b"2"), keep=("locked",))
    assert stored.locked
    assert backend.files.get(seen.key) == stored


def test_server_without_transactions(mongodb_url: str, raw: Plain) -> None:
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        backend = MongoBackend(Collections(client.get_default_database()), {}, NoTransactions())
        for data in (random_bytes(600_000), random_bytes(10), random_bytes(300_000)):
            stored = backend.files.put(FILE, io.BytesIO(data))
            assert b"".join(backend.files.read(FILE.key)) == data
            assert backend.files.get(FILE.key) == stored
        assert raw["fs.chunks"].count_documents({}) == 2


def test_files_together_on_a_server_without_transactions(mongodb_url: str, raw: Plain) -> None:
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        backend = MongoBackend(Collections(client.get_default_database()), {}, NoTransactions())
        backend.create_indexes([index for step in load_steps() for index in step.indexes])
        contents = [random_bytes(size, seed=size) for size in (600_000, 10, 300_000, 0)]
        for data in contents:
            backend.files.put_many([(FILE, data), (new_file(), data)])
            assert b"".join(backend.files.read(FILE.key)) == data

        def put(data: bytes) -> None:
            with suppress(Conflict):
                backend.files.put_many([(FILE, data), (new_file(), data)])

        for _ in range(3):
            race(*(lambda data=data: put(data) for data in contents))
        for key in (FILE.key, new_file().key):
            file = backend.files.get(key)
            assert file is not None
            data = b"".join(backend.files.read(key))
            assert hashlib.md5(data, usedforsecurity=False).hexdigest() == file.md5
            assert raw["fs.chunks"].count_documents({"files_id": str(key)}) == -(-file.length // CHUNK)


@pytest.mark.parametrize("step", ["delete", "insert", "second insert"])
def test_files_together_that_fail_in_the_middle_without_transactions(
    mongodb_url: str, raw: Plain, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        backend = MongoBackend(Collections(client.get_default_database()), {}, NoTransactions())
        backend.files.put_many([(FILE, random_bytes(600_000))])
        platform = backend.files._platform  # type: ignore[attr-defined]
        collection = platform._files if step == "second insert" else platform._chunks
        method = "delete_many" if step == "delete" else "insert_many"

        def fail(*_: object, **__: object) -> None:
            raise AutoReconnect("gone")

        with monkeypatch.context() as patch:
            patch.setattr(collection, method, fail)
            with pytest.raises(StorageUnavailable):
                backend.files.put_many([(FILE, random_bytes(300_000))])
        assert backend.files.get(FILE.key) is None, "rather none than one with the wrong bytes"
        backend.files.put_many([(FILE, b"again")])
        assert b"".join(backend.files.read(FILE.key)) == b"again"
        assert raw["fs.chunks"].count_documents({}) == 1


def test_commands(backend: MongoBackend, commands: Commands) -> None:
    entry = new_entry()
    backend.index.insert(entry)
    documents = {version: definition_document(version) for version in (new_version_id() for _ in range(500))}
    commands.seen.clear()
    backend.definitions.put_many(documents)
    assert commands.names() == ["insert"]
    assert len(backend.definitions.get_many(documents)) == 500
    assert commands.names() == ["find"]
    assert backend.structures.get_many([new_version_id()]) == {}
    assert commands.names() == ["find"]
    assert backend.index.get(COURSE) == entry
    assert commands.names() == ["find"]
    assert isinstance(backend.index.swap(entry, entry.heads, {"draft": new_version_id()}), Swapped)
    assert commands.names() == ["findAndModify"]
    assert isinstance(backend.index.swap(entry, entry.heads, {"draft": new_version_id()}), Moved)
    assert commands.names() == ["findAndModify", "find"]
    backend.files.get(new_file().key)  # asks how files are kept here, once
    commands.seen.clear()
    backend.files.put_many([(new_file(f"{number}.bin"), random_bytes(300_000)) for number in range(20)])
    assert commands.names() == ["delete", "delete", "insert", "insert", "commitTransaction"]


def test_concerns(backend: MongoBackend, commands: Commands) -> None:
    backend.index.get(COURSE)
    backend.structures.get_many([new_version_id()])
    backend.index.insert(new_entry())
    backend.structures.put_many({new_version_id(): structure_document(new_version_id())})
    seen = [command for name, command in commands.seen if name in ("find", "insert")]
    assert [command.get("readConcern", command.get("writeConcern")) for command in seen] == [
        {"level": "majority"},
        None,
        {"level": "majority"},
        {"w": "majority"},
        {"w": "majority"},
    ]


def test_write_concern_of_the_url(commands: Commands, mongodb_url: str) -> None:
    mark = "&" if "?" in mongodb_url else "?"
    with closing(open_mongo(f"{mongodb_url}{mark}w=1")) as backend:
        backend.structures.put_many({new_version_id(): structure_document(new_version_id())})
        assert commands.seen[-1][1]["writeConcern"] == {"w": 1}
        backend.index.get(COURSE)
        assert commands.seen[-1][1]["readConcern"] == {"level": "local"}, "who has written sees it"
    with pytest.raises(InvalidURL, match="w=0"):
        open_mongo(f"{mongodb_url}{mark}w=0")


def test_what_pruning_decides_by_is_never_a_secondarys(commands: Commands, mongodb_url: str) -> None:
    mark = "&" if "?" in mongodb_url else "?"
    version = new_version_id()
    with closing(open_mongo(f"{mongodb_url}{mark}readPreference=secondary")) as backend:
        backend.structures.put_many({version: structure_document(version)})
        commands.seen.clear()
        assert [list(column) for column in backend.structures.ids()] == [[version]]
        assert list(backend.structures.links([version])) == [version]
        assert list(backend.structures.references([version])) == [version]
        assert list(backend.structures.sizes([version])) == [version]
        assert backend.definitions.sizes([version]) == {}
        assert list(backend.definitions.ids()) == []
        assert backend.structures.faulty_headers([version]) == {}
        (headers,) = backend.structures.headers(original=version)
        assert [header.id for header in headers] == [version], "by these a lost commit is looked for, too"
    assert commands.seen
    for name, command in commands.seen:
        if name == "find":
            assert command["readConcern"]["level"] == "majority"
            assert command.get("$readPreference", {"mode": "primary"})["mode"] != "secondary"


def test_what_a_secondary_lacks_is_read_from_the_primary(
    commands: Commands, mongodb_url: str, raw: Plain
) -> None:
    there, late, absent = (new_version_id() for _ in range(3))
    mark = "&" if "?" in mongodb_url else "?"
    with closing(open_mongo(f"{mongodb_url}{mark}readPreference=secondaryPreferred")) as backend:
        backend.definitions.put_many({version: definition_document(version) for version in (there, late)})
        assert len(backend.definitions.get_many([there, late])) == 2
        # A secondary that is behind: another collection, which lacks one of the two.
        documents = backend.definitions._documents  # type: ignore[attr-defined]
        behind = backend._collections.raw("behind")
        behind.insert_one(RawBSONDocument(definition_document(there)))
        documents._nearest = behind
        commands.seen.clear()
        assert set(backend.definitions.get_many([there, late, absent])) == {there, late}
        assert [command["find"] for _, command in commands.seen] == ["behind", "modulestore.definitions"]


def test_index_under_another_name_serves(mongodb_url: str, raw: Plain) -> None:
    keys = (("org", 1), ("course", 1))
    wanted = DatabaseIndex("modulestore.active_versions", "ours", keys)
    unique = replace(wanted, unique=True)
    raw["modulestore.active_versions"].create_index(list(keys), name="theirs")
    with closing(open_mongo(mongodb_url)) as backend:
        assert backend.missing_indexes([wanted]) == []
        assert backend.missing_indexes([unique, replace(wanted, keys=keys[:1])]) == ["ours", "ours"]


def test_default_database_is_the_platforms(mongodb_uri: str) -> None:
    with closing(open_mongo(mongodb_uri)) as backend:
        assert backend._collections.database.name == "edxapp"


def test_database_of_the_callers_client(mongodb_url: str) -> None:
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        backend = open_database(client.get_default_database())
        entry = new_entry()
        backend.index.insert(entry)
        backend.close()
        assert backend.index.get(COURSE) == entry, "the client is its owner's, and stays open"
        with pytest.raises(AssetNotFound):
            list(backend.files.read(new_file().key))
