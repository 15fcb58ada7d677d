"""Errors as answers: the one place that says which error is which status.

Routes raise what the library raises. Bodies are those of RFC 9457, ``application/problem+json``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from modulestore.errors import (
    CommitContention,
    Conflict,
    DefinitionNotFound,
    DocumentTooLarge,
    EditConflict,
    ExtraMissing,
    InvalidInput,
    ModuleStoreError,
    NotFound,
    ReadOnlyStore,
    StorageError,
    StorageFull,
    StorageUnavailable,
)

__all__ = ["answer_errors", "status_of"]

_log = logging.getLogger(__name__)

# The first that an error is one of; what is none of them is our fault.
_STATUSES: tuple[tuple[type[ModuleStoreError], HTTPStatus], ...] = (
    (ReadOnlyStore, HTTPStatus.FORBIDDEN),
    (DocumentTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (ExtraMissing, HTTPStatus.INTERNAL_SERVER_ERROR),  # what the service is installed without
    (InvalidInput, HTTPStatus.UNPROCESSABLE_ENTITY),
    (DefinitionNotFound, HTTPStatus.INTERNAL_SERVER_ERROR),  # a damaged database
    (NotFound, HTTPStatus.NOT_FOUND),
    (CommitContention, HTTPStatus.SERVICE_UNAVAILABLE),
    (Conflict, HTTPStatus.CONFLICT),
    (StorageFull, HTTPStatus.INSUFFICIENT_STORAGE),
    (StorageError, HTTPStatus.SERVICE_UNAVAILABLE),
)

# Nothing was written: the same request may be sent again. Not so after a `CommitUnknown`.
_TRY_AGAIN = (CommitContention, StorageUnavailable)


def status_of(error: ModuleStoreError) -> HTTPStatus:
    """The status that an error of the library is answered with."""
    found = (status for kind, status in _STATUSES if isinstance(error, kind))
    return next(found, HTTPStatus.INTERNAL_SERVER_ERROR)


def answer_errors(app: FastAPI) -> None:
    """Let an application answer errors with problem details."""
    app.add_exception_handler(ModuleStoreError, _of_library)
    app.add_exception_handler(RequestValidationError, _of_request)
    app.add_exception_handler(HTTPException, _of_http)


async def _of_library(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ModuleStoreError)
    status = status_of(error)
    headers = {"Retry-After": "5"} if isinstance(error, _TRY_AGAIN) else None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # What went wrong inside is for our log: it may name servers.
        _log.error("%s %s: %s", request.method, request.url.path, error)
        return _problem(status, {"code": error.code}, headers)
    more: dict[str, Any] = {"code": error.code, "place": error.place, "hint": error.hint}
    if isinstance(error, EditConflict):
        more |= {"hint": "decide, item by item", "conflict": error.conflict.as_json()}
    return _problem(status, {"detail": error.message, **more}, headers)


async def _of_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = "/".join(map(str, first["loc"]))
    more = {"code": "invalid", "place": place, "hint": "/docs says what requests look like"}
    return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, {"detail": first["msg"], **more})


async def _of_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _problem(HTTPStatus(error.status_code), {"detail": error.detail}, error.headers)


def _problem(
    status: HTTPStatus, members: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> JSONResponse:
    body = {"title": status.phrase, "status": status.value, **members}
    return JSONResponse(body, status, headers, media_type="application/problem+json")
