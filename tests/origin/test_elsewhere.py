"""Files whose bytes the server in front sends, or the storage that they lie in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from starlette.requests import Request

from modulestore.model.files import CourseFile
from modulestore.origin import asset_path, origin
from tests.origin.client import fetch
from tests.origin.servers import running
from tests.origin.sources import Imagined, imagined_bytes

MB = 1024 * 1024


@dataclass(slots=True)
class Objects(Imagined):
    """A source whose file lies in an object storage, or does not."""

    there: bool = True

    async def object_name(self, file: CourseFile, /) -> str | None:
        """Its name."""
        return f"blobs/{file.sha256} é" if self.there else None

    async def signed_url(self, file: CourseFile, seconds: int, headers: Mapping[str, str], /) -> str | None:
        """Its URL."""
        url = f"https://storage.example/{file.sha256}?for={seconds}&type={headers['Content-Type']}"
        return url if self.there else None


async def authorise(request: Request, file: CourseFile) -> bool:
    """Who has the cookie."""
    return "session" in request.cookies


def test_the_server_in_front_sends_it() -> None:
    source = Objects(MB)
    path = asset_path(source.file)
    with running(origin(source, authorise=authorise, accel_prefix="/internal/")) as server:
        for method in ("GET", "HEAD"):
            reply = fetch(server.port, path, method, {"Range": "bytes=0-9"})
            assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "0")
            assert reply.headers["x-accel-redirect"] == f"/internal/blobs/{source.file.sha256}%20%C3%A9"
            assert reply.headers["content-type"] == "video/mp4"
            assert reply.headers["cache-control"] == "public, max-age=300"
        tag = reply.headers["etag"]
        assert fetch(server.port, path, headers={"If-None-Match": tag}).status == 304
        source.locked = True
        refused = fetch(server.port, path)
        assert refused.status == 403
        assert "x-accel-redirect" not in refused.headers
        allowed = fetch(server.port, path, headers={"Cookie": "session=1"})
        assert allowed.headers["cache-control"] == "private, no-store"
        assert "x-accel-redirect" in allowed.headers
        assert not source.asked, "no byte goes through the origin"
        source.there = False
        assert fetch(server.port, path, headers={"Cookie": "session=1"}).body == imagined_bytes(0, MB)


def test_the_storage_sends_it() -> None:
    source = Objects(MB)
    path = asset_path(source.file, versioned=True)
    with running(origin(source, authorise=authorise, redirect_seconds=60)) as server:
        reply = fetch(server.port, path)
        assert reply.status == 307
        assert (
            reply.headers["location"] == f"https://storage.example/{source.file.sha256}?for=60&type=video/mp4"
        )
        assert reply.headers["cache-control"] == "no-store", "the place is good for a minute, not for a year"
        assert reply.headers["access-control-allow-origin"] == "*"
        assert fetch(server.port, path, "HEAD").headers["content-length"] == str(MB)
        source.locked = True
        refused = fetch(server.port, path)
        assert refused.status == 403
        assert "location" not in refused.headers
        assert fetch(server.port, path, headers={"Cookie": "session=1"}).status == 307
        source.there = False
        assert fetch(server.port, path, headers={"Cookie": "session=1"}).body == imagined_bytes(0, MB)


def test_what_cannot_be_meant() -> None:
    with pytest.raises(ValueError, match="give one of the two"):
        origin(Objects(MB), accel_prefix="/internal", redirect_seconds=60)
    with pytest.raises(ValueError, match="no objects"):
        origin(Imagined(MB), redirect_seconds=60)
