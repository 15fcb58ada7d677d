"""The files of courses: links in content become URLs."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Annotated, TypeAlias, TypeVar

from fastapi import Depends
from starlette.requests import Request

from modulestore import AsyncAssets, StaticLinks
from modulestore.keys import ContextKey
from service_kit.etags import etag_of

__all__ = ["CourseFiles", "Files", "KnownFiles"]

T = TypeVar("T")

_MOST = 200  # courses at hand


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one course at one moment.

    Attributes:
        at: where those are that everybody may see.
        mark: another one when any file is: part of the entity tag of what has links.
        read_at: when, in seconds of the monotonic clock.
    """

    links: StaticLinks
    at: str
    mark: str
    read_at: float

    def with_urls(self, value: T) -> T:
        """A value with URLs in the place of ``/static/…``, in all texts that are in it."""
        return self.links.rewrite(value, base=self.at)


class CourseFiles:
    """The files of courses. They change without a new version, and to know them costs a round trip: so they
    are kept for as long as heads may be outdated.
    """

    def __init__(self, assets: AsyncAssets, seconds: float, *, at: str = "") -> None:
        """Nothing is known yet.

        Args:
            seconds: how long they are kept.
            at: where those are that everybody may see.
        """
        self._assets = assets
        self._seconds = seconds
        self._at = at
        self._known: dict[ContextKey, Files] = {}

    async def of(self, course: ContextKey) -> Files:
        """The files of a course."""
        now = monotonic()
        known = self._known.pop(course, None)
        if known is None or now - known.read_at >= self._seconds:
            links = await self._assets.links(course)
            states = (f"{name} {file.md5} {file.locked}" for name, file in sorted(links.files.items()))
            known = Files(links, self._at, etag_of(self._at, *states), now)
        self._known[course] = known  # last: the first is the one that nobody asked for the longest
        if len(self._known) > _MOST:
            del self._known[next(iter(self._known))]
        return known


def _files(request: Request) -> CourseFiles:
    files: CourseFiles = request.state.files
    return files


KnownFiles: TypeAlias = Annotated[CourseFiles, Depends(_files)]
