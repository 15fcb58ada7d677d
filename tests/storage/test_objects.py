"""Bytes in a folder and in a real server of object storage."""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path

import boto3
import pytest

from modulestore.errors import InvalidInput, InvalidURL, StorageError, StorageUnavailable
from modulestore.storage.content import in_memory
from modulestore.storage.objects import ObjectStorage
from modulestore.testing.samples import random_bytes
from tests.object_servers import ObjectServer

SMALL, LARGE = random_bytes(70_000), random_bytes(20_000_001)
MB = 1024 * 1024


@pytest.fixture
def storage(object_place: str) -> ObjectStorage:
    return ObjectStorage(object_place)


def test_what_is_written_is_read(storage: ObjectStorage) -> None:
    contents = {"f/00/small": SMALL, "f/01/large": LARGE, "f/00/empty": b"", "f/00/other": SMALL[:1]}
    storage.write({name: in_memory(data) for name, data in contents.items()})
    for name, data in contents.items():
        assert storage.size(name) == len(data)
    assert storage.read("f/00/small", 0, 70_000) == SMALL
    assert storage.read("f/01/large", 0, 20_000_001) == LARGE
    for start, stop in ((0, 1), (5, 69_999), (69_999, 70_000)):
        assert storage.read("f/00/small", start, stop) == SMALL[start:stop]
    assert storage.read("f/01/large", 8 * MB - 1, 8 * MB + 1) == LARGE[8 * MB - 1 : 8 * MB + 1]
    assert storage.names("f/00") == ["f/00/empty", "f/00/other", "f/00/small"]
    assert storage.names("f") == ["f/00", "f/01"]
    storage.delete(["f/00/small", "f/00/nothing", "f/00/empty"])
    assert storage.names("f/00") == ["f/00/other"]
    storage.delete(["f/00/other"])
    assert storage.names("f/00") == []


def test_what_is_not_there(storage: ObjectStorage) -> None:
    storage.write({"f/00/a": in_memory(b"12345")})
    assert storage.read("f/00/b", 0, 1) is None
    assert storage.size("f/00/b") is None
    assert storage.names("f/02") == []
    assert storage.read("f/00/a", 3, 6) is None, "there is less than that"
    assert storage.read("f/00/a", 7, 9) is None
    assert storage.read("f/00/a", 3, 5) == b"45"


def test_what_others_do_is_seen_at_once(storage: ObjectStorage, object_place: str) -> None:
    other = ObjectStorage(object_place)
    assert storage.names("f/00") == []
    other.write({"f/00/a": in_memory(b"12345")})
    assert storage.names("f/00") == ["f/00/a"]
    assert storage.size("f/00/a") == 5
    other.delete(["f/00/a"])
    assert storage.names("f/00") == []
    assert storage.size("f/00/a") is None


def test_many_small_ones_together(storage: ObjectStorage) -> None:
    contents = {f"f/00/{n:04}": in_memory(random_bytes(100_000, seed=n)) for n in range(200)}
    storage.write(contents)
    assert storage.names("f/00") == sorted(contents)
    assert storage.read("f/00/0123", 0, 100_000) == random_bytes(100_000, seed=123)


def test_signed_urls(object_server: ObjectServer) -> None:
    storage = ObjectStorage(object_server.new_place())
    storage.write({"f/00/a": in_memory(SMALL)})
    headers = {
        "Content-Type": "image/png",
        "Content-Disposition": "inline; filename*=UTF-8''gr%C3%B6%C3%9Fe.png",
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    url = storage.signed_url("f/00/a", 60, headers)
    assert url is not None
    assert url.startswith(object_server.url)
    with urllib.request.urlopen(url) as reply:
        assert reply.read() == SMALL
        for name in ("Content-Type", "Content-Disposition", "Cache-Control"):
            assert reply.headers[name] == headers[name]


def test_a_folder_makes_no_signed_urls(tmp_path: Path) -> None:
    storage = ObjectStorage(tmp_path.as_uri())
    storage.write({"f/00/a": in_memory(SMALL)})
    assert storage.signed_url("f/00/a", 60, {}) is None
    assert (tmp_path / "f" / "00" / "a").read_bytes() == SMALL


# --- what goes wrong


def test_there_is_no_bucket(object_server: ObjectServer) -> None:
    storage = ObjectStorage("s3://nobody-made-this/files")
    with pytest.raises(StorageError, match="there is no such place") as caught:
        storage.write({"f/00/a": in_memory(SMALL)})
    assert caught.value.hint == "make the bucket first"
    assert storage.size("f/00/a") is None


def test_nobody_is_there(own_object_server: ObjectServer) -> None:
    place = own_object_server.new_place()
    storage = ObjectStorage(place)
    storage.write({"f/00/a": in_memory(SMALL)})
    own_object_server.stop()
    for call in (
        lambda: storage.write({"f/00/b": in_memory(SMALL)}),
        lambda: storage.write({"f/00/b": in_memory(LARGE)}),
        lambda: storage.read("f/00/a", 0, 10),
        lambda: storage.size("f/00/a"),
        lambda: storage.names("f/00"),
        lambda: storage.delete(["f/00/a"]),
    ):
        with pytest.raises(StorageUnavailable, match="the object storage failed") as caught:
            call()
        assert caught.value.place == repr(place)


def test_who_may_not(object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = ObjectStorage(object_server.new_place())

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(storage._system, "info", refuse)
    with pytest.raises(StorageError, match="refuses: Access Denied") as caught:
        storage.size("f/00/a")
    assert "credentials" in (caught.value.hint or "")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        ObjectStorage(f"file://{tmp_path}/file/objects").write({"f/00/a": in_memory(SMALL)})


@pytest.mark.parametrize("place", ["nothing://there/is", "gopher://a/b"])
def test_kinds_that_are_not_known(place: str) -> None:
    with pytest.raises(InvalidURL, match="there is no way to"):
        ObjectStorage(place)


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    monkeypatch.delitem(sys.modules, "modulestore.storage.objects")
    with pytest.raises(InvalidInput, match="no way to an object storage") as caught:
        import modulestore.storage.objects  # noqa: F401
    assert caught.value.hint == "pip install 'modulestore[s3]'"


def test_an_upload_that_breaks_off_is_no_object_that_is_read(own_object_server: ObjectServer) -> None:
    """What is there of it is too short, if anything is."""
    place = own_object_server.new_place()
    storage = ObjectStorage(place)

    class Broken:
        def __init__(self) -> None:
            self.left = 2

        def seek(self, offset: int) -> None:
            pass

        def read(self, size: int) -> bytes:
            self.left -= 1
            if self.left < 0:
                raise OSError("the disk broke")
            return random_bytes(size)

    content = in_memory(LARGE)
    broken = type(content)(Broken(), content.length, content.md5, content.sha256)  # type: ignore[arg-type]
    with pytest.raises(StorageError, match="the disk broke"):
        storage.write({"f/00/a": broken})
    assert storage.read("f/00/a", 0, len(LARGE)) is None
    found = boto3.client("s3").list_multipart_uploads(Bucket=place.split("/")[2])
    assert not found.get("Uploads"), "no parts are left behind"
