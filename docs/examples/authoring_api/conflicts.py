"""Conflicts: edits that could not be merged are kept, until their author decides."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict

from service_kit.dependencies import OpenStore, UserName

__all__ = ["router"]

router = APIRouter(tags=["conflicts"])


class Resolution(BaseModel):
    """What an author decides.

    Attributes:
        choices: who wins, by id of an item.
        overwrite: mine wins in every item that ``choices`` does not name.
        abort: give the edits up.
    """

    model_config = ConfigDict(extra="forbid")

    choices: dict[str, Literal["mine", "theirs"]] = {}
    overwrite: bool = False
    abort: bool = False


class Resolved(BaseModel):
    """A conflict is decided; ``version`` is the head of the draft, or None if the edits were given up."""

    version: str | None


@router.get("/courses/{course_key}/conflicts")
async def conflicts(course_key: str, store: OpenStore, author: UserName) -> list[dict[str, Any]]:
    """What waits for this author's decision, oldest first."""
    return [one.as_json() for one in await store.conflicts(course_key) if one.author == author]


@router.get("/conflicts/{conflict_id}")
async def conflict(conflict_id: str, store: OpenStore, author: UserName) -> dict[str, Any]:
    """One conflict with its items: the block, the field, and the three values."""
    return (await store.conflict(conflict_id)).as_json()


@router.post("/conflicts/{conflict_id}/resolution")
async def resolve(conflict_id: str, sent: Resolution, store: OpenStore, author: UserName) -> Resolved:
    """Merge the kept edits with the draft of this moment. 409 if there is something new to decide."""
    if (await store.conflict(conflict_id)).author != author:
        raise HTTPException(403, "these are somebody else's edits")
    commit = await store.resolve(
        conflict_id, choices=sent.choices, overwrite=sent.overwrite, abort=sent.abort
    )
    return Resolved(version=None if commit is None else str(commit.heads["draft"]))
