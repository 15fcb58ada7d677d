"""What the embedded backend does with its file: made late, never another's, left whole when writing fails."""

from __future__ import annotations

import io
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from modulestore._sync.ports import Backend
from modulestore._sync.sqlite import open_sqlite
from modulestore.errors import (
    CorruptDocument,
    InvalidURL,
    ModuleStoreError,
    StorageError,
    StorageFull,
    StorageUnavailable,
    StoreNotFound,
)
from modulestore.keys import VersionId
from modulestore.model.index import IndexEntry, Swapped
from modulestore.storage.sqlite import database as database_module
from modulestore.storage.sqlite.schema import connect, has_tables, prepare
from modulestore.testing.samples import (
    COURSE,
    definition_document,
    new_entry,
    new_file,
    new_version_id,
    random_bytes,
    structure_document,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def backend(path: Path) -> Iterator[Backend]:
    with closing(open_sqlite(path, timeout=0.2)) as backend:
        yield backend


def put_structure(backend: Backend) -> VersionId:
    version = new_version_id()
    backend.structures.put_many({version: structure_document(version)})
    return version


def test_reading_makes_no_file(backend: Backend, path: Path) -> None:
    version = new_version_id()
    assert backend.is_empty()
    assert backend.index.get(COURSE) is None
    assert backend.structures.get_many([version]) == {}
    assert list(backend.definitions.ids()) == []
    assert backend.files.list(COURSE) == []
    assert backend.records.list("tag") == []
    with backend.group():
        pass
    assert list(path.parent.iterdir()) == []


def test_first_write_makes_the_file(backend: Backend, path: Path) -> None:
    put_structure(backend)
    assert path.read_bytes().startswith(b"SQLite format 3\0")
    with closing(open_sqlite(path, must_exist=True)) as second:
        assert not second.is_empty()


def test_file_that_must_exist(path: Path) -> None:
    with pytest.raises(StoreNotFound) as caught:
        open_sqlite(path, must_exist=True)
    assert str(path) in str(caught.value)
    assert caught.value.hint
    with pytest.raises(StoreNotFound):
        open_sqlite(path.parent / "no" / "folder.db", must_exist=True)
    assert list(path.parent.iterdir()) == []


def test_reader_sees_a_file_that_is_made_later(backend: Backend, path: Path) -> None:
    assert backend.is_empty()
    with closing(open_sqlite(path)) as writer:
        put_structure(writer)
    assert not backend.is_empty()


def test_relative_path_stays_where_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    with closing(open_sqlite(path.name)) as backend:
        (path.parent / "elsewhere").mkdir()
        monkeypatch.chdir(path.parent / "elsewhere")
        put_structure(backend)
    assert path.exists()


def test_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    with closing(open_sqlite(path, must_exist=True)) as backend:
        assert backend.is_empty()
        assert path.read_bytes() == b""
        put_structure(backend)
        assert not backend.is_empty()


def test_folder_that_is_not_there(path: Path) -> None:
    with pytest.raises(StorageUnavailable) as caught:
        open_sqlite(path.parent / "no" / "folder.db")
    assert "folder" in str(caught.value.hint)


def test_folder_is_no_file(path: Path) -> None:
    with pytest.raises(InvalidURL, match="folder"):
        open_sqlite(path.parent)


@pytest.mark.parametrize(
    "text",
    [b"<html>this is no database</html>" * 100, b"SQLite format 3\0" + bytes(84)],
    ids=["text", "truncated"],
)
def test_file_of_another_kind(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    with pytest.raises(InvalidURL, match="no SQLite database"):
        open_sqlite(path)
    assert path.read_bytes() == text


def test_database_of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")
    before = path.read_bytes()
    with pytest.raises(InvalidURL, match="another program"):
        open_sqlite(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_that_is_made_while_a_reader_finds_none(
    backend: Backend, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the reader's try to open it, and his look why he could not."""
    made: list[VersionId] = []

    def exists(place: str) -> bool:
        monkeypatch.undo()
        with closing(open_sqlite(path)) as other:
            made.append(put_structure(other))
        return Path(place).exists()

    monkeypatch.setattr("os.path.exists", exists)
    assert not backend.is_empty()
    assert list(backend.structures.get_many(made)) == made


def test_database_of_another_program_made_after_opening(backend: Backend, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")
    before = path.read_bytes()
    with pytest.raises(InvalidURL, match="another program"):
        put_structure(backend)
    assert path.read_bytes() == before


def test_database_of_a_later_release(backend: Backend, path: Path) -> None:
    put_structure(backend)
    backend.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StorageError, match="99") as caught:
        open_sqlite(path)
    assert "upgrade" in str(caught.value.hint)


def test_file_that_somebody_else_makes_at_the_same_moment(path: Path) -> None:
    with closing(connect(str(path), create=True, timeout=1)) as late:
        assert not has_tables(late, str(path))
        with closing(open_sqlite(path)) as backend:
            put_structure(backend)
        prepare(late, str(path), 1)
        assert late.execute("SELECT count(*) FROM structures").fetchone() == (1,)


def test_durability(backend: Backend, path: Path) -> None:
    put_structure(backend)
    with closing(connect(str(path), create=False, timeout=1)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_database_that_stays_locked(backend: Backend, path: Path) -> None:
    version = put_structure(backend)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable, match="locked") as caught:
            put_structure(backend)
        assert caught.value.hint
        assert len(backend.structures.get_many([version])) == 1
    put_structure(backend)


def test_group_and_the_backend_outside_of_it(backend: Backend) -> None:
    """To write past one's own group would wait for ever; to read is to see what was before."""
    put_structure(backend)
    with backend.group() as group:
        inside = put_structure(group)
        assert backend.structures.get_many([inside]) == {}
        with pytest.raises(StorageUnavailable) as caught:
            put_structure(backend)
        assert "group" in str(caught.value.hint)
    assert len(backend.structures.get_many([inside])) == 1


def test_memory_has_one_connection_which_the_group_has() -> None:
    with closing(open_sqlite(":memory:", timeout=0.1)) as backend, backend.group() as group:
        put_structure(group)
        with pytest.raises(StorageUnavailable):
            backend.is_empty()


def test_group_that_has_ended(backend: Backend) -> None:
    with backend.group() as group:
        put_structure(group)
    with pytest.raises(StorageUnavailable, match="ended"):
        group.is_empty()
    with pytest.raises(StorageUnavailable, match="ended"):
        put_structure(group)


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for 60 pages of 4 KiB."""

    def limited(path: str, *, create: bool, timeout: float) -> sqlite3.Connection:
        connection = connect(path, create=create, timeout=timeout)
        connection.execute("PRAGMA max_page_count = 60")
        return connection

    monkeypatch.setattr(database_module, "connect", limited)


def contents(backend: Backend) -> tuple[object, ...]:
    ids = [header.id for batch in backend.structures.headers() for header in batch]
    names = [(file.key.name, file.sha256) for file in backend.files.list(COURSE)]
    return backend.index.list(), ids, names, list(backend.definitions.ids()), backend.records.list("tag")


def fill(backend: Backend, entry: IndexEntry) -> None:
    with backend.group() as group:
        put_structure(group)
        group.index.swap(entry, {}, {"draft": new_version_id()})
        group.files.put(new_file(), io.BytesIO(random_bytes(1_000_000)))


def fill_and_go_on(backend: Backend, entry: IndexEntry) -> None:
    with backend.group() as group:
        put_structure(group)
        with pytest.raises(StorageFull):
            group.files.put(new_file(), io.BytesIO(random_bytes(1_000_000)))
        with pytest.raises(StorageFull):
            group.index.swap(entry, {}, {"draft": new_version_id()})


def fill_in_a_group(backend: Backend) -> None:
    with backend.group() as group:
        put_structure(group)
        with pytest.raises(StorageFull), group.group() as nested:
            nested.files.put(new_file(), io.BytesIO(random_bytes(1_000_000)))


@pytest.mark.usefixtures("small_disk")
class TestFullDisk:
    """Nothing that was begun on a full disk is done."""

    def test_write(self, backend: Backend) -> None:
        put_structure(backend)
        before, version = contents(backend), new_version_id()
        with pytest.raises(StorageFull) as caught:
            backend.structures.put_many({version: structure_document(version, size=1_000_000)})
        assert caught.value.hint
        assert contents(backend) == before
        put_structure(backend)

    def test_several_documents(self, backend: Backend) -> None:
        before = contents(backend)
        versions = [new_version_id() for _ in range(100)]
        with pytest.raises(StorageFull):
            backend.definitions.put_many({v: definition_document(v, size=5000) for v in versions})
        assert contents(backend) == before

    def test_group(self, backend: Backend) -> None:
        entry = new_entry()
        backend.index.insert(entry)
        before = contents(backend)
        with pytest.raises(StorageFull):
            fill(backend, entry)
        assert contents(backend) == before
        put_structure(backend)

    def test_group_that_goes_on_after_the_error(self, backend: Backend) -> None:
        """SQLite may have undone everything by then: what follows must not be written alone."""
        entry = new_entry()
        backend.index.insert(entry)
        before = contents(backend)
        with pytest.raises(StorageFull):
            fill_and_go_on(backend, entry)
        assert contents(backend) == before

    def test_group_in_a_group(self, backend: Backend) -> None:
        put_structure(backend)
        before = contents(backend)
        with pytest.raises(StorageFull):
            fill_in_a_group(backend)
        assert contents(backend) == before


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A disk of half a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user cannot mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_disk_that_is_really_full(tmpfs: Path) -> None:
    with closing(open_sqlite(tmpfs / "store.db")) as backend:
        entry = new_entry()
        backend.index.insert(entry)
        before = contents(backend)
        with pytest.raises(StorageFull):
            fill(backend, entry)
        assert contents(backend) == before
        result = backend.index.swap(entry, entry.heads, {"draft": new_version_id()})
        assert isinstance(result, Swapped)
    with closing(open_sqlite(tmpfs / "store.db")) as backend:
        assert backend.index.list() == [result.entry]


def test_disk_that_is_full_from_the_start(tmpfs: Path) -> None:
    (tmpfs / "filler").write_bytes(bytes(510 * 1024))
    with closing(open_sqlite(tmpfs / "store.db")) as backend:
        with pytest.raises(StorageFull):
            backend.index.insert(new_entry())
        assert backend.is_empty()
        (tmpfs / "filler").unlink()
        backend.index.insert(new_entry())
        assert len(backend.index.list()) == 1


def test_damaged_page(backend: Backend, path: Path) -> None:
    versions = [new_version_id() for _ in range(50)]
    backend.structures.put_many({v: structure_document(v, size=3000) for v in versions})
    backend.close()
    data = bytearray(path.read_bytes())
    data[4096 * 3 :] = random_bytes(len(data) - 4096 * 3)
    path.write_bytes(data)
    with closing(open_sqlite(path)) as damaged, pytest.raises(ModuleStoreError) as caught:
        damaged.structures.get_many(versions)
    assert isinstance(caught.value, CorruptDocument)
    assert "backup" in str(caught.value.hint)


def test_document_that_is_no_bson(backend: Backend, path: Path) -> None:
    backend.index.insert(new_entry())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE active_versions SET document = x'0102'")
    with pytest.raises(CorruptDocument):
        backend.index.get(COURSE)


def test_missing_slice(backend: Backend, path: Path) -> None:
    file = backend.files.put(new_file(), io.BytesIO(random_bytes(600_000)))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM slices WHERE number = 1")
    with pytest.raises(CorruptDocument, match="slice 1"):
        list(backend.files.read(file.key))


def test_same_bytes_are_kept_once_and_names_keep_their_history(backend: Backend, path: Path) -> None:
    data = random_bytes(600_000)
    backend.files.put(new_file("a.bin"), io.BytesIO(data))
    backend.files.put(new_file("b.bin"), io.BytesIO(data))
    backend.files.put(new_file("a.bin"), io.BytesIO(b"new"))
    backend.files.delete(new_file("b.bin").key)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT length FROM blobs ORDER BY length").fetchall() == [(3,), (600_000,)]
        rows = connection.execute("SELECT key, ended_on IS NULL FROM files ORDER BY id").fetchall()
    assert [(key.rpartition("@")[2], current) for key, current in rows] == [
        ("a.bin", 0),
        ("b.bin", 0),
        ("a.bin", 1),
    ]


def test_headers_are_read_without_the_documents(backend: Backend, path: Path) -> None:
    put_structure(backend)
    with closing(sqlite3.connect(path)) as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT id, root_type, root_id, previous, original, edited_by, edited_on"
            " FROM structures WHERE id > x'00' ORDER BY id LIMIT 10"
        ).fetchall()
        of_one = connection.execute(
            "EXPLAIN QUERY PLAN SELECT id, root_type FROM structures"
            " WHERE original = x'00' AND id > x'00' ORDER BY id LIMIT 10"
        ).fetchall()
    assert "COVERING INDEX structures_header" in plan[0][3]
    assert "INDEX structures_original (original=? AND id>?)" in of_one[0][3]
    assert len(plan) == len(of_one) == 1
