"""For services that still hold a Motor database. Needs the extra ``motor``; nothing else of the library does.

Motor is past its end of life: new services hand in a database of pymongo's own ``AsyncMongoClient``.
"""

from __future__ import annotations

from typing import Any

from modulestore._async.store import AsyncStore
from modulestore.errors import ExtraMissing

try:
    from motor.motor_asyncio import AsyncIOMotorDatabase

    from modulestore._async.motor import open_motor
except ImportError as error:
    raise ExtraMissing(
        f"there is no way to a Motor database: {error}", hint="pip install 'modulestore[motor]'"
    ) from error

__all__ = ["connect_motor"]


async def connect_motor(database: AsyncIOMotorDatabase[dict[str, Any]]) -> AsyncStore:
    """A store on a database of the caller's Motor client, which the store leaves open. Never writes.

    Raises:
        StorageUnavailable: the server cannot be reached.
    """
    return AsyncStore(await open_motor(database))
