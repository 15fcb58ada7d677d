"""What is to be done with the collections of a database: nothing but values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from modulestore.upkeep.migrations import load_steps
from modulestore.upkeep.sharding import (
    BY_ID,
    PLACEMENTS,
    FoundCollection,
    FoundDatabase,
    FoundIndex,
    Keys,
    ShardingPlan,
    ShardStep,
    plan_sharding,
    shown_keys,
)

ID = FoundIndex("_id_", (("_id", 1),))
HASHED = FoundIndex("_id_hashed", BY_ID)
STRUCTURES, DEFINITIONS, CHUNKS = (
    "modulestore.structures",
    "modulestore.definitions",
    "modulestore.blob_chunks",
)
SHARDED = (STRUCTURES, DEFINITIONS, CHUNKS)
WHOLE = tuple(one.collection for one in PLACEMENTS if one.key is None)


def collection(documents: int = 10, *indexes: FoundIndex, shard_key: Keys | None = None) -> FoundCollection:
    return FoundCollection(documents, documents * 100, (ID, *indexes), shard_key)


def database(**collections: FoundCollection) -> FoundDatabase:
    """A cluster of two shards with these collections, and empty ones of all other names."""
    named = {one.collection: collection(0) for one in PLACEMENTS}
    named |= {f"modulestore.{name}": one for name, one in collections.items()}
    return FoundDatabase("courses", ["one", "two"], named)


def state(plan: ShardingPlan, name: str) -> str:
    return next(one.state for one in plan.collections if one.collection == name)


def reason(plan: ShardingPlan, name: str) -> str:
    return next(one.reason for one in plan.collections if one.collection == name)


def test_a_database_in_use() -> None:
    plan = plan_sharding(
        database(structures=collection(), definitions=collection(), blob_chunks=collection())
    )
    assert plan.obstacle is None
    assert plan.refused == []
    assert plan.steps == [
        ShardStep("enable sharding"),
        *(
            step
            for name in SHARDED
            for step in (ShardStep("create index", name, BY_ID), ShardStep("shard collection", name, BY_ID))
        ),
    ]
    assert {one.collection: one.state for one in plan.collections} == {
        **dict.fromkeys(SHARDED, "to shard"),
        **dict.fromkeys(WHOLE, "stays whole"),
    }
    assert all(one.reason for one in plan.collections)


def test_an_index_that_is_there_or_that_the_server_makes_is_not_made() -> None:
    longer = FoundIndex("longer", (*BY_ID, ("root", 1)))
    plan = plan_sharding(
        database(
            structures=collection(10, HASHED), definitions=collection(10, longer), blob_chunks=collection(0)
        )
    )
    assert [step.action for step in plan.steps] == ["enable sharding", *3 * ["shard collection"]]


def test_an_index_of_the_same_field_in_order_does_not_serve() -> None:
    plan = plan_sharding(database(structures=collection(10)))
    assert ShardStep("create index", STRUCTURES, BY_ID) in plan.steps


def test_a_new_database_has_its_documents_spread_from_the_first_on() -> None:
    plan = plan_sharding(FoundDatabase("courses", ["one"], {}))
    assert [step.collection for step in plan.steps] == [None, STRUCTURES, DEFINITIONS]
    assert {one.collection for one in plan.collections if one.state == "not there"} == {*WHOLE, CHUNKS}


def test_done_again_it_goes_on_where_it_was() -> None:
    """After every step that may have been the last one."""
    found = database(structures=collection(), definitions=collection(), blob_chunks=collection())
    every = plan_sharding(found).steps
    for done in range(len(every) + 1):
        left = plan_sharding(after(found, every[:done])).steps
        expected = every[max(done, 1) :]
        assert left == ([ShardStep("enable sharding"), *expected] if expected else []), every[:done]


def after(found: FoundDatabase, steps: Sequence[ShardStep]) -> FoundDatabase:
    """The database when these steps are done."""
    collections = dict(found.collections)
    for step in steps:
        if step.collection is None:
            continue
        one = collections[step.collection]
        if step.action == "create index":
            collections[step.collection] = replace(one, indexes=(*one.indexes, FoundIndex("new", step.key)))
        else:
            collections[step.collection] = replace(one, shard_key=step.key)
    return replace(found, collections=collections)


def test_what_is_sharded_otherwise_is_left_as_it_is() -> None:
    by_history = (("original_version", 1),)
    plan = plan_sharding(
        database(structures=collection(10, shard_key=by_history), definitions=collection(10, shard_key=BY_ID))
    )
    assert state(plan, DEFINITIONS) == "sharded"
    assert [one.collection for one in plan.refused] == [STRUCTURES]
    assert reason(plan, STRUCTURES) == "sharded by {original_version: 1} already, not by {_id: hashed}"
    assert {step.collection for step in plan.steps} == {None, CHUNKS}


@pytest.mark.parametrize("name", WHOLE)
def test_what_belongs_whole_and_is_not(name: str) -> None:
    found = database()
    sharded = {**found.collections, name: collection(10, shard_key=(("_id", 1),))}
    plan = plan_sharding(replace(found, collections=sharded))
    assert [one.collection for one in plan.refused] == [name]
    assert "belongs whole" in reason(plan, name)
    assert all(step.collection != name for step in plan.steps)


@pytest.mark.parametrize(
    ("index", "forbids"),
    [
        (FoundIndex("theirs", (("root", 1),), unique=True), True),
        (FoundIndex("theirs", (("root", 1), ("_id", 1)), unique=True), True),
        (FoundIndex("theirs", (("_id", 1), ("root", 1)), unique=True), False),
        (FoundIndex("theirs", (("root", 1),)), False),
    ],
)
def test_unique_indexes(index: FoundIndex, forbids: bool) -> None:
    plan = plan_sharding(database(structures=collection(10, index)))
    assert (state(plan, STRUCTURES) == "refused") is forbids
    assert ("theirs" in reason(plan, STRUCTURES)) is forbids
    assert any(step.collection == STRUCTURES for step in plan.steps) is not forbids


@pytest.mark.parametrize(
    ("shards", "obstacle"),
    [(None, "this server is no mongos"), ([], "the cluster has no shards yet")],
)
def test_where_nothing_can_be_sharded(shards: list[str] | None, obstacle: str) -> None:
    plan = plan_sharding(replace(database(structures=collection()), shards=shards))
    assert obstacle in str(plan.obstacle)
    assert list(plan.steps) == []
    assert state(plan, STRUCTURES) == "to shard", "what would be done is said all the same"


def test_our_own_indexes_and_shard_keys_can_be_together() -> None:
    """Those that `modulestore upgrade` makes."""
    for index in (index for step in load_steps() for index in step.indexes):
        placement = next((one for one in PLACEMENTS if one.collection == index.collection), None)
        assert placement is not None
        found = {index.collection: collection(10, FoundIndex(index.name, index.keys, index.unique))}
        assert plan_sharding(FoundDatabase("courses", ["one"], found)).refused == []


def test_keys_as_people_read_them() -> None:
    assert shown_keys(BY_ID) == "{_id: hashed}"
    assert shown_keys((("files_id", 1), ("n", 1))) == "{files_id: 1, n: 1}"
