"""What a learner sees of a course: the view that all routes begin with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypeAlias

from fastapi import Depends, HTTPException
from starlette.requests import Request

from learning_api.learners import Roster
from modulestore import (
    AsyncStore,
    ContentGroups,
    CourseView,
    GradableCounts,
    HideFromToc,
    StaffOnly,
    StartDates,
    User,
    ViewBlock,
)
from modulestore.keys import ContextKey

__all__ = ["SHOWN_SETTINGS", "LearnerViews", "Views", "WithoutChoices", "headers_of"]

SHOWN_SETTINGS = {
    "video": ("youtube_id_1_0", "html5_sources", "transcripts", "handout"),
}
"""Settings that learners get, by type."""


class WithoutChoices:
    """Leaves out blocks that choose among their children by what a learner was given or did, with what only
    they lead to. A service that knows this keeps what was chosen.
    """

    collectors = ()

    def keep(self, block: ViewBlock, user: User, /) -> bool:
        """Whether a block chooses nothing."""
        return block.type not in ("split_test", "library_content", "conditional")


# The same for all routes: what is collected for one of them is there for the others.
_TRANSFORMERS = (
    StartDates(),
    StaffOnly(),
    ContentGroups(),
    WithoutChoices(),
    HideFromToc(),
    GradableCounts(),
)
_FIELDS = frozenset(name for names in SHOWN_SETTINGS.values() for name in names) | {"due"}


class Views:
    """Shows published courses to learners."""

    def __init__(
        self, store: AsyncStore, roster: Roster, *, staleness: float, now: Callable[[], datetime]
    ) -> None:
        """Views of the courses in a store, for who is on a roster.

        Args:
            staleness: seconds for which heads may be outdated.
            now: the clock that decides what has started.
        """
        self._store = store
        self._roster = roster
        self._staleness = staleness
        self._now = now

    async def of(self, course: ContextKey, name: str) -> CourseView:
        """What somebody sees of a course at this moment.

        Raises:
            HTTPException: they are not enrolled (403).
            CourseNotFound, BranchNotFound: there is no such course, or nothing of it is published.
        """
        enrolment = await self._roster.enrolment(course, name)
        if enrolment is None:
            raise HTTPException(403, f"you are not enrolled in {course}")
        user = User(
            self._now(),
            is_staff=enrolment.is_staff,
            groups=enrolment.groups,
            is_beta_tester=enrolment.is_beta_tester,
        )
        return await self._store.view(
            course,
            transformers=_TRANSFORMERS,
            user=user,
            fields=_FIELDS,
            branch="published",
            staleness=self._staleness,
        )


def headers_of(etag: str) -> dict[str, str]:
    """Headers of an answer for one learner: browsers keep it, and ask each time whether it is still so."""
    return {"ETag": etag, "Cache-Control": "private, no-cache"}


def _views(request: Request) -> Views:
    views: Views = request.state.views
    return views


LearnerViews: TypeAlias = Annotated[Views, Depends(_views)]
