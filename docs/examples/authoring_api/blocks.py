"""Opening: a block of the draft with its children, as an editor shows them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from modulestore import Block
from modulestore.keys import as_usage_key
from modulestore.model.changes import json_value
from service_kit.dependencies import OpenStore, UserName
from service_kit.etags import etag_of, has_already

__all__ = ["router"]

router = APIRouter(tags=["blocks"])


class OpenBlock(BaseModel):
    """One block: what it sets itself, settings and content alike, and which children it has."""

    key: str
    title: str
    fields: dict[str, Any]
    children: list[str]


class Opened(BaseModel):
    """A block and its children, all of one version of the draft: the ``base`` of edits."""

    version: str
    block: OpenBlock
    children: list[OpenBlock]


@router.get("/blocks/{usage_key}", response_model=Opened)
async def open_block(
    usage_key: str, store: OpenStore, author: UserName, request: Request, response: Response
) -> Opened | Response:
    """A block, a unit with what is in it, a subsection with its units … with all contents in one batch."""
    usage = as_usage_key(usage_key)
    course = await store.open(usage.course.bare, branch="draft")
    etag = etag_of(course.version)
    if has_already(request, etag):
        return Response(status_code=304, headers={"ETag": etag})
    block = course[usage]
    contents = await store.load_content([block, *block.children])
    response.headers["ETag"] = etag
    return Opened(
        version=str(course.version),
        block=_shown(block, contents[block]),
        children=[_shown(child, contents[child]) for child in block.children],
    )


def _shown(block: Block, content: dict[str, Any]) -> OpenBlock:
    return OpenBlock(
        key=str(block.key),
        title=block.display_name,
        fields=json_value({**block.settings, **content}),
        children=[str(child.key) for child in block.children],
    )
