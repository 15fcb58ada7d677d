"""Editing: what an author sends becomes one new version of the draft, merged with what others did since."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.responses import Response

from modulestore import AsyncEditSession, UsageKey
from modulestore.keys import as_usage_key
from modulestore.model.fields import stored_value
from service_kit.dependencies import OpenStore, UserName
from service_kit.etags import etag_of

__all__ = ["router"]

router = APIRouter(tags=["edits"])


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Update(_Sent):
    """New values of fields, settings and content alike; and fields that are no longer set."""

    do: Literal["update"]
    block: str
    fields: dict[str, JsonValue] = {}
    unset: list[str] = []


class Add(_Sent):
    """A new block, last in its parent or at ``index``. Edits that follow may speak of it if it has an id."""

    do: Literal["add"]
    type: str
    parent: str
    id: str | None = None
    index: int | None = None
    fields: dict[str, JsonValue] = {}


class Move(_Sent):
    """A block under another parent, or at another place under its own."""

    do: Literal["move"]
    block: str
    parent: str
    index: int | None = None


class Delete(_Sent):
    """A block, with what is below it and nowhere else."""

    do: Literal["delete"]
    block: str


class Edits(_Sent):
    """What an author did since opening: all of it is saved, or nothing.

    Attributes:
        base: the version that the author saw.
        message: what the author says of it.
    """

    base: str
    message: str | None = None
    edits: list[Annotated[Update | Add | Move | Delete, Field(discriminator="do")]] = Field(min_length=1)


class Saved(BaseModel):
    """Edits are saved.

    Attributes:
        version: the head of the draft now: the base of the next edits.
        merged_with: the version of others that the edits were merged with; None if nobody was faster.
        added: keys of new blocks, in the order of the edits.
    """

    version: str
    merged_with: str | None
    added: list[str]


@router.post("/courses/{course_key}/edits")
async def edit(course_key: str, sent: Edits, store: OpenStore, author: UserName, response: Response) -> Saved:
    """One new version. 409 if somebody changed the same thing since: the edits are kept, to be decided."""
    async with store.edit(course_key, author=author, base=sent.base, message=sent.message) as session:
        added = [key for one in sent.edits if (key := _do(session, one)) is not None]
    response.headers["ETag"] = etag_of(session.version)
    return Saved(
        version=str(session.version),
        merged_with=_met(session),
        added=[str(key) for key in added],
    )


def _do(session: AsyncEditSession, wanted: Update | Add | Move | Delete) -> UsageKey | None:
    """Collect an edit; the key of a block that it adds."""
    match wanted:
        case Update():
            usage = as_usage_key(wanted.block)
            _set(session, usage, wanted.fields)
            session.unset(usage, *wanted.unset)
        case Add():
            usage = session.add(wanted.type, wanted.parent, id=wanted.id, index=wanted.index)
            _set(session, usage, wanted.fields)
            return usage
        case Move():
            session.move(wanted.block, wanted.parent, wanted.index)
        case Delete():
            session.delete(wanted.block)
    return None


def _set(session: AsyncEditSession, block: UsageKey, fields: dict[str, JsonValue]) -> None:
    values = {name: stored_value(block, name, value) for name, value in fields.items()}
    session.update(block, **values)


def _met(session: AsyncEditSession) -> str | None:
    if not session.merged or session.commit is None:
        return None
    move = session.commit.moves.get("draft")
    return str(session.version if move is None else move.before)  # without a move others did the same
