"""Several writes as one, where the server can."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import ServerSelectionTimeoutError

from modulestore.errors import Conflict
from modulestore.storage.mongo.errors import driver_errors, mapped

__all__ = ["ClientTransactions", "NoTransactions", "Steps", "Transactions", "has_transactions"]

_TRIES = 5


def has_transactions(hello: Mapping[str, Any]) -> bool:
    """Whether a server that says this of itself has transactions: a member of a replica set, or a router."""
    return "setName" in hello or hello.get("msg") == "isdbgrid"


class Steps(Protocol):
    """Writes, each with the session that is given; called again when a transaction has to be begun anew."""

    async def __call__(self, session: AsyncClientSession | None, /) -> None: ...


class Transactions(ABC):
    """A way to do several writes."""

    async def write(self, steps: Steps, place: str) -> None:
        """Do the steps, with the library's own errors.

        Raises:
            Conflict: something of a unique name was there already, or somebody else made it meanwhile.
            StorageUnavailable, StorageFull, StorageError: the server failed.
        """

        async def once(session: AsyncClientSession | None) -> None:
            try:
                await steps(session)
                if session is not None:
                    await session.commit_transaction()
            except ServerSelectionTimeoutError as error:
                # The driver has waited for the server. At an error of its own it would go on for two minutes.
                raise mapped(error, place) from error

        with driver_errors(place):
            await self._run(once)

    async def write_alone(self, steps: Steps, place: str) -> None:
        """The same, from the beginning again if somebody else made something of one name in between."""
        for tries_left in reversed(range(_TRIES)):
            try:
                await self.write(steps, place)
            except Conflict:
                if not tries_left:
                    raise
            else:
                return

    @abstractmethod
    async def _run(self, steps: Steps) -> None: ...


class ClientTransactions(Transactions):
    """All steps in one transaction."""

    def __init__(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        self._client = client

    async def _run(self, steps: Steps) -> None:
        async with self._client.start_session() as session:
            await session.with_transaction(steps)


class NoTransactions(Transactions):
    """One step after the other."""

    async def _run(self, steps: Steps) -> None:
        await steps(None)
