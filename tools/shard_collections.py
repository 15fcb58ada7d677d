"""Spread the collections of a course database over the shards of a MongoDB cluster.

Prints what it would do, and with ``--apply`` does it, step by step; done again it goes on where it was. Runs
as ``python tools/shard_collections.py URL`` or ``python -m tools.shard_collections URL``. Why these
keys is told in docs/scaling.md.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import typer
from pymongo import MongoClient

from modulestore.cli.failures import exit_code, report_failure
from modulestore.cli.output import counted, print_json
from modulestore.cli.tables import Column, print_table
from modulestore.errors import InvalidURL, ModuleStoreError
from modulestore.storage.mongo.errors import driver_errors
from modulestore.upkeep.sharding import (
    PLACEMENTS,
    CollectionPlan,
    FoundCollection,
    FoundDatabase,
    FoundIndex,
    Keys,
    ShardingPlan,
    ShardStep,
    plan_sharding,
    shown_keys,
)
from modulestore.upkeep.sizes import shown_bytes

__all__ = ["Run", "app", "apply_step", "look", "main"]

_DATABASE: Final = "edxapp"
_OWN: Final = frozenset({"writes", "format"})  # options of a store's URL that the driver does not know
_PATIENCE: Final = {"connectTimeoutMS": 5000, "serverSelectionTimeoutMS": 5000}
_PROBLEMS: Final = 6
_COLUMNS: Final = (Column(), Column(is_key=True), Column(), Column(), Column(least=20))

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


class Run(Protocol):
    """Runs a command on a database of the server, and gives its reply."""

    def __call__(self, database: str, command: Mapping[str, Any], /) -> Mapping[str, Any]: ...


@app.command()
def shard_collections(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The database, as a store's: mongodb://mongos/edxapp.")
    ],
    apply: Annotated[bool, typer.Option("--apply", help="Do it; else only say what would be done.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> int:
    """Say which collections of a database would be sharded, by what, and which not and why; or do it.

    Exit code 6 if something stands in the way: a server that is no mongos, a collection that is sharded
    otherwise already, a unique index. What is sharded otherwise is never touched.
    """
    plain, name = _parse_url(url)
    with driver_errors(), MongoClient[dict[str, Any]](plain) as client:

        def run(database: str, command: Mapping[str, Any]) -> Mapping[str, Any]:
            return client[database].command(dict(command))

        plan = plan_sharding(look(run, name))
        done: list[ShardStep] = []
        if not json:
            _print_plan(plan, apply)
        for step in plan.steps if apply else ():
            print(f"{_shown_step(step, name)} …", file=sys.stderr if json else sys.stdout, flush=True)
            apply_step(run, name, step)
            done.append(step)
        if done:
            plan = plan_sharding(look(run, name))
            if not json:
                print("done, and there is more to do by now: run it again" if plan.steps else "done")
    if json:
        print_json(_as_value(plan, done))
    return _PROBLEMS if plan.obstacle or plan.refused else 0


# --- the server


def look(run: Run, name: str) -> FoundDatabase:
    """What is there. A handful of commands for each collection; reads no documents of courses."""
    known = {"$in": [placement.collection for placement in PLACEMENTS]}
    listed = _batch(run(name, {"listCollections": 1, "filter": {"name": known}, "nameOnly": True}))
    is_router = run("admin", {"hello": 1}).get("msg") == "isdbgrid"
    shards, shard_keys = None, {}
    if is_router:
        shards = [str(shard["_id"]) for shard in run("admin", {"listShards": 1})["shards"]]
        shard_keys = _shard_keys(run, name)
    collections = {}
    for collection in (str(one["name"]) for one in listed):
        documents, size = _statistics(run, name, collection)
        indexes = _indexes(run, name, collection)
        collections[collection] = FoundCollection(documents, size, indexes, shard_keys.get(collection))
    return FoundDatabase(name, shards, collections)


def apply_step(run: Run, name: str, step: ShardStep) -> None:
    """Do one step. Done again it changes nothing."""
    key = dict(step.key)
    match step.action:
        case "enable sharding":
            run("admin", {"enableSharding": name})
        case "create index":
            index = {"key": key, "name": "_".join(f"{field}_{kind}" for field, kind in step.key)}
            run(name, {"createIndexes": step.collection, "indexes": [index]})
        case "shard collection":
            run("admin", {"shardCollection": f"{name}.{step.collection}", "key": key})


def _shard_keys(run: Run, name: str) -> dict[str, Keys]:
    names = {"$in": [f"{name}.{placement.collection}" for placement in PLACEMENTS]}
    # A collection that is whole and was moved to another shard is listed too, with a key that is none.
    wanted = {"_id": names, "dropped": {"$ne": True}, "unsplittable": {"$ne": True}}
    found = _batch(run("config", {"find": "collections", "filter": wanted}))
    return {str(one["_id"]).removeprefix(f"{name}."): tuple(one["key"].items()) for one in found}


def _statistics(run: Run, name: str, collection: str) -> tuple[int, int]:
    """Documents and bytes: as the server counts them, which is about right."""
    stage: dict[str, Any] = {"$collStats": {"storageStats": {}}}
    found = _batch(run(name, {"aggregate": collection, "pipeline": [stage], "cursor": {}}))
    by_shard = [one["storageStats"] for one in found]
    return sum(int(one["count"]) for one in by_shard), sum(int(one["size"]) for one in by_shard)


def _indexes(run: Run, name: str, collection: str) -> list[FoundIndex]:
    found = _batch(run(name, {"listIndexes": collection, "cursor": {"batchSize": 100}}))
    return [FoundIndex(str(one["name"]), tuple(one["key"].items()), bool(one.get("unique"))) for one in found]


def _batch(reply: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """All that was found: less than a batch of the server's."""
    found: Sequence[Mapping[str, Any]] = reply["cursor"]["firstBatch"]
    return found


