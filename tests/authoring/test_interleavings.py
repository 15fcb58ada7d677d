"""Two who commit at once, in every order of their steps; three, in many.

Whatever the order: what was accepted is in the head or in a kept conflict, what was refused is nowhere, all
accepted versions are in the chain behind the heads, everything that is pointed to is there, and nothing that
was written in vain stays behind.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import pytest

from modulestore._async.editing import AsyncEditSession
from modulestore._async.ports import Backend
from modulestore._async.preparing import WriteRules, prepare_write
from modulestore._async.reading import load_chain
from modulestore._async.store import AsyncStore
from modulestore.errors import Conflict, EditConflict, NotFound
from modulestore.formats.structures import Schema
from modulestore.keys import ContextKey, VersionId, as_course_key
from modulestore.model.commit import Commit
from modulestore.model.course import Block, Course
from modulestore.testing._async.checking import check_store
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from modulestore.testing._async.faults import FaultyBackend
from tests._async.stores import everything
from tests.authoring.stepping import (
    MEETINGS,
    Outcome,
    Snapshot,
    SteppedBackend,
    every_schedule,
    finish,
    random_schedule,
)
from tests.profiles import FEW_SWITCHES, IS_STRESS

KEY = as_course_key(SMALL_COURSE)
A, B, C = ("vertical", "a"), ("vertical", "b"), ("vertical", "c")
A1, B1 = ("html", "a1"), ("html", "b1")
UNIT = KEY.usage(*A)
LIBRARY = as_course_key("library-v1:Example+Bank")
BANK, QUESTION = ("library_content", "bank"), ("problem", "question")
MOST = 3000  # schedules of one pair; none needs as many


class Heads(NamedTuple):
    draft: Course
    published: Course


class Doing(NamedTuple):
    """What one author does: ``done`` says whether the heads have it, if nobody did the contrary after it."""

    run: Callable[[AsyncStore], Coroutine[Any, Any, object]]
    done: Callable[[Heads], bool] | None = None


def edit(
    edits: Callable[[AsyncEditSession], object],
    done: Callable[[Heads], bool] | None = None,
    key: ContextKey = KEY,
) -> Doing:
    """A session that begins before anybody else does anything; what is stepped is its commit."""

    def run(store: AsyncStore) -> Coroutine[Any, Any, object]:
        session = store.edit(key, author="author")
        finish(session.__aenter__())
        edits(session)

        async def commit() -> Commit | None:
            await session.__aexit__(None, None, None)
            return session.commit

        return commit()

    return Doing(run, done)


def name(block: tuple[str, str], value: str) -> Doing:
    return edit(
        lambda session: session.update(block, display_name=value),
        lambda heads: block in heads.draft and heads.draft[block].display_name == value,
    )


def copies(course: Course) -> list[Block]:
    """What the course has from the library."""
    return list(course[BANK].children) if BANK in course else []


DOINGS: dict[str, Doing] = {
    "name a1": name(A1, "one"),
    "name a1 otherwise": name(A1, "two"),
    "rewrite a1": edit(
        lambda session: session.update(A1, data="<p>new</p>"),
        lambda heads: A1 in heads.draft,
    ),
    "add to a": edit(lambda s: s.add("html", A, id="new"), lambda heads: ("html", "new") in heads.draft),
    "add more to a": edit(
        lambda s: s.add("html", A, id="more"), lambda heads: ("html", "more") in heads.draft
    ),
    "delete a": edit(lambda s: s.delete(A), lambda heads: A not in heads.draft),
    "move a into b": edit(
        lambda s: s.move(A, B), lambda heads: A in heads.draft and heads.draft[A].parents[0].block_key == B
    ),
    "move b into a": edit(
        lambda s: s.move(B, A), lambda heads: B in heads.draft and heads.draft[B].parents[0].block_key == A
    ),
    "name the chapter": edit(
        lambda s: s.update(("chapter", "one"), display_name="Renamed"),
        lambda heads: all(head["chapter", "one"].display_name == "Renamed" for head in heads),
    ),
    "delete a page": edit(
        lambda s: s.delete(("static_tab", "news")),
        lambda heads: all(("static_tab", "news") not in head for head in heads),
    ),
    "publish": Doing(
        lambda store: store.publish(KEY, author="publisher"),
        lambda heads: B1 not in heads.published or heads.published[B1].display_name == "waits",
    ),
    "publish a": Doing(lambda store: store.publish(KEY, UNIT)),
    "unpublish a": Doing(lambda store: store.unpublish(UNIT)),
    "discard b": Doing(lambda store: store.discard(KEY.usage(*B))),
    "restore": Doing(lambda store: store.restore(KEY, "start", to="both")),
    "undo": Doing(lambda store: store.undo(KEY, "waiting")),
    "tag": Doing(lambda store: store.tag(KEY, "draft", "name")),
    "delete the course": Doing(lambda store: store.delete(KEY)),
    "undelete": Doing(lambda store: store.undelete(KEY)),
    "rerun": Doing(lambda store: store.rerun(KEY, f"{SMALL_COURSE}-again", title="Again")),
    "create": Doing(lambda store: store.create_course(f"{SMALL_COURSE}-again")),
    "update from the library": Doing(
        lambda store: store.update_from_library(KEY.usage(*BANK)),
        lambda heads: {copy.get("weight") for copy in copies(heads.draft)} in ({2.0}, {2.0, 3.0}),
    ),
    "copy from the library": Doing(
        lambda store: store.copy_from_library(KEY.usage(*BANK), LIBRARY, [("problem", "more")]),
        lambda heads: "More" in {copy.display_name for copy in copies(heads.draft)},
    ),
    "name the copy": edit(
        lambda s: s.update(s.course[BANK].children[0], display_name="Ours"),
        lambda heads: (
            {copy.display_name for copy in copies(heads.draft)} & {"Ours", "Question"} != {"Question"}
        ),
    ),
    "delete the bank": edit(lambda s: s.delete(BANK), lambda heads: BANK not in heads.draft),
    "edit the library": edit(lambda s: s.update(QUESTION, weight=3.0), key=LIBRARY),
}

# Pairs of which every one must have its way, or be told: whose contrary nobody does.
EDITS = [what for what, doing in DOINGS.items() if doing.done is not None]
COPYING = ["update from the library", "copy from the library"]
OF_THE_BANK = ["name the copy", "delete the bank", "edit the library"]
# These make the heads be something else altogether; what was accepted before them is in the chain only.
SWEEPING = {"restore", "undo", "discard b", "unpublish a"}
MAKING = {"create", "rerun"}  # of two who make a course, one leaves what it wrote to be pruned
CONTRARY = {
    frozenset({"delete a page"}),
    frozenset({"publish", "unpublish a"}),
    *(frozenset({"delete the bank", what}) for what in COPYING),
}


async def prepared(backend: Backend) -> None:
    """The small course, with something that waits to be published, and a copy that a library has newer."""
    store = AsyncStore(backend)
    await make_small_course(store)
    await store.create_library(LIBRARY)
    async with store.edit(LIBRARY) as session:
        session.add("problem", session.course.root, id="question", display_name="Question", weight=1.0)
    async with store.edit(KEY) as session:
        bank = session.add("library_content", C, id="bank")
    await store.copy_from_library(bank, LIBRARY)
    async with store.edit(LIBRARY) as session:
        session.update(QUESTION, weight=2.0)
        session.add("problem", session.course.root, id="more", display_name="More", weight=2.0)
    await store.tag(KEY, "draft", "start")
    async with store.edit(KEY, author="maker") as session:
        session.update(B1, display_name="waits")
    await store.tag(KEY, "draft", "waiting")


def made(schema: Schema) -> Snapshot:
    """The courses, stored in a format."""
    backend = Snapshot().backend()
    finish(prepare_write(backend, -1, WriteRules(new_schema=schema)))
    finish(prepared(backend))
    return Snapshot.of(backend)


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return made(2)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(attempt: int) -> None:
        assert attempt < 50, "nobody gets through"

    monkeypatch.setattr("modulestore._async.commits.back_off", at_once)
    monkeypatch.setattr("modulestore._async.committing._PAUSES", (0.0, 0.0, 0.0))


class Run:
    """Some who do something at once, on a course that is made for each schedule anew."""

    def __init__(
        self, snapshot: Snapshot, whats: tuple[str, ...], calls: frozenset[str], *, lost: str | None = None
    ) -> None:
        self.whats = whats
        self._lost = lost
        self._snapshot = snapshot
        self._calls = calls
        self._checked = 0
        self.backend: Backend = snapshot.backend()
        self.before: set[VersionId] = set(finish(everything(self.backend))["structures"])

    def start(self) -> list[Coroutine[Any, Any, object]]:
        self.backend = self._snapshot.backend()
        return [DOINGS[what].run(self._store(number)) for number, what in enumerate(self.whats)]

    def _store(self, number: int) -> AsyncStore:
        backend = self.backend
        if number == 0 and self._lost is not None:  # the first one loses the connection at the swap
            backend = faulty = FaultyBackend(backend)
            (faulty.fail_before if self._lost == "before" else faulty.fail_after)(1, name="index.swap")
        return AsyncStore(SteppedBackend(backend, self._calls))

    async def expect_sound(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, Conflict | NotFound):
                raise outcome
        self._checked += 1
        if IS_STRESS or self._checked % 5 == 1:  # all of the database
            assert await check_store(self.backend) == []
        store = AsyncStore(self.backend)
        deleted = any(what == "delete the course" for what in self.whats)
        if deleted and await self.backend.index.get(KEY) is None:
            await store.undelete(KEY)
        heads = Heads(await store.open(KEY, branch="draft"), await store.open(KEY, branch="published"))
        library = await store.open(LIBRARY)
        chains = {
            branch: {header.id for header in await load_chain(self.backend, course.version)}
            for branch, course in {**heads._asdict(), "library": library}.items()
        }
        for outcome in outcomes:
            if isinstance(outcome, Commit):
                for branch, move in outcome.moves.items():
                    assert move.after in chains[branch], "an accepted version is not behind the head"
        self._expect_done(heads, outcomes)
        conflicts = await store.conflicts(KEY)
        told = [outcome.conflict for outcome in outcomes if isinstance(outcome, EditConflict)]
        assert {kept.id for kept in conflicts} == {kept.id for kept in told}
        if not MAKING & set(self.whats) and not told:
            await self._expect_tidy(
                {*chains["draft"], *chains["published"], *(kept.mine for kept in conflicts)}
            )

    def _expect_done(self, heads: Heads, outcomes: list[Outcome]) -> None:
        if SWEEPING & set(self.whats) or any(pair <= set(self.whats) for pair in CONTRARY):
            return
        for what, outcome in zip(self.whats, outcomes, strict=True):
            done = DOINGS[what].done
            if done is not None and not isinstance(outcome, Exception):
                assert done(heads), f"{what} was accepted, and is not there"

    async def _expect_tidy(self, needed: set[VersionId]) -> None:
        there = set((await everything(self.backend))["structures"])
        for entry in await self.backend.index.list():
            for head in entry.heads.values():
                needed.update(header.id for header in await load_chain(self.backend, head))
        assert there - needed - self.before == set(), "what was written in vain was left behind"


OTHERS = [what for what in DOINGS if what not in EDITS + OF_THE_BANK or what == "publish"]
PAIRS = [
    *combinations_with_replacement(
        [what for what in EDITS if what not in {"publish", *COPYING, *OF_THE_BANK}], 2
    ),
    *(("name a1", other) for other in OTHERS),
    *(
        (one, other)
        for one in ("delete a", "name the chapter")
        for other in ("publish", "restore", "discard b")
    ),
    *combinations_with_replacement(COPYING, 2),
    *(
        (one, other)
        for one in COPYING
        for other in (*OF_THE_BANK, "publish", "restore", "name the chapter", "delete the course")
    ),
    *(("publish", other) for other in ("publish", "restore", "delete the course")),
    *(("delete the course", other) for other in ("delete the course", "undelete", "tag")),
    *(("undelete", "undelete"), ("create", "create"), ("rerun", "create"), ("restore", "restore")),
]


@pytest.mark.parametrize("first", sorted({first for first, _ in PAIRS}))
def test_every_order_of_two(snapshot: Snapshot, first: str) -> None:
    schedules = 0
    for whats in PAIRS:
        if whats[0] != first:
            continue
        # Who copies reads much before; that versions which are read may go is seen with the others.
        few = {"structures.get_many"} if set(COPYING) & set(whats) else set()
        # Only deleted courses are looked for in lists; commits list what pruning and converting change.
        few |= set() if "undelete" in whats else {"records.list"}
        run = Run(snapshot, whats, MEETINGS - few)
        pair = 0
        for choices, outcomes in every_schedule(run.start, most=MOST, switches=FEW_SWITCHES):
            pair += 1
            try:
                finish(run.expect_sound(outcomes))
            except Exception as error:
                raise AssertionError(f"{whats}, schedule {choices}: {outcomes}") from error
        assert pair < MOST
        schedules += pair
    print(f"\n{first}: {schedules} schedules")


@pytest.mark.parametrize("lost", ["before", "after"])
@pytest.mark.parametrize(
    "whats",
    [
        ("name a1", "add to a"),
        ("name a1", "name a1 otherwise"),
        ("delete a", "name a1"),
        ("publish", "name the chapter"),
        ("restore", "publish"),
    ],
)
def test_every_order_of_two_when_the_first_gets_no_reply(
    snapshot: Snapshot, whats: tuple[str, str], lost: str
) -> None:
    """It asks again, and somebody else may have committed before or upon what it had asked for."""
    run = Run(snapshot, whats, frozenset({"index.get", "index.swap"}), lost=lost)
    for choices, outcomes in every_schedule(run.start, most=MOST, switches=FEW_SWITCHES):
        try:
            finish(run.expect_sound(outcomes))
        except Exception as error:
            raise AssertionError(f"{whats}, schedule {choices}: {outcomes}") from error


@pytest.mark.parametrize("seed", range(8))
def test_many_orders_of_three(seed: int) -> None:
    snapshot = made(1 if seed % 2 else 2)
    dice = random.Random(seed)
    for number in range(60):
        whats = tuple(dice.choices(list(DOINGS), k=3))
        run = Run(snapshot, whats, frozenset())
        outcomes = random_schedule(run.start, seed * 1000 + number)
        try:
            finish(run.expect_sound(outcomes))
        except Exception as error:
            raise AssertionError(f"{whats}, number {number}: {outcomes}") from error


def test_a_publish_that_is_overtaken_does_not_take_the_outline_back(snapshot: Snapshot) -> None:
    """Chapters are published as soon as they are saved: no later publish of an older draft undoes that."""
    run = Run(snapshot, ("name the chapter", "publish"), MEETINGS)
    for _, outcomes in every_schedule(run.start, most=MOST, switches=FEW_SWITCHES):
        store = AsyncStore(run.backend)
        heads = Heads(finish(store.open(KEY, branch="draft")), finish(store.open(KEY, branch="published")))
        assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
        assert [head["chapter", "one"].display_name for head in heads] == ["Renamed", "Renamed"]
