"""A pruner that dies, or gets no reply, at each single write: nothing that has a name is lost, and it can be
done again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from modulestore._sync.ports import Backend
from modulestore._sync.sqlite import open_sqlite
from modulestore._sync.store import Store
from modulestore.errors import Conflict, StorageUnavailable
from modulestore.keys import VersionId
from modulestore.testing._sync.checking import check_store
from modulestore.testing._sync.courses import SMALL_COURSE, make_small_course
from modulestore.testing._sync.faults import FaultyBackend
from modulestore.testing.crash import Crash
from modulestore.upkeep.pruning.policy import Policy, Retention
from modulestore.upkeep.pruning.report import PruneReport
from tests.pruning.past import long_ago

A1 = ("html", "a1")
GONE = f"{SMALL_COURSE}-gone"
POLICY = Policy(Retention(keep=2), min_age=timedelta(0), deleted_after=timedelta(0))


class Bench:
    """A course with a past, a tag in the middle, and a run that was deleted; and a plan of what goes."""

    def __init__(self, folder: Path) -> None:
        with closing(open_sqlite(":memory:")) as backend:
            store = Store(backend, **long_ago())
            make_small_course(store)
            store.rerun(SMALL_COURSE, GONE)
            for number in range(3):
                edit(store, GONE, number)
            store.tag(GONE, "draft", "gone")
            store.delete(GONE)
            versions = [edit(store, SMALL_COURSE, number) for number in range(9)]
            store.tag(SMALL_COURSE, versions[3], "spring")
            store.plan_pruning(POLICY, folder / "plan")
            self.plan = folder / "plan"
            self.image: bytes = backend._session.read(lambda connection: connection.serialize())

    @contextmanager
    def backend(self) -> Iterator[FaultyBackend]:
        """It as it was."""
        with closing(open_sqlite(":memory:")) as backend:
            backend._session.read(lambda connection: connection.deserialize(self.image))
            yield FaultyBackend(backend)

    def apply(self, backend: Backend) -> PruneReport:
        return Store(backend).apply_pruning(self.plan, grace=timedelta(0), batch=3)

    def writes(self) -> list[str]:
        """The writes of an application that nothing happens to, and what is there afterwards."""
        with self.backend() as backend:
            self.apply(backend)
            self.left = everything(backend)
            return backend.writes


def edit(store: Store, key: str, number: int) -> VersionId:
    with store.edit(key, author="past", message=f"number {number}") as session:
        session.update(A1, display_name=f"number {number}", data=f"<p>{number}</p>")
    assert session.version is not None
    return session.version


def everything(backend: Backend) -> dict[str, Any]:
    """What pruning is about."""
    structures = [version for column in backend.structures.ids() for version in column]
    definitions = [version for column in backend.definitions.ids() for version in column]
    links = backend.structures.links(structures)
    kinds = (f"message {SMALL_COURSE}", f"message {GONE}", f"tag {SMALL_COURSE}", f"tag {GONE}", "deleted")
    records = {kind: [record.key for record in backend.records.list(kind)] for kind in kinds}
    return {"links": links, "definitions": definitions, "records": records}


def expect_named(backend: Backend) -> None:
    """What has a name is there with its content, and the database is sound."""
    assert check_store(backend) == []
    store = Store(backend)
    for name in ("draft", "published", "spring"):
        course = store.open(SMALL_COURSE, version=store.version(SMALL_COURSE, name).version)
        store.load_content(course.blocks())
    history = store.history(SMALL_COURSE, branch="draft")
    assert [version.message for version in history][:2] == ["number 8", "number 7"]


def expect_nothing_left(backend: Backend) -> None:
    for kind in ("condemned structures", "condemned definitions"):
        assert backend.records.list(kind) == []


def work(backend: Backend) -> None:
    """Whoever writes finds nothing in the way."""
    store = Store(backend)
    with store.edit(SMALL_COURSE, author="ana") as session:
        session.update(A1, display_name="after", data="<p>after</p>")
    store.publish(SMALL_COURSE)
    store.restore(SMALL_COURSE, "spring")
    store.rerun(SMALL_COURSE, f"{SMALL_COURSE}-again", title="Again")
    assert store.open(SMALL_COURSE, branch="draft")[A1].display_name == "number 3"
    assert store.open(SMALL_COURSE, branch="published")[A1].display_name == "after"


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("modulestore.upkeep.pruning.condemned.CHUNK", 4)
        yield Bench(Path(folder))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modulestore.upkeep.pruning.condemned.CHUNK", 4)


def test_there_is_something_to_die_at(bench: Bench) -> None:
    writes = bench.writes()
    wanted = {
        "records.put_if_absent",
        "records.swap",
        "records.delete",
        "structures.relink",
        "structures.delete_many",
        "definitions.delete_many",
    }
    assert wanted <= set(writes)
    assert len(writes) > 30
    with bench.backend() as backend:
        bench.apply(backend)
        expect_named(backend)
        expect_nothing_left(backend)
        # No message of what is gone; what the deleted run had beside its versions went with it.
        records = everything(backend)["records"]
        versions = {str(version) for version in bench.left["links"]}
        assert set(records[f"message {SMALL_COURSE}"]) <= versions
        assert (records["deleted"], records[f"tag {GONE}"], records[f"message {GONE}"]) == ([], [], [])
        assert records[f"tag {SMALL_COURSE}"] == ["spring"]


@pytest.mark.parametrize("then", ["the same plan", "a new plan", "work", "work, then the same plan"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_pruner_that_dies_at_any_write(bench: Bench, when: str, then: str) -> None:
    writes = bench.writes()
    for number, write in enumerate(writes, 1):
        with bench.backend() as backend:
            arm = backend.fail_before if when == "before" else backend.fail_after
            arm(number, Crash())
            with pytest.raises(Crash):
                bench.apply(backend)
            backend.disarm()
            where = f"{when} write {number}, {write}"
            assert check_store(backend) == [], where
            expect_named(backend)
            if then.startswith("work"):
                work(backend)
                assert check_store(backend) == [], where
            if then.endswith("the same plan"):
                bench.apply(backend)
            elif then == "a new plan":
                with tempfile.TemporaryDirectory() as folder:
                    Store(backend).plan_pruning(POLICY, Path(folder) / "plan")
                    Store(backend).apply_pruning(Path(folder) / "plan", grace=timedelta(0))
            if then != "work":
                expect_nothing_left(backend)
                assert check_store(backend) == [], where
            if then in ("the same plan", "a new plan"):
                expect_named(backend)
                assert everything(backend) == bench.left, where


@pytest.mark.parametrize("when", ["before", "after"])
def test_no_reply_at_any_write(bench: Bench, when: str) -> None:
    writes = bench.writes()
    for number, write in enumerate(writes, 1):
        with bench.backend() as backend:
            arm = backend.fail_before if when == "before" else backend.fail_after
            arm(number)
            with suppress(StorageUnavailable):
                bench.apply(backend)
                assert backend.writes[number - 1 :] == [], (
                    f"nobody was told of {when} write {number}, {write}"
                )
            assert check_store(backend) == []
            expect_named(backend)
            bench.apply(backend)
            expect_nothing_left(backend)
            assert everything(backend) == bench.left


def test_who_was_overtaken_says_so_and_the_other_one_finishes(bench: Bench) -> None:
    """Two apply one plan: whoever began last goes on, from wherever the first one was."""
    for number in range(1, len(bench.writes())):
        with bench.backend() as backend:
            backend.fail_before(number, Crash())
            with pytest.raises(Crash):
                bench.apply(backend)
            backend.disarm()
            second = bench.apply(backend)
            assert second.deleted + second.absent > 0
            third = bench.apply(backend)
            assert (third.deleted, third.definitions, third.relinked) == (0, 0, 0)
            with suppress(Conflict):
                work(backend)
