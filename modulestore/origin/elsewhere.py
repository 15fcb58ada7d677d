"""Files whose bytes others send: the server in front, or the storage that they lie in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote

from modulestore.model.files import CourseFile
from modulestore.origin.answers import Answer, refused
from modulestore.origin.headers import NEVER_STORED, access_headers
from modulestore.origin.sources import ObjectSource

__all__ = ["Elsewhere", "SentByFront", "SentByStorage"]


class Elsewhere(Protocol):
    """A way of having a file sent by somebody else."""

    async def answer(self, file: CourseFile, method: str, headers: Mapping[str, str]) -> Answer | None:
        """What to answer to who may have the file; None if it has to be sent from here.

        Args:
            headers: that go with the file.
        """


class SentByFront:
    """A web server in front is told by ``X-Accel-Redirect`` what to send; the client does not see it."""

    def __init__(self, source: ObjectSource, prefix: str) -> None:
        """Answers for such a server.

        Args:
            prefix: path under which it finds the objects, and which clients cannot ask for.
        """
        self._source = source
        self._prefix = prefix.rstrip("/")

    async def answer(self, file: CourseFile, method: str, headers: Mapping[str, str]) -> Answer | None:
        """The headers of the file, and where the server finds its bytes. It sees to ranges itself."""
        name = await self._source.object_name(file)
        if name is None:
            return None
        # It would say this twice.
        kept = {header: value for header, value in headers.items() if header != "Accept-Ranges"}
        return Answer(200, {**kept, "X-Accel-Redirect": f"{self._prefix}/{quote(name)}"})


class SentByStorage:
    """The client is sent to the object storage, with a URL that is good for a while."""

    def __init__(self, source: ObjectSource, seconds: int) -> None:
        self._source = source
        self._seconds = seconds

    async def answer(self, file: CourseFile, method: str, headers: Mapping[str, str]) -> Answer | None:
        """A redirection that nobody keeps. Such URLs are good for GET alone."""
        url = await self._source.signed_url(file, self._seconds, headers) if method == "GET" else None
        if url is None:
            return None
        access = access_headers(file) | NEVER_STORED
        return refused(307, "the file is there", {**access, "Location": url})
