"""Looking back: versions of a branch, and what is different between two of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from service_kit.dependencies import OpenStore, UserName

__all__ = ["router"]

router = APIRouter(tags=["versions"], prefix="/courses/{course_key}")


class Version(BaseModel):
    """One version of a branch; ``previous`` is what it was made from."""

    version: str
    previous: str | None
    author: str
    edited_on: datetime
    message: str | None
    tags: list[str]


@router.get("/history")
async def history(
    course_key: str,
    store: OpenStore,
    author: UserName,
    branch: Literal["draft", "published"] = "draft",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> list[Version]:
    """Versions, newest first."""
    return [
        Version(
            version=str(one.version),
            previous=None if one.previous is None else str(one.previous),
            author=str(one.author),
            edited_on=one.edited_on,
            message=one.message,
            tags=list(one.tags),
        )
        for one in await store.history(course_key, branch=branch, limit=limit)
    ]


@router.get("/diff")
async def diff(
    course_key: str, before: str, after: str, store: OpenStore, author: UserName
) -> dict[str, Any]:
    """What became of every block, field by field, from one version to another: ids, tags or branches."""
    return (await store.diff(course_key, before, after)).as_json()
