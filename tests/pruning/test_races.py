"""A pruner and somebody who writes, in every order of their steps; two pruners and a writer, in many.

The pruner waits for nobody. What a writer does from its look at the condemned to the swap that makes it
visible is one step, as it is in a transaction; elsewhere the pruner's time of grace stands for that.

Whatever the order: what anybody was told that was done is there, whole, with its content; what was refused
was refused with an error that says why; and another pruning finds nothing that is lost.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

from modulestore._async.ports import Backend
from modulestore._async.preparing import WriteRules, prepare_write
from modulestore._async.store import AsyncStore
from modulestore.errors import Conflict, EditConflict, NotFound, StorageUnavailable
from modulestore.formats.structures import Schema
from modulestore.keys import VersionId, as_course_key
from modulestore.model.columns import VersionColumn
from modulestore.testing._async.checking import check_store
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from modulestore.testing._async.faults import FaultyBackend
from modulestore.upkeep.pruning.plan import read_plan
from modulestore.upkeep.pruning.policy import Policy, Retention
from tests.authoring.stepping import (
    Outcome,
    Snapshot,
    _Switch,
    finish,
    run,
)
from tests.profiles import IS_STRESS
from tests.pruning.past import long_ago
from tests.pruning.stepped import AtOnceGuard, PrunersBackend, SteppedBackend

T = TypeVar("T")

KEY = as_course_key(SMALL_COURSE)
AGAIN = f"{SMALL_COURSE}-again"
GONE = f"{SMALL_COURSE}-gone"
LIBRARY = as_course_key("library-v1:Example+Bank")
A1, BANK = ("html", "a1"), ("library_content", "bank")
POLICY = Policy(Retention(keep=1), min_age=timedelta(0), deleted_after=timedelta(0))


class Doing(NamedTuple):
    """What a writer does: what it prepares beforehand, and what it does; and what must be true if it was."""

    prepare: Callable[[AsyncStore, Scene], Coroutine[Any, Any, Any]]
    run: Callable[[AsyncStore, Scene, Any], Coroutine[Any, Any, object]]
    true: Callable[[AsyncStore, Scene, Any], Coroutine[Any, Any, object]] | None = None


@dataclass(frozen=True)
class Scene:
    """Versions of the course that the pruner is to delete.

    Attributes:
        old: one in the middle, whose content only it has; block a1 says which it was.
        older: the one before it.
        library: a version of the library whose content nobody else has; the question says which it was.
    """

    old: VersionId
    older: VersionId
    library: VersionId
    number: int
    question: int


async def nothing(store: AsyncStore, scene: Scene) -> None:
    """Nothing has to be prepared, but to have read the old versions: a writer has them at hand."""
    for version in (scene.older, scene.old):
        course = await store.open(KEY, version=version)
        await store.load_content(course.blocks())


async def open_whole(store: AsyncStore, key: object, version: VersionId | None = None) -> Any:
    fresh = AsyncStore(store._backend)
    course = await (fresh.open(key, branch="draft") if version is None else fresh.open(key, version=version))
    await fresh.load_content(course.blocks())
    return course


async def tagged(store: AsyncStore, scene: Scene, outcome: Any) -> None:
    assert (await store.version(KEY, "spring")).version == scene.old
    course = await open_whole(store, KEY, scene.old)
    assert course[A1].display_name == f"number {scene.number}"


async def restored(store: AsyncStore, scene: Scene, outcome: Any) -> None:
    course = await open_whole(store, KEY)
    assert course[A1].display_name == f"number {scene.number}"
    contents = await AsyncStore(store._backend).load_content([course[A1]])
    assert contents[course[A1]]["data"] == f"<p>{scene.number}</p>"


async def begun(store: AsyncStore, scene: Scene) -> Any:
    """A session on an old version, which the author has had open since."""
    session = store.edit(KEY, author="late", base=scene.old)
    await session.__aenter__()
    session.update(("vertical", "c"), display_name="late")
    return session


async def ended(store: AsyncStore, scene: Scene, session: Any) -> object:
    await session.__aexit__(None, None, None)
    return session.version


async def contradicting(store: AsyncStore, scene: Scene) -> Any:
    session = store.edit(KEY, author="late", base=scene.old)
    await session.__aenter__()
    session.update(A1, display_name="late", data="<p>late</p>")
    return session


async def kept_there(store: AsyncStore, scene: Scene, outcome: Any) -> None:
    assert isinstance(outcome, EditConflict)
    fresh = AsyncStore(store._backend)
    kept = await fresh.conflict(outcome.conflict.id)
    for version in (kept.base, kept.mine):
        await open_whole(store, KEY, version)
    assert await fresh.resolve(kept.id, overwrite=True)
    assert (await open_whole(store, KEY))[A1].display_name == "late"


async def in_conflict(store: AsyncStore, scene: Scene) -> str:
    session = await contradicting(store, scene)
    try:
        await session.__aexit__(None, None, None)
    except EditConflict as error:
        return str(error.conflict.id)
    raise AssertionError("this should be a conflict")


async def detached(store: AsyncStore, scene: Scene) -> Any:
    session = store.edit(KEY.for_version(scene.old), author="late")
    await session.__aenter__()
    session.update(("vertical", "c"), display_name="late")
    return session


async def detached_and_tagged(store: AsyncStore, scene: Scene, session: Any) -> object:
    await session.__aexit__(None, None, None)
    return await store.tag(KEY, session.version, "spring")


async def detached_is_there(store: AsyncStore, scene: Scene, outcome: Any) -> None:
    await open_whole(store, KEY, outcome)


async def is_there_again(store: AsyncStore, scene: Scene, outcome: Any) -> None:
    await open_whole(store, AGAIN)


async def losing_replies(store: AsyncStore, scene: Scene) -> None:
    """What is converted is visible at once: it must be right although nobody lives to look again."""
    store._backend = faulty = FaultyBackend(store._backend)
    faulty.fail_after(1, name="structures.replace_many")


async def changed_again(store: AsyncStore, scene: Scene) -> None:
    async with store.edit(KEY, author="ana") as edit:
        edit.update(A1, display_name="last", data="<p>last</p>")


async def published(store: AsyncStore, scene: Scene, outcome: Any) -> None:
    course = await AsyncStore(store._backend).open(KEY, branch="published")
    contents = await AsyncStore(store._backend).load_content([course[A1]])
    assert contents[course[A1]]["data"] == "<p>last</p>"


async def is_back(store: AsyncStore, scene: Scene, outcome: Any) -> None:
    course = await open_whole(store, GONE)
    assert course[A1].display_name == "number 2"


async def copied(store: AsyncStore, scene: Scene, outcome: Any) -> None:
    course = await open_whole(store, KEY)
    assert [child.display_name for child in course[BANK].children] == [f"number {scene.question}"]


DOINGS: Mapping[str, Doing] = {
    "tag": Doing(nothing, lambda store, scene, _: store.tag(KEY, scene.old, "spring"), tagged),
    "restore": Doing(nothing, lambda store, scene, _: store.restore(KEY, scene.old), restored),
    "restore both": Doing(
        nothing, lambda store, scene, _: store.restore(KEY, scene.old, to="both"), restored
    ),
    "undo": Doing(nothing, lambda store, scene, _: store.undo(KEY, scene.old)),
    "edit": Doing(begun, ended, lambda store, scene, _: open_whole(store, KEY)),
    "conflict": Doing(contradicting, ended, kept_there),
    "resolve": Doing(in_conflict, lambda store, scene, kept: store.resolve(kept, overwrite=True)),
    "detach and tag": Doing(detached, detached_and_tagged, detached_is_there),
    "publish": Doing(changed_again, lambda store, scene, _: store.publish(KEY), published),
    "rerun": Doing(nothing, lambda store, scene, _: store.rerun(KEY, AGAIN), is_there_again),
    "rerun with a title": Doing(
        nothing, lambda store, scene, _: store.rerun(KEY, AGAIN, title="Again"), is_there_again
    ),
    "undelete": Doing(nothing, lambda store, scene, _: store.undelete(GONE), is_back),
    "copy from the library": Doing(
        nothing,
        lambda store, scene, _: store.copy_from_library(KEY.usage(*BANK), LIBRARY, version=scene.library),
        copied,
    ),
    "convert": Doing(nothing, lambda store, scene, _: store.convert(2)),
    "convert, without a reply": Doing(losing_replies, lambda store, scene, _: store.convert(2)),
    "convert back": Doing(nothing, lambda store, scene, _: store.convert(1)),
}


async def made(backend: Backend, schema: Schema) -> tuple[list[VersionId], list[VersionId]]:
    """A course and a library with a past, another run that was deleted; all of it long ago."""
    await prepare_write(backend, -1, WriteRules(new_schema=schema))
    store = AsyncStore(backend, **long_ago())
    await make_small_course(store)
    await store.create_library(LIBRARY)
    async with store.edit(LIBRARY) as edit:
        edit.add("problem", edit.course.root, id="question", display_name="number 0", data="<problem/>")
    libraries = [await numbered(store, LIBRARY, ("problem", "question"), number) for number in range(5)]
    async with store.edit(KEY) as edit:
        edit.add("library_content", ("vertical", "c"), id="bank")
    await store.rerun(KEY, GONE)
    for number in range(3):
        await numbered(store, as_course_key(GONE), A1, number)
    await store.delete(GONE)
    return [await numbered(store, KEY, A1, number) for number in range(7)], libraries


async def numbered(store: AsyncStore, key: Any, block: tuple[str, str], number: int) -> VersionId:
    async with store.edit(key, author="past") as edit:
        edit.update(block, display_name=f"number {number}", data=f"<p>{number}</p>")
    assert edit.version is not None
    return edit.version


class Race:
    """One pruner or two, and one writer, on a database that is made for each schedule anew."""

    def __init__(self, schema: Schema, what: str, *, pruners: int = 1) -> None:
        self.what = what
        self.doing = DOINGS[what]
        backend = Snapshot().backend()
        versions, libraries = finish(made(backend, schema))
        self.given: Any = None
        self.snapshot = Snapshot.of(backend)
        self._pruners = pruners
        self.backend: Backend = backend
        with tempfile.TemporaryDirectory() as folder:
            finish(AsyncStore(backend).plan_pruning(POLICY, Path(folder) / "plan"))
            with (Path(folder) / "plan").open("rb") as lines:
                self.plan = read_plan(lines, "plan")
        # Some are kept, since others are stored on them.
        gone = set(self.plan.deleted)
        number = next(at for at in range(2, 6) if {versions[at - 1], versions[at]} <= gone)
        question = next(at for at in range(1, 4) if libraries[at] in gone)
        self.scene = Scene(versions[number], versions[number - 1], libraries[question], number, question)

    def start(self) -> list[Coroutine[Any, Any, object]]:
        self.backend = backend = self.snapshot.backend()
        stepped = SteppedBackend(backend)
        stepped.looks = 1  # while it is prepared
        store = AsyncStore(stepped)
        guard = AtOnceGuard(WriteRules())
        guard.stepped = stepped
        guard.converts = self.what.startswith("convert")
        store._guard = guard
        store._committer = type(store._committer)(
            store._backend, store._reader, guard, store._now, store._ids
        )
        self.store = store
        given = finish(self.doing.prepare(store, self.scene))
        guard._safe = (0, set())
        stepped.looks, stepped.looked = 0, False
        pruners = [
            AsyncStore(PrunersBackend(backend)).apply_pruning(self.plan, grace=timedelta(0), batch=3)
            for _ in range(self._pruners)
        ]
        return [*pruners, self.doing.run(store, self.scene, given)]

    def expect_true(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(
                outcome, Conflict | NotFound | StorageUnavailable
            ):
                raise outcome
        assert finish(check_store(self.backend)) == []
        told = outcomes[-1]
        done = not isinstance(told, Exception) or isinstance(told, EditConflict)
        if done and self.doing.true is not None:
            finish(self.doing.true(AsyncStore(self.backend), self.scene, told))
        finish(self._prune_again())

    async def _prune_again(self) -> None:
        store = AsyncStore(self.backend)
        with tempfile.TemporaryDirectory() as folder:
            await store.plan_pruning(POLICY, Path(folder) / "plan")
            await store.apply_pruning(Path(folder) / "plan", grace=timedelta(0))
        assert await check_store(self.backend) == []
        for entry in await self.backend.index.list():
            for branch in entry.heads:
                course = await store.open(entry.key, branch=branch)
                await store.load_content(course.blocks())
        records = self.backend.records
        assert [
            *await records.list("condemned structures"),
            *await records.list("condemned definitions"),
        ] == []


@pytest.fixture(autouse=True)
def small_and_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(attempt: int) -> None:
        if attempt >= 50:
            raise Conflict("nobody gets through")
        await _Switch()

    async def directly(function: Callable[..., T], /, *args: Any, **named: Any) -> T:
        return function(*args, **named)

    for name, module in list(sys.modules.items()):
        if name.startswith("modulestore._async.") and hasattr(module, "run_blocking"):
            monkeypatch.setattr(module, "run_blocking", directly)  # there is no loop, and no thread
    monkeypatch.setattr("modulestore.upkeep.pruning.condemned.CHUNK", 4)
    monkeypatch.setattr("modulestore._async.commits.back_off", at_once)
    monkeypatch.setattr("modulestore._async.conflicts.back_off", at_once)
    monkeypatch.setattr("modulestore._async.committing._PAUSES", (0.0, 0.0, 0.0))


def expect(race: Race, outcomes: list[Outcome], schedule: object) -> None:
    try:
        race.expect_true(outcomes)
    except Exception as error:
        raise AssertionError(f"schedule {schedule}: {outcomes}") from error


def by_chance(race: Race, seed: int) -> list[Outcome]:
    """One order: whoever prunes goes some way first, since there is much more to do for a pruner."""
    dice = random.Random(seed)
    lead = dice.randrange(90)

    def choose(options: int, last: int | None) -> int:
        nonlocal lead
        lead -= 1
        return 0 if lead >= 0 else dice.randrange(options)

    return run(race.start(), choose)


SCHEDULES = 200 if IS_STRESS else 6


@pytest.mark.parametrize("schema", [1, 2])
@pytest.mark.parametrize("what", DOINGS)
def test_a_pruner_and_a_writer(schema: Schema, what: str) -> None:
    race = Race(schema, what)
    for seed in range(SCHEDULES):
        expect(race, by_chance(race, seed), seed)


@pytest.mark.parametrize("schema", [1, 2])
@pytest.mark.parametrize("what", ["tag", "restore", "conflict", "rerun", "undelete", "convert"])
def test_two_pruners_and_a_writer(schema: Schema, what: str) -> None:
    race = Race(schema, what, pruners=2)
    for seed in range(SCHEDULES):
        expect(race, by_chance(race, seed), seed)


@pytest.mark.parametrize(
    ("what", "schema"), [("tag", 2), ("restore", 1), ("conflict", 1), ("convert, without a reply", 1)]
)
def test_every_place_where_a_pruner_can_be_overtaken(what: str, schema: Schema) -> None:
    """The pruner stops once, wherever it can, and the writer does all of its work."""
    race = Race(schema, what)
    steps = 0
    while expect_overtaken(race, steps) >= steps:
        steps += 1
    assert steps > 40


def expect_overtaken(race: Race, steps: int) -> int:
    """The pruner goes so many steps, then the writer all of its own; how many there were of both."""
    taken = 0

    def choose(options: int, last: int | None) -> int:
        nonlocal taken
        taken += 1
        return 0 if taken <= steps else 1

    expect(race, run(race.start(), choose), steps)
    return taken


def test_what_a_plan_kept_for_its_age_goes_on_to_be_whole() -> None:
    """When it is applied nothing else keeps that any more; and it has been stored on others meanwhile."""
    race = Race(1, "tag")
    backend = race.snapshot.backend()
    store = AsyncStore(backend)
    finish(store.convert(2))
    links = finish(backend.structures.links(race.plan.deleted))
    young = next(version for version in links if set(links[version].bases) & set(race.plan.deleted))
    kept = VersionColumn.of(sorted([*race.plan.kept, young]))
    deleted = VersionColumn.of(version for version in race.plan.deleted if version != young)
    plan = replace(race.plan, kept=kept, deleted=deleted, definitions=VersionColumn(b""))
    finish(store.apply_pruning(plan, grace=timedelta(0)))
    finish(open_whole(store, KEY, young))
    assert finish(check_store(backend)) == []
