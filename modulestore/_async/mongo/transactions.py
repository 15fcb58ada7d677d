"""Several writes as one, where the server can."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession

__all__ = ["ClientTransactions", "NoTransactions", "Steps", "Transactions", "has_transactions"]


def has_transactions(hello: Mapping[str, Any]) -> bool:
    """Whether a server that says this of itself has transactions: a member of a replica set, or a router."""
    return "setName" in hello or hello.get("msg") == "isdbgrid"


class Steps(Protocol):
    """Writes, each with the session that is given; called again when a transaction has to be begun anew."""

    async def __call__(self, session: AsyncClientSession | None, /) -> None: ...


class Transactions(ABC):
    """A way to do several writes."""

    @abstractmethod
    async def run(self, steps: Steps) -> None:
        """Do the steps."""


class ClientTransactions(Transactions):
    """All steps in one transaction."""

    def __init__(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        self._client = client

    async def run(self, steps: Steps) -> None:
        async with self._client.start_session() as session:
            await session.with_transaction(steps)


class NoTransactions(Transactions):
    """One step after the other."""

    async def run(self, steps: Steps) -> None:
        await steps(None)
