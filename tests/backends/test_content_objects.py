"""Files of MongoDB whose bytes are in an object storage: where they are, who finds them, who deletes them."""

from __future__ import annotations

import hashlib
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import boto3
import pytest
from bson import ObjectId
from pymongo import MongoClient

import modulestore
from modulestore._sync.mongo import open_mongo
from modulestore._sync.mongo.backend import MongoBackend
from modulestore._sync.preparing import WriteRules, prepare_write
from modulestore.errors import (
    CorruptDocument,
    InvalidURL,
    ModuleStoreError,
    StorageUnavailable,
)
from modulestore.storage.mongo.blobs import CHUNK
from modulestore.storage.objects import ObjectStorage
from modulestore.testing.samples import COURSE, new_entry, new_file, random_bytes
from tests.backends.content_databases import (
    DATA,
    FILE,
    LATE,
    OTHER,
    PLACE,
    SHA,
    Plain,
    found,
    leftovers,
    put,
)
from tests.object_servers import ObjectServer

LARGE = random_bytes(20_000_000)


def opened(url: str, place: str | None) -> MongoBackend:
    backend = open_mongo(url, place)
    prepare_write(backend, -1, WriteRules())
    return backend


@pytest.fixture
def raw(mongodb_url: str) -> Iterator[Plain]:
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        yield client.get_default_database()


