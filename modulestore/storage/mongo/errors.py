"""The one place where errors of the MongoDB driver become ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from bson.errors import BSONError, InvalidBSON
from pymongo import errors

from modulestore.errors import (
    Conflict,
    CorruptDocument,
    DocumentTooLarge,
    InvalidInput,
    InvalidURL,
    ModuleStoreError,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from modulestore.storage.documents import MAX_DOCUMENT

__all__ = ["driver_errors", "mapped"]

_TOO_LARGE = {10334, 17419, 17420}  # BSONObjectTooLarge, and an update that would make a document too large
_FULL = {14031, 12501}  # OutOfDiskSpace; quota exceeded, on hosted servers
_REFUSED = {13, 18, 8000}  # Unauthorized, AuthenticationFailed, AtlasError
# What a server says while it starts, stops, elects, loses shards, gives up, or wants to be asked again.
_PASSING = {6, 7, 24, 43, 50, 64, 89, 91, 100, 112, 133, 134, 189, 202, 234, 251, 262, 317, 384, 9001}
_PASSING |= {10107, 11600, 11601, 11602, 13435, 13436}
_UNREACHABLE_HINT = "is the server running, and is the URL right?"


@contextmanager
def driver_errors(place: str | None = None) -> Iterator[None]:
    """Errors of the driver become ours; ``place`` is what was being worked on."""
    try:
        yield
    except (errors.PyMongoError, BSONError, UnicodeError, OverflowError, OSError) as error:
        raise mapped(error, place) from error


def mapped(error: Exception, place: str | None = None) -> ModuleStoreError:
    """Our error for one of the driver's."""
    if isinstance(error, (errors.ConfigurationError, errors.InvalidURI)):
        hint = "for example mongodb://localhost:27017/edxapp"
        return InvalidURL(f"this URL cannot be used: {error}", place=place, hint=hint)
    if isinstance(error, InvalidBSON):
        return CorruptDocument(f"unreadable document: {error}", place=place)
    if isinstance(error, (errors.DocumentTooLarge,)):
        return _too_large(error, place)
    if isinstance(error, (BSONError, UnicodeError, OverflowError)):
        return InvalidInput(f"this cannot be stored: {error}", place=place)
    if isinstance(error, errors.InvalidOperation):
        return StorageUnavailable("the store is closed", place=place, hint="open the store again")
    if isinstance(error, errors.DuplicateKeyError):
        return Conflict("it is there already", place=place)
    if isinstance(error, errors.BulkWriteError):
        return _of_bulk(error, place)
    if isinstance(error, errors.OperationFailure):
        return _of_code(error.code, error, place)
    if isinstance(error, (errors.ConnectionFailure, OSError)):
        return StorageUnavailable(
            f"the database cannot be reached: {_short(error)}", place=place, hint=_UNREACHABLE_HINT
        )
    return StorageError(_short(error), place=place)


def _of_bulk(error: errors.BulkWriteError, place: str | None) -> ModuleStoreError:
    details = error.details or {}
    failures = [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
    codes = [failure.get("code") for failure in failures]
    # A full disk says more about what to do than what it led to.
    telling = next((code for code in codes if code in _FULL), codes[0] if codes else None)
    if details.get("writeConcernErrors") and telling not in _FULL:
        return _not_acknowledged(error, place)
    return _of_code(telling, error, place)


def _of_code(code: int | None, error: errors.OperationFailure, place: str | None) -> ModuleStoreError:
    if code in _FULL:
        return StorageFull("the server's disk is full", place=place, hint="free some space, then try again")
    if code in _TOO_LARGE:
        return _too_large(error, place)
    if code in _REFUSED:
        hint = "check the user, the password and the roles of the user in the URL"
        return StorageUnavailable(f"the server refuses: {_short(error)}", place=place, hint=hint)
    if isinstance(error, errors.WTimeoutError):
        return _not_acknowledged(error, place)
    passing = code in _PASSING or error.has_error_label("TransientTransactionError")
    if passing or error.has_error_label("RetryableWriteError"):
        return StorageUnavailable(
            f"the server cannot answer now: {_short(error)}", place=place, hint="try again"
        )
    if code == 11000:
        return Conflict("it is there already", place=place)
    return StorageError(_short(error), place=place)


def _not_acknowledged(error: Exception, place: str | None) -> ModuleStoreError:
    return StorageUnavailable(
        f"the write was not acknowledged by enough members: {_short(error)}",
        place=place,
        hint="look at the state of the replica set; the write may have been done",
    )


def _too_large(error: Exception, place: str | None) -> ModuleStoreError:
    return DocumentTooLarge(_short(error), size=0, limit=MAX_DOCUMENT, place=place)


def _short(error: Exception) -> str:
    # The driver appends the whole reply, or the state of every server that it knows, and says behind each
    # how long it was waited for.
    text = str(error).partition(", full error:")[0].partition(", Timeout:")[0]
    text = re.sub(r" \(configured timeouts: [^)]*\)", "", text)
    return text if len(text) <= 300 else text[:299] + "…"
