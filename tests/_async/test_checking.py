"""What a check finds in a database that was damaged past the store, and what a repair makes of it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from modulestore.formats.ids import to_object_id
from modulestore.keys import BlockKey, VersionId, as_course_key
from modulestore.model.structure import BlockRecord
from modulestore.testing._async.courses import SMALL_COURSE
from modulestore.testing.samples import new_entry, new_file, new_version_id, structure_document
from modulestore.upkeep.checking import Problem
from tests._async.damaged import A1, A2, KEY, LIBRARY, A, B, Blocks, World, children, fresh_world
from tests._async.stores import BACKENDS

pytestmark = pytest.mark.anyio

REPAIR = f"modulestore check {SMALL_COURSE} --repair"
EVERYWHERE = "modulestore check --repair"
PRUNE = "modulestore prune plan -o plan.jsonl"
ABSENT = VersionId(bytes(11) + b"\1")

NEWS = BlockKey("static_tab", "news")
LOST = BlockKey("html", "lost")
LOST_UNIT = BlockKey("vertical", "lost")

Found = tuple[str, str, str, str | None]


@pytest.fixture
async def world(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with fresh_world(kind, request) as world:
        yield world


def told(problems: Sequence[Problem]) -> list[Found]:
    return [(problem.severity, problem.kind, problem.place, problem.mend) for problem in problems]


Case = Callable[[World], Any]
CASES: dict[str, Case] = {}

LEFT: dict[str, list[tuple[str, str]]] = {
    "no root": [("note", "unreferenced")],
    "a draft without blocks": [("note", "unreferenced")],
    "a published version with a broken header": [("note", "unreferenced")],
}
"""What a repair leaves where it did mend something: the head that was lost is still there, and unused."""


def case(name: str) -> Callable[[Case], Case]:
    """A way to damage a database; it returns what is to be found."""

    def add(function: Case) -> Case:
        CASES[name] = function
        return function

    return add


def without(blocks: Blocks, key: BlockKey) -> None:
    del blocks[key]


@case("a child that is not there")
async def _(world: World) -> list[Found]:
    await world.change("draft", lambda blocks: without(blocks, A1))
    return [("error", "child-missing", world.at("draft", A), REPAIR)]


@case("a child listed twice")
async def _(world: World) -> list[Found]:
    await world.change("draft", lambda blocks: children(blocks, A, A1, A2, A1))
    return [("warning", "child-twice", world.at("draft", A), REPAIR)]


@case("a cycle")
async def _(world: World) -> list[Found]:
    await world.change("draft", lambda blocks: children(blocks, A, A1, A2, BlockKey("chapter", "one")))
    return [("error", "cycle", world.at("draft", A), REPAIR)]


@case("a block below itself")
async def _(world: World) -> list[Found]:
    await world.change("published", lambda blocks: children(blocks, A, A, A1, A2))
    return [("error", "cycle", world.at("published", A), REPAIR)]


@case("a cycle that nothing leads to")
async def _(world: World) -> list[Found]:
    other = BlockKey("vertical", "other")

    def change(blocks: Blocks) -> None:
        blocks[LOST_UNIT] = replace(blocks[A], key=LOST_UNIT, children=[other])
        blocks[other] = replace(blocks[A], key=other, children=[LOST_UNIT])

    await world.change("draft", change)
    return [
        ("error", "cycle", world.at("draft", other), REPAIR),
        ("warning", "orphan", world.at("draft", LOST_UNIT), REPAIR),
        ("warning", "orphan", world.at("draft", other), REPAIR),
    ]


@case("a block that nothing leads to")
async def _(world: World) -> list[Found]:
    await world.change("draft", lambda blocks: blocks.update({LOST: replace(blocks[A1], key=LOST)}))
    return [("warning", "orphan", world.at("draft", LOST), REPAIR)]


@case("a block that nothing leads to, and that learners see")
async def _(world: World) -> list[Found]:
    await world.change("draft", lambda blocks: children(blocks, A, A2))
    return [("warning", "orphan", world.at("draft", A1), None)]


@case("a published block that nothing leads to")
async def _(world: World) -> list[Found]:
    await world.change("published", lambda blocks: children(blocks, A, A2))
    return [("warning", "orphan", world.at("published", A1), REPAIR)]


@case("two blocks of one key")
async def _(world: World) -> list[Found]:
    def change(blocks: Blocks) -> list[BlockRecord]:
        other = replace(blocks[A1], settings={"display_name": "the other"})
        return [other, *blocks.values()]

    await world.change("draft", change)
    return [("warning", "duplicate-block", world.at("draft", A1), REPAIR)]


@case("two parents")
async def _(world: World) -> list[Found]:
    await world.change("draft", lambda blocks: children(blocks, B, BlockKey("html", "b1"), A1))
    return [("warning", "several-parents", world.at("draft", A1), None)]


@case("a page that is a child")
async def _(world: World) -> list[Found]:
    await world.change("draft", lambda blocks: children(blocks, A, A1, A2, NEWS))
    return [("warning", "listed", world.at("draft", NEWS), None)]


@case("a root that is a child")
async def _(world: World) -> list[Found]:
    root = BlockKey("course", "course")
    await world.change(
        "draft", lambda blocks: blocks.update({LOST_UNIT: replace(blocks[A], key=LOST_UNIT, children=[root])})
    )
    return [
        ("warning", "listed", world.at("draft", root), REPAIR),
        ("warning", "orphan", world.at("draft", LOST_UNIT), REPAIR),
    ]


@case("no root")
async def _(world: World) -> list[Found]:
    await world.change("draft", lambda blocks: without(blocks, BlockKey("course", "course")))
    return [("error", "no-root", world.at("draft"), REPAIR)]


@case("content that is not there")
async def _(world: World) -> list[Found]:
    await world.backend.definitions.delete_many([await world.definition_of(A1)])
    return [
        ("error", "definition-missing", world.at("draft", A1), REPAIR),
        ("error", "definition-missing", world.at("published", A1), REPAIR),
    ]


@case("content that cannot be read")
async def _(world: World) -> list[Found]:
    world.damage.set_document("definitions", await world.definition_of(A1), {"edit_info": None})
    return [
        ("error", "definition-unreadable", world.at("draft", A1), REPAIR),
        ("error", "definition-unreadable", world.at("published", A1), REPAIR),
    ]


@case("content of another type")
async def _(world: World) -> list[Found]:
    world.damage.set_document("definitions", await world.definition_of(A1), {"block_type": "video"})
    return [
        ("warning", "definition-type", world.at("draft", A1), None),
        ("warning", "definition-type", world.at("published", A1), None),
    ]


@case("a draft that is not there")
async def _(world: World) -> list[Found]:
    await world.backend.structures.delete_many([world.heads["draft"]])
    return [("error", "head-missing", world.at("draft"), REPAIR)]


@case("a published version that is not there")
async def _(world: World) -> list[Found]:
    await world.backend.structures.delete_many([world.heads["published"]])
    return [("error", "head-missing", world.at("published"), REPAIR)]


@case("a draft without blocks")
async def _(world: World) -> list[Found]:
    world.damage.set_document("structures", world.heads["draft"], {"blocks": None, "body": None})
    return [("error", "version-unreadable", world.at("draft"), REPAIR)]


@case("a published version with a broken header")
async def _(world: World) -> list[Found]:
    world.damage.set_document("structures", world.heads["published"], {"root": 7})
    return [("error", "version-unreadable", world.at("published"), REPAIR)]


@case("a library of which nothing is left")
async def _(world: World) -> list[Found]:
    await world.backend.structures.delete_many([world.library])
    return [("error", "head-missing", f"{LIBRARY}, library, version {world.library}", None)]


@case("a version of a library that is not there")
async def _(world: World) -> list[Found]:
    pin = {"source_library_id": LIBRARY, "source_library_version": str(ABSENT)}
    other = {"source_library_id": "library-v1:No+Such", "source_library_version": str(new_version_id())}

    def change(blocks: Blocks) -> None:
        info = blocks[B].edit_info._replace(original_usage_version=ABSENT)
        blocks[A] = replace(blocks[A], settings=pin)
        blocks[B] = replace(blocks[B], settings=other, edit_info=info)

    await world.change("draft", change)
    return [
        ("note", "pin-missing", world.at("draft", A), None),
        ("note", "pin-missing", world.at("draft", B), None),
        ("note", "source-missing", world.at("draft", B), None),
    ]


@case("a tag of nothing")
async def _(world: World) -> list[Found]:
    world.damage.set_record(f"tag {SMALL_COURSE}", "spring", {"version": str(ABSENT)})
    place = f"{SMALL_COURSE}, tag spring, version {ABSENT}"
    return [("error", "version-missing", place, EVERYWHERE)]


@case("a conflict whose versions are gone")
async def _(world: World) -> list[Found]:
    other = new_version_id()
    value = {"key": SMALL_COURSE, "base": str(ABSENT), "mine": str(other)}
    world.damage.set_record("conflict", str(other), value)
    return [
        (
            "error",
            "version-missing",
            f"{SMALL_COURSE}, conflict {other} (base), version {ABSENT}",
            EVERYWHERE,
        ),
        ("error", "version-missing", f"{SMALL_COURSE}, conflict {other} (mine), version {other}", EVERYWHERE),
    ]


@case("a deleted course of which one branch is gone")
async def _(world: World) -> list[Found]:
    heads = {"draft": str(ABSENT), "published": str(world.heads["published"])}
    world.damage.set_record("deleted", "course-v1:Was+Here+R 1", {"heads": heads})
    place = f"course-v1:Was+Here+R, deleted course draft, version {ABSENT}"
    return [("error", "version-missing", place, None)]


@case("a version before that is not there")
async def _(world: World) -> list[Found]:
    await world.backend.structures.relink({world.library: ABSENT})
    return [("note", "previous-missing", f"{LIBRARY}, version {world.library}", None)]


@case("a version before that is of another history")
async def _(world: World) -> list[Found]:
    await world.backend.structures.relink({world.library: world.heads["draft"]})
    return [("warning", "other-history", f"{LIBRARY}, version {world.library}", None)]


@case("a version that comes before itself")
async def _(world: World) -> list[Found]:
    await world.backend.structures.relink({world.library: world.library})
    return [("warning", "history-loop", f"{LIBRARY}, version {world.library}", None)]


@case("an entry that cannot be read")
async def _(world: World) -> list[Found]:
    broken = {"_id": to_object_id(ABSENT), "org": "A", "course": "B", "run": "C", "versions": 7}
    world.damage.add_entry(broken)
    return [("error", "entry-faulty", "index entry A/B/C", None)]


@case("two keys that differ by case")
async def _(world: World) -> list[Found]:
    twin = as_course_key(SMALL_COURSE.upper().replace("COURSE-V1", "course-v1"))
    await world.backend.index.insert(new_entry(twin, dict(world.heads)))
    return [("warning", "keys-differ-by-case", str(twin), None)]


@case("a branch that nobody knows")
async def _(world: World) -> list[Found]:
    entry = await world.backend.index.get(KEY)
    assert entry is not None
    await world.backend.index.swap(entry, {}, {"other": world.heads["draft"]})
    return [("warning", "unknown-branch", SMALL_COURSE, None)]


@case("a library with a draft")
async def _(world: World) -> list[Found]:
    entry = await world.backend.index.get(as_course_key(LIBRARY))
    assert entry is not None
    await world.backend.index.swap(entry, {}, {"draft": world.library})
    return [("warning", "unknown-branch", LIBRARY, None)]


@case("a record that cannot be read")
async def _(world: World) -> list[Found]:
    world.damage.set_record(f"tag {SMALL_COURSE}", "spring", {"version": "none"})
    return [("error", "record-unreadable", f"record tag {SMALL_COURSE}/spring", None)]


@case("a tag and a message of a course that is not there")
async def _(world: World) -> list[Found]:
    gone = "course-v1:Is+Not+Here"
    world.damage.set_record(f"tag {gone}", "spring", {"version": str(world.library)})
    world.damage.set_record(f"message {gone}", str(ABSENT), {"message": "x"})
    return [("note", "record-of-no-course", gone, EVERYWHERE)] * 2


@case("work that is under way")
async def _(world: World) -> list[Found]:
    new = "course-v1:New+Run+1"
    heads = {"draft": str(world.heads["draft"])}
    world.damage.set_record("rerun claim", new, {"entry": str(ABSENT), "heads": heads})
    world.damage.set_record("conversion", "structures", {"schema": 2})
    return [("note", "under-way", new, None), ("note", "under-way", "structures", None)]


@case("a file without bytes")
async def _(world: World) -> list[Found]:
    await world.backend.files.put(new_file("a", KEY), io.BytesIO(b"text"))
    world.damage.lose_bytes()
    return [("error", "file-damaged", str(new_file("a", KEY).key), None)]


@case("versions that nothing refers to")
async def _(world: World) -> list[Found]:
    version = new_version_id()
    await world.backend.structures.put_many({version: structure_document(version)})
    return [("note", "unreferenced", "structures", PRUNE)]


def in_order(found: Sequence[Any]) -> list[Any]:
    return sorted(found, key=str)


@BACKENDS
@pytest.mark.parametrize("name", CASES)
async def test_damage_is_found_and_mended(world: World, name: str) -> None:
    expected = in_order(await CASES[name](world))
    deep = "message" in name  # there is one for every commit: they are looked at on request
    assert in_order(told((await world.store.check(deep=deep)).problems)) == expected
    mendable = [found for found in expected if (found[3] or "").endswith("--repair")]
    planned = await world.store.repair(author=7, dry_run=True)
    assert (in_order(told(planned.mended)), planned.made) == (mendable, ())
    assert in_order(told((await world.store.check(deep=deep)).problems)) == expected
    repaired = await world.store.repair(author=7)
    assert in_order(told(repaired.mended)) == mendable
    left = LEFT.get(name, [found[:2] for found in expected if found not in mendable])
    assert in_order([found[:2] for found in told(repaired.left)]) == in_order(left)
    assert told((await world.store.check(deep=deep)).problems) == told(repaired.left)