@pytest.fixture
def second_url(mongodb_url: str) -> Iterator[str]:
    """Another database."""
    parts = urlsplit(mongodb_url)
    url = urlunsplit(parts._replace(path=f"{parts.path}_second"))
    yield url
    with MongoClient[dict[str, Any]](url) as client:
        client.drop_database(client.get_default_database().name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place."""
    return tmp_path / "objects"


@pytest.fixture
def backend(mongodb_url: str, folder: Path) -> Iterator[MongoBackend]:
    """With its objects in a folder."""
    with closing(opened(mongodb_url, folder.as_uri())) as backend:
        yield backend


def objects_in(folder: Path) -> list[Path]:
    """All that is there."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def prune(backend: MongoBackend) -> int:
    """Remove what is left over; bytes."""
    return backend.files.delete_leftovers([one.name for one in leftovers(backend)], LATE)


# --- what is stored


def test_the_stored_form(backend: MongoBackend, raw: Plain, folder: Path) -> None:
    put(backend)
    (blob,) = raw["modulestore.blobs"].find()
    (record,) = raw["modulestore.records"].find({"_id": "database/objects"})
    own = record["value"]["folder"]
    assert ObjectId.is_valid(own)
    name = blob["upload"].removeprefix(f"{folder.as_uri()}/{own}/")
    upload = name.partition("/")[2]
    assert ObjectId.is_valid(upload)
    assert name == f"{upload[-2:]}/{upload}"
    assert (blob["_id"], blob["length"], blob["uploading"], blob["condemned"]) == (SHA, len(DATA), [], None)
    assert objects_in(folder) == [folder / own / name]
    assert (folder / own / name).read_bytes() == DATA
    assert raw["modulestore.blob_chunks"].count_documents({}) == 0
    stored = backend.files.get(FILE.key)
    assert stored is not None
    assert backend.files.object_name(stored) == f"{own}/{name}"


def test_bytes_are_stored_once(backend: MongoBackend, folder: Path) -> None:
    put(backend)
    put(backend, new_file("b.bin"))
    backend.files.put_many([(new_file(f"{n}", OTHER), DATA) for n in range(20)])
    backend.files.copy(backend.files.list(COURSE), OTHER)
    assert len(objects_in(folder)) == 1


def test_old_files_stay_where_they_are(mongodb_url: str, raw: Plain, folder: Path) -> None:
    """And are read, pruned and checked, whoever has a place for objects or has none."""
    with (
        closing(opened(mongodb_url, None)) as without,
        closing(opened(mongodb_url, folder.as_uri())) as having,
    ):
        old = put(without)
        new = put(having, new_file("large.bin"), LARGE)
        for backend in (without, having):
            assert b"".join(backend.files.pieces(old)) == DATA
            assert b"".join(backend.files.pieces(new)) == LARGE
            assert found(backend, deep=True) == []
        assert (having.files.object_name(old), without.files.object_name(new)) == (None, None)
        put(having, FILE, b"in an object now")
        assert prune(having) == len(DATA)
        assert raw["modulestore.blob_chunks"].count_documents({}) == 0
        assert len(objects_in(folder)) == 2
        assert b"".join(without.files.read(FILE.key)) == b"in an object now"


def test_a_place_may_change(mongodb_url: str, tmp_path: Path, folder: Path) -> None:
    with (
        closing(opened(mongodb_url, folder.as_uri())) as backend,
        closing(opened(mongodb_url, (tmp_path / "second").as_uri())) as later,
    ):
        old = put(backend)
        put(later, new_file("b.bin"), b"b")
        assert b"".join(later.files.pieces(old)) == DATA
        assert len(objects_in(tmp_path / "second")) == 1
        assert later.files.object_name(old) is None


# --- who deletes


def test_who_was_not_told_of_the_place_deletes_nothing_there(mongodb_url: str, folder: Path) -> None:
    """It may be a copy of the database, made to try something."""
    with (
        closing(opened(mongodb_url, folder.as_uri())) as backend,
        closing(opened(mongodb_url, None)) as other,
    ):
        put(backend)
        other.files.delete(FILE.key)
        prune(other)
        assert leftovers(other) == []
        (path,) = objects_in(folder)
        assert path.read_bytes() == DATA
        # Whoever knows the place finds that nobody needs it.
        (left,) = leftovers(backend)
        assert (left.name, left.size) == (f"upload {path.as_uri()}", len(DATA))
        assert prune(backend) == len(DATA)
        assert objects_in(folder) == []


def test_databases_share_a_place(mongodb_url: str, second_url: str, folder: Path) -> None:
    with (
        closing(opened(mongodb_url, folder.as_uri())) as one,
        closing(opened(second_url, folder.as_uri())) as other,
    ):
        put(one)
        put(other)
        put(other, new_file("b.bin"), b"b")
        one.files.delete(FILE.key)
        assert prune(one) == len(DATA)
        assert found(other, deep=True) == []
        assert len(objects_in(folder)) == 2
        assert leftovers(one) == leftovers(other) == []


def test_what_others_have_there_stays(backend: MongoBackend, folder: Path) -> None:
    put(backend)
    (path,) = objects_in(folder)
    (path.parent / "README").write_text("mine")
    (folder / "notes.txt").write_text("mine")
    (path.parent.parent / "notes.txt").write_text("mine")
    assert leftovers(backend) == []
    backend.files.delete(FILE.key)
    prune(backend)
    assert sorted(path.name for path in objects_in(folder)) == ["README", "notes.txt", "notes.txt"]


def test_an_upload_that_broke_off(
    backend: MongoBackend, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    old = put(backend)
    write = ObjectStorage.write

    def write_and_fail(*args: Any) -> None:
        write(*args)
        raise StorageUnavailable("the object storage failed")

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStorage, "write", write_and_fail)
        patch.setattr(ObjectStorage, "delete", write_and_fail)
        with pytest.raises(StorageUnavailable):
            put(backend, FILE, b"new")
    assert backend.files.get(FILE.key) == old
    assert b"".join(backend.files.read(FILE.key)) == DATA
    assert len(objects_in(folder)) == 2
    assert [one.size for one in leftovers(backend)] == [3]
    assert prune(backend) == 3
    assert len(objects_in(folder)) == 1
    assert found(backend, deep=True) == []


# --- damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "the object with its bytes is not there"),
        (
            lambda path: path.write_bytes(DATA[:-1]),
            "the object with its bytes has 599,999 instead of 600,000",
        ),
        (lambda path: path.write_bytes(b""), "the object with its bytes has 0 instead of 600,000"),
    ],
)
def test_damage(backend: MongoBackend, folder: Path, damage: Callable[[Path], object], message: str) -> None:
    put(backend, new_file("b.bin"), b"b")
    stored = put(backend)
    assert found(backend, deep=True) == []
    name = backend.files.object_name(stored)
    damage(folder / str(name))
    assert found(backend) == [(PLACE, message)]
    with pytest.raises(CorruptDocument, match="bytes of the file are missing"):
        backend.files.fetch(stored, 300_000, 600_000)


def test_other_bytes(backend: MongoBackend, folder: Path) -> None:
    put(backend)
    (path,) = objects_in(folder)
    path.write_bytes(random_bytes(len(DATA), seed=5))
    assert found(backend) == []
    assert found(backend, deep=True) == [
        (PLACE, "its bytes are not those that were stored: the SHA-256 differs")
    ]


