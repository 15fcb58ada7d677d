"""Servers that are down, die, are cut off, or lose replies: what callers see is ours, and says what to do."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pymongo.errors
import pytest
from bson.errors import InvalidBSON, InvalidDocument

from modulestore._sync.mongo import open_mongo
from modulestore._sync.mongo.backend import MongoBackend, _time_limits
from modulestore._sync.waiting import race
from modulestore.errors import (
    Conflict,
    CorruptDocument,
    DocumentTooLarge,
    InvalidInput,
    InvalidURL,
    ModuleStoreError,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from modulestore.model.index import Moved, Swapped
from modulestore.storage.mongo.errors import mapped
from modulestore.testing.samples import (
    COURSE,
    definition_document,
    new_entry,
    new_file,
    new_version_id,
    random_bytes,
    structure_document,
)
from tests.backends.proxy import Proxy
from tests.servers import PrivateMongoDB


def code(number: int | None, labels: tuple[str, ...] = ()) -> pymongo.errors.OperationFailure:
    return pymongo.errors.OperationFailure("said so", number, {"errorLabels": list(labels)})


def bulk(*numbers: int, concern: bool = False) -> pymongo.errors.BulkWriteError:
    failures = [{"code": number, "errmsg": "said so"} for number in numbers]
    return pymongo.errors.BulkWriteError({"writeConcernErrors" if concern else "writeErrors": failures})


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (pymongo.errors.ServerSelectionTimeoutError("down"), StorageUnavailable),
        (pymongo.errors.AutoReconnect("gone"), StorageUnavailable),
        (pymongo.errors.NetworkTimeout("slow"), StorageUnavailable),
        (pymongo.errors.NotPrimaryError("elected"), StorageUnavailable),
        (pymongo.errors.WaitQueueTimeoutError("busy"), StorageUnavailable),
        (pymongo.errors.ExecutionTimeout("slow", 50), StorageUnavailable),
        (pymongo.errors.WTimeoutError("lonely", 64), StorageUnavailable),
        (pymongo.errors.InvalidOperation("closed"), StorageUnavailable),
        (pymongo.errors.ConfigurationError("what"), InvalidURL),
        (pymongo.errors.InvalidURI("what"), InvalidURL),
        (pymongo.errors.DuplicateKeyError("twice", 11000), Conflict),
        (pymongo.errors.DocumentTooLarge("big"), DocumentTooLarge),
        (pymongo.errors.PyMongoError("hm"), StorageError),
        (code(14031), StorageFull),
        (code(12501), StorageFull),
        (code(13), StorageUnavailable),
        (code(18), StorageUnavailable),
        (code(11600), StorageUnavailable),
        (code(10107), StorageUnavailable),
        (code(251, ("TransientTransactionError",)), StorageUnavailable),
        (code(91, ("RetryableWriteError",)), StorageUnavailable),
        (code(10334), DocumentTooLarge),
        (code(11000), Conflict),
        (code(121), StorageError),
        (code(None), StorageError),
        (bulk(11000, 14031), StorageFull),
        (bulk(10334), DocumentTooLarge),
        (bulk(11000), Conflict),
        (bulk(64, concern=True), StorageUnavailable),
        (bulk(14031, concern=True), StorageFull),
        (InvalidBSON("rot"), CorruptDocument),
        (InvalidDocument("what"), InvalidInput),
        (OverflowError("big"), InvalidInput),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogate"), InvalidInput),
        (ConnectionResetError("gone"), StorageUnavailable),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_errors_of_the_driver_become_ours(error: Exception, kind: type[ModuleStoreError]) -> None:
    ours = mapped(error, "somewhere")
    assert type(ours) is kind
    assert ours.place == "somewhere"
    if isinstance(ours, (StorageUnavailable, StorageFull, InvalidURL)):
        assert ours.hint


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_server_that_is_down() -> None:
    url = f"mongodb://127.0.0.1:{closed_port()}/db?serverSelectionTimeoutMS=200"
    started = time.monotonic()
    with pytest.raises(StorageUnavailable) as caught:
        open_mongo(url)
    assert time.monotonic() - started < 3
    assert "running" in str(caught.value.hint)
    assert "Topology" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("mongodb://host/db", {"serverSelectionTimeoutMS": 5000, "connectTimeoutMS": 5000}),
        ("mongodb://host/db?serverselectiontimeoutms=1", {"connectTimeoutMS": 5000}),
        ("mongodb://host/db?w=1&connectTimeoutMS=1", {"serverSelectionTimeoutMS": 5000}),
        ("mongodb://host/db?timeoutMS=9", {}),
    ],
)
def test_time_limits_are_the_urls_or_short(url: str, given: dict[str, int]) -> None:
    assert _time_limits(url) == given


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://",
        "mongodb://host:port/db",
        "mongodb://user@:pass@host/db",
        "mongodb+srv://a,b/db",
        "mongodb://h/db?w=0",
    ],
)
def test_url_that_names_no_store(url: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        open_mongo(
            url + ("&" if "?" in url else "?") + "serverSelectionTimeoutMS=50" if "w=0" not in url else url
        )
    assert caught.value.hint


@pytest.fixture
def url(private_mongodb: PrivateMongoDB) -> str:
    url = private_mongodb.url(f"faults_{time.monotonic_ns()}")
    return url + ("&" if "?" in url else "?") + "serverSelectionTimeoutMS=2000"


@pytest.fixture
def backend(url: str) -> Iterator[MongoBackend]:
    with closing(open_mongo(url)) as backend:
        yield backend


def test_lost_reply_of_a_swap_is_asked_for_again(
    private_mongodb: PrivateMongoDB, backend: MongoBackend
) -> None:
    entry, new = new_entry(), new_version_id()
    backend.index.insert(entry)
    with private_mongodb.failing("findAndModify", close_connection=True, after_execution=True):
        result = backend.index.swap(entry, entry.heads, {"draft": new})
    assert isinstance(result, Swapped)
    assert result.entry.heads == {"draft": new}


def test_swap_whose_replies_are_all_lost(private_mongodb: PrivateMongoDB, backend: MongoBackend) -> None:
    entry, new = new_entry(), new_version_id()
    backend.index.insert(entry)
    lost = {"close_connection": True, "after_execution": True, "times": 2}
    with private_mongodb.failing("findAndModify", **lost), pytest.raises(StorageUnavailable):  # type: ignore[arg-type]
        backend.index.swap(entry, entry.heads, {"draft": new})
    stored = backend.index.get(COURSE)
    assert stored is not None
    assert stored.heads == {"draft": new}, "it was done, as the caller finds out by asking"
    assert backend.index.swap(entry, entry.heads, {"draft": new}) == Moved(stored)


def test_swap_that_never_arrives(private_mongodb: PrivateMongoDB, backend: MongoBackend) -> None:
    entry = new_entry()
    backend.index.insert(entry)
    with (
        private_mongodb.failing("findAndModify", close_connection=True, times=2),
        pytest.raises(StorageUnavailable),
    ):
        backend.index.swap(entry, entry.heads, {"draft": new_version_id()})
    assert backend.index.get(COURSE) == entry


def test_lost_reply_of_documents(private_mongodb: PrivateMongoDB, backend: MongoBackend) -> None:
    documents = {v: structure_document(v) for v in (new_version_id() for _ in range(10))}
    with private_mongodb.failing("insert", close_connection=True, after_execution=True):
        backend.structures.put_many(documents)
    with (
        private_mongodb.failing("insert", close_connection=True, after_execution=True, times=2),
        pytest.raises(StorageUnavailable),
    ):
        backend.definitions.put_many({v: definition_document(v) for v in documents})
    assert backend.structures.get_many(documents) == documents
    backend.definitions.put_many({v: definition_document(v) for v in documents})
    assert len(backend.definitions.get_many(documents)) == 10


def test_error_among_duplicates_is_not_overlooked(
    backend: MongoBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def insert_many(*_: object, **__: object) -> None:
        raise bulk(11000, 14031)

    monkeypatch.setattr(backend.structures._documents._nearest, "insert_many", insert_many)  # type: ignore[attr-defined]
    version = new_version_id()
    with pytest.raises(StorageFull):
        backend.structures.put_many({version: structure_document(version)})


@pytest.mark.parametrize("command", ["delete", "update", "insert", "commitTransaction"])
def test_lost_replies_while_a_file_is_replaced(
    private_mongodb: PrivateMongoDB, backend: MongoBackend, command: str
) -> None:
    old, new = random_bytes(600_000, 1), random_bytes(600_000, 2)
    stored = backend.files.put(new_file(), io.BytesIO(old))
    lost: dict[str, Any] = {"close_connection": True, "after_execution": True, "times": 2}
    with private_mongodb.failing(command, **lost):
        try:
            backend.files.put(new_file(), io.BytesIO(new))
        except StorageUnavailable:
            done = False
        else:
            done = True
    now = backend.files.get(stored.key)
    data = b"".join(backend.files.read(stored.key))
    assert now is not None
    assert data in ({new} if done else {old, new})
    assert now.md5 == (stored.md5 if data == old else now.md5)


@pytest.mark.parametrize("command", ["delete", "insert", "commitTransaction"])
def test_lost_replies_while_files_are_replaced_together(
    private_mongodb: PrivateMongoDB, backend: MongoBackend, command: str
) -> None:
    contents = {name: [random_bytes(600_000, n), random_bytes(9, n)] for n, name in enumerate(("a", "b"))}
    backend.files.put_many([(new_file(name), old) for name, (old, _) in contents.items()])
    lost: dict[str, Any] = {"close_connection": True, "after_execution": True, "times": 2}
    with private_mongodb.failing(command, **lost):
        try:
            backend.files.put_many([(new_file(name), new) for name, (_, new) in contents.items()])
        except StorageUnavailable:
            done = False
        else:
            done = True
    found = [b"".join(backend.files.read(new_file(name).key)) for name in contents]
    old, new = ([both[at] for both in contents.values()] for at in (0, 1))
    assert found in ([new] if done else [old, new]), "all or none"


CALLS: list[Callable[[MongoBackend], object]] = [
    lambda backend: backend.index.get(COURSE),
    lambda backend: backend.index.list(),
    lambda backend: backend.index.swap(new_entry(), {}, {"draft": new_version_id()}),
    lambda backend: backend.index.insert(new_entry()),
    lambda backend: backend.index.delete(new_entry()),
    lambda backend: backend.structures.get_many([new_version_id()]),
    lambda backend: backend.structures.put_many({new_version_id(): structure_document(new_version_id())}),
    lambda backend: backend.structures.relink({new_version_id(): None}),
    lambda backend: backend.structures.delete_many([new_version_id()]),
    lambda backend: list(backend.structures.headers()),
    lambda backend: list(backend.definitions.ids()),
    lambda backend: backend.files.get(new_file().key),
    lambda backend: backend.files.list(COURSE),
    lambda backend: backend.files.put(new_file(), io.BytesIO(b"x")),
    lambda backend: backend.files.put_many([(new_file(), b"x")]),
    lambda backend: backend.files.update(new_file(), replace(new_file(), locked=True)),
    lambda backend: backend.files.delete(new_file().key),
    lambda backend: list(backend.files.read(new_file().key)),
    lambda backend: backend.records.get("tag", "a"),
    lambda backend: backend.records.list("tag"),
    lambda backend: backend.records.put_if_absent("tag", "a", {}),
    lambda backend: backend.is_empty(),
]


def test_every_call_to_a_server_that_died(private_mongodb: PrivateMongoDB, url: str) -> None:
    def error_of(handle: MongoBackend, call: Callable[[MongoBackend], object]) -> ModuleStoreError | None:
        try:
            call(handle)
        except ModuleStoreError as error:
            return error
        return None

    with closing(open_mongo(url.replace("TimeoutMS=2000", "TimeoutMS=100"))) as handle:
        private_mongodb.server.kill()
        errors = race(*(lambda call=call: error_of(handle, call) for call in CALLS))
    for error in errors:
        assert isinstance(error, StorageUnavailable)
        assert error.hint


def test_server_that_comes_back(private_mongodb: PrivateMongoDB, backend: MongoBackend) -> None:
    entry = new_entry()
    backend.index.insert(entry)
    private_mongodb.server.kill()
    private_mongodb.server.restart()
    stored = backend.index.get(COURSE)
    assert stored == entry


@pytest.fixture
def proxy(private_mongodb: PrivateMongoDB) -> Iterator[Proxy]:
    port = urlsplit(private_mongodb.server.uri).port
    assert port is not None
    with Proxy("127.0.0.1", port) as proxy:
        yield proxy


@pytest.fixture
def behind(proxy: Proxy, url: str) -> Iterator[MongoBackend]:
    """The backend with the proxy before the server; it does not try again by itself."""
    options = "directConnection=true&retryWrites=false&retryReads=false&serverSelectionTimeoutMS=700"
    with closing(open_mongo(f"mongodb://127.0.0.1:{proxy.port}{urlsplit(url).path}?{options}")) as backend:
        yield backend


def test_connection_cut_in_the_middle_of_documents(
    proxy: Proxy, behind: MongoBackend, backend: MongoBackend
) -> None:
    documents = {v: structure_document(v, size=1_000_000) for v in (new_version_id() for _ in range(5))}
    proxy.left = 2_500_000
    with pytest.raises(StorageUnavailable):
        behind.structures.put_many(documents)
    assert backend.structures.get_many(documents) == {}
    proxy.left = None
    behind.structures.put_many(documents)
    assert backend.structures.get_many(documents) == documents


def test_connection_cut_in_the_middle_of_an_upload(
    proxy: Proxy, behind: MongoBackend, backend: MongoBackend
) -> None:
    old = random_bytes(600_000, 1)
    stored = behind.files.put(new_file(), io.BytesIO(old))
    proxy.left = 3_000_000
    with pytest.raises(StorageUnavailable):
        behind.files.put(new_file(), io.BytesIO(random_bytes(6_000_000, 2)))
    assert backend.files.get(stored.key) == stored
    assert b"".join(backend.files.read(stored.key)) == old
    proxy.left = None
    behind.files.put(new_file(), io.BytesIO(b"new"))
    assert b"".join(backend.files.read(stored.key)) == b"new"


def test_connection_cut_between_pieces_of_a_file(proxy: Proxy, behind: MongoBackend) -> None:
    data = random_bytes(6_000_000)
    behind.files.put(new_file(), io.BytesIO(data))
    pieces = behind.files.read(new_file().key)
    got = [next(pieces)]
    proxy.cut()
    with pytest.raises(StorageUnavailable):
        got.extend(pieces)
    assert data.startswith(b"".join(got))
    assert b"".join(behind.files.read(new_file().key)) == data
