"""Who is enrolled, and what they may see."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, TypeAdapter
from starlette.requests import Request

from modulestore.keys import ContextKey
from modulestore.model.files import CourseFile
from modulestore.origin import Authorise

__all__ = ["Enrolment", "Roster", "authoriser"]


class Enrolment(BaseModel):
    """One person in one course; ``groups`` by partition."""

    groups: dict[int, int] = {}
    is_staff: bool = False
    is_beta_tester: bool = False


class Roster:
    """Who is enrolled where. Here it is a file; in your service, the database that knows."""

    def __init__(self, enrolments: Mapping[str, Mapping[str, Enrolment]]) -> None:
        """A roster of these enrolments, by course and name."""
        self._enrolments = enrolments

    @classmethod
    def read(cls, path: Path) -> Roster:
        """The roster in a JSON file."""
        adapter = TypeAdapter(dict[str, dict[str, Enrolment]])
        return cls(adapter.validate_python(json.loads(path.read_text("utf-8"))))

    async def enrolment(self, course: ContextKey, name: str) -> Enrolment | None:
        """What somebody is in a course; None for who is not enrolled."""
        return self._enrolments.get(str(course.bare), {}).get(name)


def authoriser(roster: Roster) -> Authorise:
    """Lets who is enrolled in a course read its locked files."""

    async def may_read(request: Request, file: CourseFile) -> bool:
        name = request.headers.get("X-Remote-User")
        return name is not None and await roster.enrolment(file.key.course, name) is not None

    return may_read