def test_all_of_it_is_gone(backend: MongoBackend, folder: Path) -> None:
    put(backend)
    shutil.rmtree(folder)
    assert found(backend) == [(PLACE, "the object with its bytes is not there")]
    assert leftovers(backend) == []
    assert prune(backend) == 0


def test_a_database_that_leads_elsewhere(backend: MongoBackend, raw: Plain, tmp_path: Path) -> None:
    """Whoever can write to the database cannot read files of the machine by it."""
    stored = put(backend)
    (tmp_path / "secret").write_bytes(DATA)
    raw["modulestore.blobs"].update_one({}, {"$set": {"upload": (tmp_path / "secret").as_uri()}})
    with pytest.raises(CorruptDocument, match="is no object"):
        backend.files.fetch(stored, 0, 10)


# --- what cannot be


def test_a_platforms_database(mongodb_url: str, folder: Path) -> None:
    with closing(open_mongo(mongodb_url, folder.as_uri())) as backend:
        backend.index.insert(new_entry())
        with pytest.raises(InvalidURL, match="in GridFS") as caught:
            put(backend)
        assert caught.value.hint == "open the store without a place for objects"


def test_a_sqlite_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidURL, match="has its files in itself"):
        modulestore.connect(f"sqlite:///{tmp_path}/a.db", objects="s3://a/b")


def test_no_place(mongodb_url: str) -> None:
    with pytest.raises(InvalidURL, match="no place for objects"):
        modulestore.connect(mongodb_url, objects="bucket")


# --- a real server


def test_the_server_dies_in_the_middle_of_an_upload(
    mongodb_url: str, own_object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old file stays, and the new one is nowhere; with the server back it is stored."""
    place = own_object_server.new_place()
    with closing(opened(mongodb_url, place)) as backend:
        stored = put(backend)
        copied = shutil.copyfileobj

        def copy_and_kill(source: Any, target: Any, length: int) -> None:
            target.write(source.read(length))
            target.write(source.read(length))
            own_object_server.stop()
            copied(source, target, length)

        monkeypatch.setattr("modulestore.storage.objects.shutil.copyfileobj", copy_and_kill)
        with pytest.raises(StorageUnavailable):
            put(backend, FILE, LARGE)
        assert backend.files.get(FILE.key) == stored
        with pytest.raises(StorageUnavailable):
            backend.files.fetch(stored, 0, 10)
        with pytest.raises(StorageUnavailable):
            found(backend)
        with suppress(ModuleStoreError):
            prune(backend)
        assert backend.files.get(FILE.key) == stored


def test_s3_from_beginning_to_end(mongodb_url: str, object_server: ObjectServer) -> None:
    place = object_server.new_place()
    with modulestore.connect(mongodb_url, objects=place) as store:
        store.create_course(COURSE)
        store.assets.put(COURSE, "video.mp4", LARGE)
        store.assets.put(COURSE, "empty.txt", b"")
        file = store.assets.stat(COURSE.asset("video.mp4"))
        url = store.assets.signed_url(file, 60, {"Content-Type": "video/mp4"})
        assert url is not None
        with urllib.request.urlopen(url) as reply:
            assert reply.headers["Content-Type"] == "video/mp4"
            assert hashlib.sha256(reply.read()).hexdigest() == file.sha256
        with store.assets.open(COURSE.asset("video.mp4")) as opened:
            opened.seek(CHUNK * 5 + 3)
            assert opened.read(1000) == LARGE[CHUNK * 5 + 3 :][:1000]
        assert store.assets.open(COURSE.asset("empty.txt")).read() == b""
        store.assets.put(COURSE, "video.mp4", b"shorter")
        assert len(store.assets.history(COURSE.asset("video.mp4"))) == 2
        backend: Any = store._backend
        assert prune(backend) == len(LARGE)
    keys = boto3.client("s3").list_objects_v2(Bucket=place.split("/")[2])["Contents"]
    assert sorted(one["Size"] for one in keys) == [0, 7]


@pytest.mark.anyio
async def test_asynchronous(mongodb_url: str, object_server: ObjectServer) -> None:
    place = object_server.new_place()
    async with await modulestore.connect_async(mongodb_url, objects=place) as store:
        await store.create_course(COURSE)
        await store.assets.put(COURSE, "video.mp4", LARGE)
        file = await store.assets.open(COURSE.asset("video.mp4"))
        assert await file.read_all() == LARGE
        name = await store.assets.object_name(file.file)
    found = boto3.client("s3").get_object(Bucket=place.split("/")[2], Key=f"files/{name}")
    assert found["Body"].read() == LARGE
