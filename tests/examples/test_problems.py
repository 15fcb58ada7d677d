"""Which status each error of the library is answered with."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from modulestore import errors
from service_kit.problems import answer_errors, status_of
from tests.origin.servers import running

STATUSES = {
    errors.InvalidInput: 422,
    errors.InvalidKey: 422,
    errors.InvalidAuthor: 422,
    errors.InvalidURL: 422,
    errors.InvalidArchive: 422,
    errors.InvalidCourse: 422,
    errors.DocumentTooLarge: 413,
    errors.ReadOnlyStore: 403,
    errors.ExtraMissing: 500,
    errors.NotFound: 404,
    errors.StoreNotFound: 404,
    errors.CourseNotFound: 404,
    errors.BranchNotFound: 404,
    errors.VersionNotFound: 404,
    errors.BlockNotFound: 404,
    errors.DefinitionNotFound: 500,
    errors.AssetNotFound: 404,
    errors.NotPublished: 404,
    errors.Conflict: 409,
    errors.CourseExists: 409,
    errors.BlockExists: 409,
    errors.AssetExists: 409,
    errors.HeadMoved: 409,
    errors.CommitContention: 503,
    errors.EditConflict: 409,
    errors.StorageError: 503,
    errors.StorageUnavailable: 503,
    errors.StorageFull: 507,
    errors.UnknownFormat: 503,
    errors.CommitUnknown: 503,
    errors.CorruptDocument: 500,
    errors.ProblemsFound: 500,
    errors.ModuleStoreError: 500,
}


def test_every_error_has_its_status() -> None:
    kinds = {getattr(errors, name) for name in errors.__all__}
    assert kinds == STATUSES.keys()
    # Some want more than a message; which status it is depends on the class alone.
    assert {kind: status_of(kind.__new__(kind)) for kind in kinds} == STATUSES


def test_what_is_told_of_an_error(caplog: pytest.LogCaptureFixture) -> None:
    raised: list[Exception] = []
    app = FastAPI()
    answer_errors(app)

    @app.get("/")
    async def fail() -> None:
        raise raised[-1]

    def answer(error: Exception) -> httpx.Response:
        raised.append(error)
        found = httpx.get(f"http://127.0.0.1:{server.port}/")
        assert found.headers["content-type"] == "application/problem+json"
        return found

    with running(app) as server:
        told = answer(errors.BlockNotFound("there is no block a/b", place="course", hint="look elsewhere"))
        assert told.json() == {
            "title": "Not Found",
            "status": 404,
            "detail": "there is no block a/b",
            "code": "block-not-found",
            "place": "course",
            "hint": "look elsewhere",
        }
        away = answer(errors.StorageUnavailable("no answer from db-7.internal", place="db-7.internal"))
        assert away.json() == {"title": "Service Unavailable", "status": 503, "code": "unavailable"}
        assert away.headers["retry-after"] == "5"
        assert "db-7.internal" in caplog.text
        # Whether it was done nobody knows: to do it again may do it twice.
        assert "retry-after" not in answer(errors.CommitUnknown("it went away")).headers
        assert "retry-after" in answer(errors.CommitContention("others kept on")).headers
