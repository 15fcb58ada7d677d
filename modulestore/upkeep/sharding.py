"""How the collections of a database are spread over the shards of a MongoDB cluster, as values.

What is large, never changes and is asked for by id is spread by the hash of its id. What is small and decides
(the index, the records, what files there are) stays whole, together on one shard: see
docs/decisions/0030-shard-keys.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

__all__ = [
    "BY_ID",
    "PLACEMENTS",
    "CollectionPlan",
    "FoundCollection",
    "FoundDatabase",
    "FoundIndex",
    "Keys",
    "Placement",
    "ShardState",
    "ShardStep",
    "ShardingPlan",
    "plan_sharding",
    "shown_keys",
]

Keys: TypeAlias = tuple[tuple[str, int | float | str], ...]
"""Fields in order, each with its direction or what kind of index it is: of an index, or of a shard key."""

ShardState = Literal["to shard", "sharded", "stays whole", "not there", "refused"]
"""``stays whole`` and ``not there`` need nothing; ``refused`` is left as it is: somebody has to look."""

BY_ID: Final[Keys] = (("_id", "hashed"),)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a collection belongs.

    Attributes:
        key: what it is to be sharded by; None: not at all.
        why: the reason, in a sentence.
        in_every_database: it is sharded before there is anything in it; others when they are there.
    """

    collection: str
    key: Keys | None
    why: str
    in_every_database: bool = False


_SWAPPED = "a head is moved by one statement, and (org, course, run) is unique: no one key serves both"
_DECIDES = "small, and what may be deleted is decided by it and the index, on one shard"
_GRIDFS = "files_id changes when an upload becomes a file, and a shard key cannot change in many documents"

PLACEMENTS: Final[Sequence[Placement]] = (
    Placement(
        "modulestore.structures",
        BY_ID,
        "large; written once, read by id; the ids of one time would all go to one shard",
        in_every_database=True,
    ),
    Placement(
        "modulestore.definitions",
        BY_ID,
        "large; written once, read by ids, many at a time",
        in_every_database=True,
    ),
    Placement("modulestore.blob_chunks", BY_ID, "the bytes of files; written once, read by ids"),
    Placement("modulestore.active_versions", None, _SWAPPED),
    Placement("modulestore.records", None, _DECIDES),
    Placement("modulestore.files", None, _DECIDES),
    Placement("modulestore.blobs", None, _DECIDES),
    Placement("fs.files", None, "small: one document for each file"),
    Placement("fs.chunks", None, _GRIDFS),
    Placement("trash_fs.files", None, "small: one document for each file"),
    Placement("trash_fs.chunks", None, _GRIDFS),
    Placement("modulestore", None, "the platform's older store: only read here, course by course"),
)
"""Every collection that the library knows."""


@dataclass(frozen=True, slots=True)
class FoundIndex:
    """An index that a collection has."""

    name: str
    keys: Keys
    unique: bool = False


@dataclass(frozen=True, slots=True)
class FoundCollection:
    """A collection as it is.

    Attributes:
        documents, size: how many there are, and their bytes, over all shards.
        shard_key: what it is sharded by; None: it is whole.
    """

    documents: int
    size: int
    indexes: Sequence[FoundIndex] = ()
    shard_key: Keys | None = None


@dataclass(frozen=True, slots=True)
class FoundDatabase:
    """A database as it is.

    Attributes:
        shards: names of the shards of its cluster; None: the server is no router of a cluster.
        collections: those that are there, by name.
    """

    name: str
    shards: Sequence[str] | None
    collections: Mapping[str, FoundCollection]


@dataclass(frozen=True, slots=True)
class ShardStep:
    """One thing to do.

    Attributes:
        collection: None: it is about the database.
        key: of the index, or the shard key.
    """

    action: Literal["enable sharding", "create index", "shard collection"]
    collection: str | None = None
    key: Keys = ()


