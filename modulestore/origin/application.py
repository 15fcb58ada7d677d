"""The application: which answer a request gets, and in which order that is found out."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeAlias
from urllib.parse import quote

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from modulestore.errors import AssetNotFound, Conflict, InvalidKey, ModuleStoreError, StorageError
from modulestore.keys import AssetKey, CourseKey
from modulestore.model.files import CourseFile
from modulestore.origin.answers import Answer, content, moved, refused, unsatisfiable
from modulestore.origin.chunks import Chunks
from modulestore.origin.conditions import Outcome, precondition, range_applies, validators_of
from modulestore.origin.elsewhere import Elsewhere, SentByFront, SentByStorage
from modulestore.origin.headers import (
    NEVER_STORED,
    access_headers,
    file_headers,
    preflight_headers,
    without_content,
)
from modulestore.origin.ranges import requested_parts
from modulestore.origin.sending import Exchange, pieces
from modulestore.origin.sources import ObjectSource, Source
from modulestore.origin.urls import AssetPath, asset_path, parse_asset_path

__all__ = ["HEALTH_PATH", "Authorise", "origin"]

_log = logging.getLogger("modulestore.origin")

Authorise: TypeAlias = Callable[[Request, CourseFile], Awaitable[bool]]
"""Decides whether a locked file may be read by who sent a request. It is asked each time."""

HEALTH_PATH = "/healthz"
"""Answers 200 while the database does, else 503."""

_METHODS = "GET, HEAD, OPTIONS"
_NO_FILE = AssetKey(CourseKey("health", "health", "health"), "health")
_LATER = {"Retry-After": "5", **NEVER_STORED}
_IN_QUERIES = "/:@!$&'()*+,;=~?%"


def origin(
    source: Source,
    *,
    authorise: Authorise | None = None,
    max_age: int = 300,
    cache_bytes: int = 32 * 1024 * 1024,
    accel_prefix: str | None = None,
    redirect_seconds: int | None = None,
    now: Callable[[], datetime] | None = None,
) -> ASGIApp:
    """An ASGI application that serves the files of courses, from wherever it is mounted.

    What it answers with is in the pages on serving; the forms of paths are in `modulestore.keys.asset_urls`.

    Args:
        source: where the files are.
        authorise: who may read locked files; without it, nobody.
        max_age: seconds for which caches may keep what was asked for without a digest.
        cache_bytes: bytes of files that stay at hand in the process.
        accel_prefix: path under which a web server in front finds the objects of the source: it is told by
            ``X-Accel-Redirect`` to send them.
        redirect_seconds: how long the URLs of objects are good that clients are redirected to.
        now: the clock; aware. Default: the machine's.

    Raises:
        ValueError: ``accel_prefix`` and ``redirect_seconds`` are given both, or the source has no objects.
    """
    if accel_prefix is not None and redirect_seconds is not None:
        raise ValueError("objects are sent by the server in front or by their storage: give one of the two")
    elsewhere: Elsewhere | None = None
    if accel_prefix is not None or redirect_seconds is not None:
        if not isinstance(source, ObjectSource):
            raise ValueError("the source has no objects that others could send")
        if accel_prefix is not None:
            elsewhere = SentByFront(source, accel_prefix)
        elif redirect_seconds is not None:
            elsewhere = SentByStorage(source, redirect_seconds)
    clock = now or (lambda: datetime.now(UTC))
    return _Origin(source, authorise, max_age, Chunks(source, cache_bytes), elsewhere, clock)


class _Origin:
    def __init__(
        self,
        source: Source,
        authorise: Authorise | None,
        max_age: int,
        chunks: Chunks,
        elsewhere: Elsewhere | None,
        now: Callable[[], datetime],
    ) -> None:
        self._source = source
        self._authorise = authorise
        self._max_age = max_age
        self._chunks = chunks
        self._elsewhere = elsewhere
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"files are served by HTTP, not by {scope['type']}")
        exchange = Exchange(scope, receive, send)
        try:
            await self._exchange(Request(scope), exchange)
        finally:
            exchange.log()

    async def _exchange(self, request: Request, exchange: Exchange) -> None:
        try:
            answer = await self._answer(request, exchange)
            await exchange.answer(answer, pieces(answer, self._chunks))
        except ModuleStoreError as error:
            if exchange.started:
                # Nothing can be said any more. The server closes the connection, and the client misses bytes.
                _log.warning("broken off: %s", error)
                raise
            answer = _failed(error)
            await exchange.answer(answer, pieces(answer, self._chunks))

    async def _answer(self, request: Request, exchange: Exchange) -> Answer:
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            return refused(405, "files can be read only", {"Allow": _METHODS, **NEVER_STORED})
        path = _path_here(request.scope)
        if path == HEALTH_PATH:
            await self._source.get(_NO_FILE)
            return refused(200, "ok")
        try:
            wanted = parse_asset_path(path)
        except InvalidKey as error:
            return refused(400, error.message)
        file = None if wanted is None else await self._source.get(wanted.key)
        if wanted is None or file is None:
            return refused(404, "there is no such file")
        if request.method == "OPTIONS":
            return Answer(204, preflight_headers(file, _METHODS))
        # Before anything else is said of it: whoever may not read it learns neither digest nor length.
        if file.locked and (self._authorise is None or not await self._authorise(request, file)):
            exchange.shown_path = asset_path(file)
            return refused(403, "this file is not for everybody", access_headers(file))
        return await self._file(request, file, wanted)

    async def _file(self, request: Request, file: CourseFile, wanted: AssetPath) -> Answer:
        """The answer to who may read the file."""
        if wanted.digest is not None and wanted.digest != file.md5:
            return moved(file, _root(request.scope), quote(request.scope["query_string"], safe=_IN_QUERIES))
        now = self._now()
        asked = _headers(request)
        validators = validators_of(file, now)
        versioned = wanted.digest is not None
        headers = file_headers(file, validators, versioned=versioned, max_age=self._max_age)
        outcome = precondition(asked, validators, now)
        if outcome is Outcome.NOT_MODIFIED:
            return Answer(304, without_content(headers))
        if outcome is Outcome.FAILED:
            return refused(412, "the file is not what it was taken for", access_headers(file) | NEVER_STORED)
        if self._elsewhere is not None:
            there = await self._elsewhere.answer(file, request.method, headers)
            if there is not None:
                return there
        wants_parts = request.method == "GET" and range_applies(asked, validators, now)
        parts = requested_parts(asked.get("range"), file.length) if wants_parts else None
        if parts == ():
            return unsatisfiable(file, headers)
        return content(file, headers, parts, secrets.token_hex(16))


def _failed(error: ModuleStoreError) -> Answer:
    """What to say when the file cannot be had, as long as nothing was said."""
    if isinstance(error, AssetNotFound):
        return refused(404, "there is no such file")
    if isinstance(error, Conflict | StorageError):
        _log.warning("%s", error)
        return refused(503, "the file cannot be read at the moment", _LATER)
    _log.error("%s", error)
    return refused(500, "the file cannot be read")


def _path_here(scope: Scope) -> str:
    """What was asked for, seen from the place where the origin is mounted."""
    path: str = scope["path"]
    root = scope.get("root_path", "").rstrip("/")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def _root(scope: Scope) -> str:
    return quote(scope.get("root_path", "").rstrip("/"), safe="/:@+")


def _headers(request: Request) -> dict[str, str]:
    """Request headers by lower-case name."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
