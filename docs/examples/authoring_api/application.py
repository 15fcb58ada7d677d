"""The application: its store, which lives as long as it does, and its routes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

import modulestore
from authoring_api import blocks, conflicts, edits, publication, versions
from modulestore.observing import Observer
from service_kit.dependencies import OpenStore
from service_kit.problems import answer_errors

__all__ = ["application", "create_app"]


def create_app() -> FastAPI:
    """The service on the store that the environment names, as the command takes it from there."""
    return application(
        os.environ.get("MODULESTORE_URL") or "sqlite:///modulestore.db",
        cache=os.environ.get("MODULESTORE_CACHE") or None,
        cache_key=os.environ.get("MODULESTORE_CACHE_KEY") or None,
    )


def application(
    url: str, *, cache: str | None = None, cache_key: str | None = None, observe: Observer | None = None
) -> FastAPI:
    """The service on a store.

    Args:
        url: of a store that is there.
        cache: ``memcached://host:port``, shared with the learning service.
        cache_key: a secret that they share, against forged content in the cache.
        observe: is told what the store does, for metrics and logs.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        # What is yielded is in the `state` of every request. The server leaves this block when it was asked
        # to end and the requests that were under way are answered.
        async with await modulestore.connect_async(
            url, must_exist=True, cache=cache, cache_key=cache_key, observe=observe
        ) as store:
            yield {"store": store}

    app = FastAPI(title="Authoring", lifespan=lifespan)
    answer_errors(app)
    for module in (blocks, edits, publication, versions, conflicts):
        app.include_router(module.router)
    app.add_api_route("/healthz", health)
    return app


async def health(store: OpenStore) -> str:
    """Whether the service can work: 503 while the database cannot be reached."""
    await store.ping()
    return "ok"