@dataclass(frozen=True, slots=True)
class CollectionPlan:
    """What is to become of one collection, and why.

    Attributes:
        documents, size: what is in it; 0 if it is not there.
        key: what it belongs sharded by; None: it belongs whole.
        shard_key: what it is sharded by.
        index: what it has to be given first: an index of these fields; empty: nothing.
    """

    collection: str
    state: ShardState
    reason: str
    documents: int = 0
    size: int = 0
    key: Keys | None = None
    shard_key: Keys | None = None
    index: Keys = ()


@dataclass(frozen=True, slots=True)
class ShardingPlan:
    """What is to become of a database.

    Attributes:
        obstacle: why nothing can be done here at all.
        collections: in the order of `PLACEMENTS`.
        steps: in order. Whatever stands after one that fails can be done later, by a new plan.
    """

    database: str
    shards: Sequence[str] | None
    obstacle: str | None
    collections: Sequence[CollectionPlan]
    steps: Sequence[ShardStep]

    @property
    def refused(self) -> list[CollectionPlan]:
        """Collections that are left as they are, though they should not be so."""
        return [one for one in self.collections if one.state == "refused"]


def plan_sharding(found: FoundDatabase) -> ShardingPlan:
    """What is to be done with a database. Where nothing is left to do there are no steps."""
    plans = [
        _plan_collection(placement, found.collections.get(placement.collection)) for placement in PLACEMENTS
    ]
    obstacle = None
    if found.shards is None:
        obstacle = "this server is no mongos, and only the mongos of a cluster can shard"
    elif not found.shards:
        obstacle = "the cluster has no shards yet"
    steps = [] if obstacle else _steps(plans)
    return ShardingPlan(found.name, found.shards, obstacle, plans, steps)


def _plan_collection(placement: Placement, found: FoundCollection | None) -> CollectionPlan:
    plan = CollectionPlan(placement.collection, "not there", "", key=placement.key)
    if found is None and (placement.key is None or not placement.in_every_database):
        return replace(plan, reason="it is looked at when there is something in it")
    if found is None:
        return replace(plan, state="to shard", reason=placement.why)
    plan = replace(plan, documents=found.documents, size=found.size, shard_key=found.shard_key)
    if found.shard_key is not None:
        return _already(plan, placement)
    if placement.key is None:
        return replace(plan, state="stays whole", reason=placement.why)
    if forbidding := [index.name for index in found.indexes if _forbids(index, placement.key)]:
        names = ", ".join(forbidding)
        return replace(
            plan, state="refused", reason=f"not with a unique index that does not begin with the key: {names}"
        )
    # The server makes it by itself where there is nothing yet.
    has_index = not found.documents or any(_begins(index.keys, placement.key) for index in found.indexes)
    return replace(plan, state="to shard", reason=placement.why, index=() if has_index else placement.key)


def _already(plan: CollectionPlan, placement: Placement) -> CollectionPlan:
    if plan.shard_key == placement.key:
        return replace(plan, state="sharded", reason=placement.why)
    keys = shown_keys(plan.shard_key or ())
    if placement.key is None:
        return replace(plan, state="refused", reason=f"sharded by {keys}, and belongs whole: {placement.why}")
    return replace(
        plan, state="refused", reason=f"sharded by {keys} already, not by {shown_keys(placement.key)}"
    )


def _steps(plans: Sequence[CollectionPlan]) -> list[ShardStep]:
    steps: list[ShardStep] = []
    for plan in plans:
        if plan.state != "to shard" or plan.key is None:
            continue
        if not steps:
            steps.append(ShardStep("enable sharding"))
        if plan.index:
            steps.append(ShardStep("create index", plan.collection, plan.index))
        steps.append(ShardStep("shard collection", plan.collection, plan.key))
    return steps


def _forbids(index: FoundIndex, key: Keys) -> bool:
    """Whether a unique index and a shard key cannot be together: no shard could see to it alone."""
    fields = [field for field, _ in key]
    return index.unique and [field for field, _ in index.keys[: len(fields)]] != fields


def _begins(keys: Keys, key: Keys) -> bool:
    return keys[: len(key)] == key


def shown_keys(keys: Keys) -> str:
    """``{_id: hashed}``."""
    return "{" + ", ".join(f"{field}: {kind}" for field, kind in keys) + "}"