def _parse_url(url: str) -> tuple[str, str]:
    """A URL for the driver, and the name of the database.

    Raises:
        InvalidURL: it is no database's.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("mongodb", "mongodb+srv"):
        raise InvalidURL(
            f"{parts.scheme or 'this'} is no MongoDB server", hint="for example mongodb://mongos:27017/edxapp"
        )
    options = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in _OWN]
    given = {name.lower() for name, _ in options}
    options += [(name, str(value)) for name, value in _PATIENCE.items() if name.lower() not in given]
    path = parts.path or "/"
    return urlunsplit(parts._replace(path=path, query=urlencode(options, safe=":/,"))), path.strip(
        "/"
    ) or _DATABASE


# --- what people and programs read


def _print_plan(plan: ShardingPlan, apply: bool) -> None:
    where = "no cluster" if plan.shards is None else f"a cluster of {counted(len(plan.shards), 'shard')}"
    print(f"database {plan.database}, {where}")
    rows = [
        (one.state, one.collection, counted(one.documents, "document"), shown_bytes(one.size), _remark(one))
        for one in plan.collections
        if one.state != "not there" and (one.documents or one.state != "stays whole")
    ]
    print_table(_COLUMNS, rows)
    if plan.obstacle:
        print(f"refused: {plan.obstacle}")
    elif not plan.steps:
        print("nothing to do")
    elif not apply:
        print("steps, with --apply:")
        print(*(f"  {_shown_step(step, plan.database)}" for step in plan.steps), sep="\n")


def _remark(one: CollectionPlan) -> str:
    by = f"by {shown_keys(one.key)}: " if one.key and one.state in ("to shard", "sharded") else ""
    return by + one.reason


def _shown_step(step: ShardStep, database: str) -> str:
    match step.action:
        case "enable sharding":
            return f"enable sharding of {database}"
        case "create index":
            return f"create the index {shown_keys(step.key)} of {step.collection}"
        case "shard collection":
            return f"shard {step.collection} by {shown_keys(step.key)}"


def _as_value(plan: ShardingPlan, done: Sequence[ShardStep]) -> dict[str, Any]:
    return {
        "database": plan.database,
        "shards": plan.shards,
        "obstacle": plan.obstacle,
        "collections": [
            {
                "name": one.collection,
                "state": one.state,
                "documents": one.documents,
                "bytes": one.size,
                "key": None if one.key is None else dict(one.key),
                "sharded_by": None if one.shard_key is None else dict(one.shard_key),
                "index": dict(one.index) or None,
                "reason": one.reason,
            }
            for one in plan.collections
        ],
        "steps": [_step_value(step) for step in plan.steps],
        "done": [_step_value(step) for step in done],
    }


def _step_value(step: ShardStep) -> dict[str, Any]:
    return {"action": step.action, "collection": step.collection, "key": dict(step.key) or None}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code: as of `modulestore`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return app(words, standalone_mode=False, prog_name="shard_collections") or 0
    except (ModuleStoreError, typer.TyperException) as error:
        report_failure(error, "modulestore", program="shard_collections", as_json="--json" in words)
        return exit_code(error)
    except (KeyboardInterrupt, typer.Abort):
        return 130


if __name__ == "__main__":
    sys.exit(main())
