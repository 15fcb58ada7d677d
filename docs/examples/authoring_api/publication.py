"""Publishing, and what it would do."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from modulestore import BlockKey
from modulestore.keys import ContextKey, as_course_key
from service_kit.dependencies import OpenStore, UserName

__all__ = ["router"]

router = APIRouter(tags=["publication"], prefix="/courses/{course_key}/publication")


class Preview(BaseModel):
    """What learners would see otherwise, if this version of the draft were published."""

    version: str
    added: list[str]
    changed: list[str]
    removed: list[str]


class Publication(BaseModel):
    """What to publish.

    Attributes:
        version: of the draft, as the preview said it. Who did not look leaves it out.
        block: with all that is below it; without it, the course.
    """

    model_config = ConfigDict(extra="forbid")

    version: str | None = None
    block: str | None = None
    message: str | None = None


class Published(BaseModel):
    """What learners see otherwise now. ``version`` is the head of the published branch."""

    version: str
    blocks: list[str]


@router.get("")
async def preview(course_key: str, store: OpenStore, author: UserName, block: str | None = None) -> Preview:
    """What would be published. Nothing is written."""
    # The version first: if the draft moves on in between, the publication of this version is refused.
    draft = await store.open(course_key, branch="draft")
    found = await store.publish_preview(course_key, block)
    return Preview(
        version=str(draft.version),
        added=_keys(draft.key, found.added),
        changed=_keys(draft.key, found.changed),
        removed=_keys(draft.key, found.removed),
    )


@router.post("")
async def publish(course_key: str, sent: Publication, store: OpenStore, author: UserName) -> Published:
    """409 if what would be published was edited since the version that the author saw."""
    commit = await store.publish(
        course_key, sent.block, author=author, base=sent.version, message=sent.message
    )
    move = commit.moves.get("published")
    return Published(
        version=str(commit.heads["published"]),
        blocks=_keys(as_course_key(course_key).bare, sorted(move.blocks) if move else ()),
    )


def _keys(course: ContextKey, blocks: Iterable[BlockKey]) -> list[str]:
    return [str(course.usage(*block)) for block in blocks]
