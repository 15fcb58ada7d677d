"""The application: its store, its routes, and the origin of files behind them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI

import modulestore
from learning_api import outline, units
from learning_api.files import CourseFiles
from learning_api.learners import Roster, authoriser
from learning_api.views import Views
from modulestore.observing import Observer
from modulestore.origin import origin
from service_kit.problems import answer_errors

__all__ = ["application", "create_app"]


def create_app() -> FastAPI:
    """The service on the store that the environment names, as the command takes it from there."""
    return application(
        os.environ.get("MODULESTORE_URL") or "sqlite:///modulestore.db",
        Roster.read(Path(os.environ.get("LEARNING_ROSTER") or Path(__file__).with_name("roster.json"))),
        cache=os.environ.get("MODULESTORE_CACHE") or None,
        cache_key=os.environ.get("MODULESTORE_CACHE_KEY") or None,
        files_at=os.environ.get("LEARNING_FILES_AT") or "",
    )


def application(
    url: str,
    roster: Roster,
    *,
    cache: str | None = None,
    cache_key: str | None = None,
    staleness: float = 5.0,
    files_at: str = "",
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    observe: Observer | None = None,
) -> FastAPI:
    """The service on a store.

    Args:
        url: of a store that is there.
        cache: ``memcached://host:port``, shared by all processes.
        cache_key: a secret that they share, against forged content in the cache.
        staleness: seconds after which learners see what another process has published, at the latest. Within
            them a request asks the database nothing about heads and files.
        files_at: where files are that everybody may see, as in ``https://cdn.example.com``.
        now: the clock that decides what has started.
        observe: is told what the store does, for metrics and logs.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        async with await modulestore.connect_async(
            url, must_exist=True, cache=cache, cache_key=cache_key, observe=observe
        ) as store:
            # Behind the routes, and at the root: links to locked files are paths of this site.
            app.mount("/", origin(store.assets, authorise=authoriser(roster)))
            files = CourseFiles(store.assets, staleness, at=files_at)
            views = Views(store, roster, staleness=staleness, now=now)
            yield {"store": store, "views": views, "files": files}

    app = FastAPI(title="Learning", lifespan=lifespan)
    answer_errors(app)
    app.include_router(outline.router)
    app.include_router(units.router)
    return app
