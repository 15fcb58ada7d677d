"""Documents that are made if they are not there, or changed if they are, while others do the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from modulestore._async.mongo.collections import PlainCollection
from modulestore.storage.mongo.updates import Pipeline

__all__ = ["upsert_each"]

_TRIES: Final = 5
_FEW: Final = 10
_DUPLICATE: Final = 11000


async def upsert_each(
    collection: PlainCollection, new: Mapping[Any, Mapping[str, Any]], update: Callable[[Any], Pipeline]
) -> None:
    """Make documents by their ids, or change those that are there. One round trip for a few; three for many,
    of which the new ones are inserted: that is several times as fast.

    Args:
        new: what is stored if it is not there, without its ``_id``.
        update: what is done to it, by its id, if it is, and would make it too. Done again it changes nothing.
    """
    left = list(new)
    if len(left) > _FEW:
        found = await collection.find({"_id": {"$in": left}}, {"_id": 1}).to_list()
        there = {document["_id"] for document in found}
        made_meanwhile = await _insert(collection, {name: new[name] for name in left if name not in there})
        left = [*there, *made_meanwhile]
    updates = [UpdateOne({"_id": name}, update(name), upsert=True) for name in left]
    for tries_left in reversed(range(_TRIES)):
        if not updates:
            return
        try:
            await collection.bulk_write(updates, ordered=False)
        except BulkWriteError as error:
            # Two who upsert what is not there may both try to insert it: one of them hears that it is there.
            if not tries_left or not _is_duplicate(error):
                raise
        else:
            return


async def _insert(collection: PlainCollection, documents: Mapping[Any, Mapping[str, Any]]) -> Sequence[Any]:
    """Insert documents; ids of those that are there meanwhile."""
    if not documents:
        return []
    try:
        await collection.insert_many(
            [{"_id": name, **document} for name, document in documents.items()], ordered=False
        )
    except BulkWriteError as error:
        if not _is_duplicate(error):
            raise
        return [failure["op"]["_id"] for failure in error.details["writeErrors"]]
    return []


def _is_duplicate(error: BulkWriteError) -> bool:
    failures = error.details.get("writeErrors", [])
    concerns = error.details.get("writeConcernErrors", [])
    return not concerns and all(failure["code"] == _DUPLICATE for failure in failures)
