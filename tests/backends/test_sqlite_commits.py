"""A COMMIT that fails: what the author is told is what happened, whatever SQLite says."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from modulestore._sync.ports import Backend
from modulestore._sync.sqlite import open_sqlite
from modulestore._sync.store import Store
from modulestore.errors import CommitUnknown, StorageError, StorageFull, StorageUnavailable
from modulestore.model.index import Swapped
from modulestore.storage.sqlite import database as database_module
from modulestore.testing._sync.checking import check_store
from modulestore.testing._sync.courses import SMALL_COURSE, make_small_course
from modulestore.testing.samples import COURSE, new_entry, new_version_id, structure_document
from tests._sync.stores import COURSE as ARCHIVE
from tests._sync.stores import everything
from tests.authoring.operations import OPERATIONS


class Disk:
    """What becomes of one COMMIT.

    Attributes:
        gone: whether nothing can be read any more after it.
        then: somebody else, who is faster than the look at what came of it.
    """

    def __init__(self) -> None:
        self.outcome = ""
        self.code = sqlite3.SQLITE_IOERR
        self.left = 0
        self.gone = False
        self.then: Callable[[], object] = bool

    def fail(
        self, outcome: str, code: int = sqlite3.SQLITE_IOERR_FSYNC, *, number: int = 1, gone: bool = False
    ) -> None:
        """Let an error follow on what becomes of the n-th COMMIT from now."""
        self.outcome, self.code, self.left, self.gone = outcome, code, number, gone

    def error(self) -> sqlite3.OperationalError:
        error = sqlite3.OperationalError("the disk is not in order")
        error.sqlite_errorcode = self.code
        return error


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    broken: list[bool] = []

    class Connection(sqlite3.Connection):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            if broken and disk.gone:
                raise disk.error()
            disk.left -= statement == "COMMIT"
            if statement != "COMMIT" or disk.left != 0:
                return super().execute(statement, *values)
            broken.append(True)
            if disk.outcome != "refused":
                super().execute({"done": "COMMIT", "rolled back": "ROLLBACK"}[disk.outcome])
                disk.then()
            raise disk.error()

    def connect(path: str, *, create: bool, timeout: float) -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, timeout=timeout, isolation_level=None, check_same_thread=False, factory=Connection
        )
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    monkeypatch.setattr(database_module, "connect", connect)
    monkeypatch.setattr("modulestore._sync.committing._PAUSES", (0.0, 0.0, 0.0))
    return disk


@pytest.fixture
def backend(disk: Disk, tmp_path: Path) -> Iterator[Backend]:
    with closing(open_sqlite(tmp_path / "store.db")) as backend:
        make_small_course(Store(backend))
        yield backend
        disk.gone = False
        assert check_store(backend) == []


NO = pytest.mark.parametrize(
    ("outcome", "code", "error"),
    [
        ("refused", sqlite3.SQLITE_BUSY, StorageUnavailable),
        ("rolled back", sqlite3.SQLITE_IOERR_FSYNC, StorageUnavailable),
        ("rolled back", sqlite3.SQLITE_FULL, StorageFull),
    ],
)
# What moves a head, or makes or removes an entry; the others write notes.
MOVING = [name for name in OPERATIONS if name not in ("tag", "keep a conflict")]


def shown(backend: Backend) -> list[Any]:
    return [(entry.key, entry.heads) for entry in backend.index.list()]


@pytest.mark.parametrize("name", MOVING)
def test_a_commit_that_was_done(disk: Disk, backend: Backend, name: str) -> None:
    """It is no error for the author, unless it was that of a note, before anything was to be seen."""
    operation = OPERATIONS[name]
    given = operation.prepare(Store(backend), SMALL_COURSE)
    before = shown(backend)
    for number in range(1, 5):
        disk.fail("done", number=number)
        try:
            operation.run(Store(backend), SMALL_COURSE, given)
        except StorageUnavailable:
            assert shown(backend) == before
        else:
            break
    assert disk.left <= 0
    assert shown(backend) != before


@NO
@pytest.mark.parametrize("name", MOVING)
def test_a_commit_that_was_not_done(
    disk: Disk, backend: Backend, name: str, outcome: str, code: int, error: type[StorageError]
) -> None:
    """Either it is an error and nothing is changed, or it has been done again."""
    operation = OPERATIONS[name]
    given = operation.prepare(Store(backend), SMALL_COURSE)
    before = shown(backend)
    disk.fail(outcome, code)
    try:
        operation.run(Store(backend), SMALL_COURSE, given)
    except error:
        assert shown(backend) == before
        operation.run(Store(backend), SMALL_COURSE, given)
    assert disk.left <= 0
    assert shown(backend) != before


@pytest.mark.parametrize("outcome", ["done", "rolled back"])
def test_if_nothing_can_be_read_the_outcome_is_unknown(disk: Disk, backend: Backend, outcome: str) -> None:
    before = everything(backend)
    disk.fail(outcome, gone=True)
    with pytest.raises(CommitUnknown) as caught, Store(backend).edit(SMALL_COURSE) as edit:
        edit.update(("html", "a1"), display_name="perhaps")
    assert caught.value.hint
    assert caught.value.place == str(backend._session._database.path)  # type: ignore[attr-defined]
    disk.gone = False
    after = everything(backend)
    assert (after["structures"] == before["structures"]) == (outcome == "rolled back")
    course = Store(backend).open(SMALL_COURSE, branch="draft")
    assert (course["html", "a1"].display_name == "perhaps") == (outcome == "done")


@pytest.mark.parametrize("outcome", ["done", "rolled back"])
def test_an_import(disk: Disk, backend: Backend, outcome: str) -> None:
    """Of one that was done nothing is taken back."""
    before = everything(backend)
    disk.fail(outcome)
    if outcome == "rolled back":
        with pytest.raises(StorageUnavailable):
            Store(backend).import_course(ARCHIVE)
        assert everything(backend) == before
    report = Store(backend).import_course(ARCHIVE)
    assert report.changed
    assert not Store(backend).import_course(ARCHIVE).changed


def test_somebody_commits_upon_it_before_it_is_read_back(
    disk: Disk, backend: Backend, tmp_path: Path
) -> None:
    """Then the head is another one, with ours behind it."""

    def others() -> None:
        with closing(open_sqlite(tmp_path / "store.db")) as other, Store(other).edit(SMALL_COURSE) as edit:
            edit.update(("html", "b1"), display_name=str(new_version_id()))

    disk.then = others
    disk.fail("done")
    with Store(backend).edit(SMALL_COURSE, author="ana") as edit:
        edit.update(("html", "a1"), display_name="ana")
    versions = Store(backend).history(SMALL_COURSE, branch="draft", limit=2)
    assert [version.author for version in versions] == [-1, "ana"]
    assert versions[1].version == edit.version
    disk.fail("rolled back")
    with pytest.raises(StorageUnavailable), Store(backend).edit(SMALL_COURSE, author="ana") as edit:
        edit.update(("html", "a1"), display_name="ana again")
    versions = Store(backend).history(SMALL_COURSE, branch="draft", limit=2)
    assert [version.author for version in versions] == [-1, -1]


def test_a_course_that_is_deleted_before_it_is_read_back(
    disk: Disk, backend: Backend, tmp_path: Path
) -> None:
    """Whether our version was there when it was deleted, nobody knows."""

    def others() -> None:
        with closing(open_sqlite(tmp_path / "store.db")) as other:
            Store(other).delete(SMALL_COURSE)

    disk.then = others
    disk.fail("done")
    with pytest.raises(CommitUnknown), Store(backend).edit(SMALL_COURSE, author="ana") as edit:
        edit.update(("html", "a1"), display_name="ana")


def test_a_group_in_which_a_swap_was_refused(disk: Disk, backend: Backend) -> None:
    """Nothing of it has moved a head, so there is nothing to read back."""
    entry = new_entry(heads={})
    backend.index.insert(entry)
    version = new_version_id()
    disk.fail("done")

    def refused() -> None:
        with backend.group() as group:
            group.structures.put_many({version: structure_document(version)})
            assert not isinstance(group.index.swap(entry, {"draft": version}, {"draft": version}), Swapped)

    with pytest.raises(StorageUnavailable):
        refused()
    assert backend.index.get(COURSE) == entry


@pytest.mark.parametrize("outcome", ["done", "rolled back"])
def test_a_single_statement(disk: Disk, backend: Backend, outcome: str) -> None:
    """It is a transaction of its own, and the same goes for it."""
    entry = new_entry(heads={})
    for statement in (backend.index.insert, backend.index.delete):
        before = shown(backend)
        disk.fail(outcome)
        if outcome == "rolled back":
            with pytest.raises(StorageUnavailable):
                statement(entry)
            assert shown(backend) == before
            statement(entry)
        else:
            statement(entry)
        assert shown(backend) != before


def test_a_refused_commit_needs_no_look(disk: Disk, backend: Backend) -> None:
    """It is certain that nothing was written, even if nothing can be read."""
    disk.fail("refused", sqlite3.SQLITE_BUSY, gone=True)
    with pytest.raises(StorageUnavailable, match="locked"):
        backend.index.insert(new_entry(heads={}))
    disk.gone = False
    assert backend.index.get(COURSE) is None
