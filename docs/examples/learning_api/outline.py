"""The outline of a course: what a table of contents shows."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from learning_api.views import LearnerViews, headers_of
from modulestore import ViewBlock
from modulestore.keys import as_course_key
from service_kit.dependencies import UserName
from service_kit.etags import etag_of, has_already

__all__ = ["router"]

router = APIRouter(tags=["outline"])


class OutlineBlock(BaseModel):
    """A block down to the units; ``gradable`` counts the exercises in it that give grades."""

    key: str
    type: str
    title: str
    due: datetime | None
    gradable: int
    children: list[OutlineBlock]


class Outline(BaseModel):
    """The outline that one learner sees of one version; no root if there is nothing to see yet."""

    version: str
    root: OutlineBlock | None


@router.get("/courses/{course_key}/outline", response_model=Outline)
async def outline(
    course_key: str, views: LearnerViews, name: UserName, request: Request, response: Response
) -> Outline | Response:
    """What of the course has begun and is for this learner."""
    view = await views.of(as_course_key(course_key).bare, name)
    # The answer follows from the version and from what is seen of it: a date that comes changes it too.
    headers = headers_of(etag_of(view.version, *view.positions))
    if has_already(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return Outline(version=str(view.version), root=_shown(view.root) if len(view) else None)


def _shown(block: ViewBlock) -> OutlineBlock:
    below = () if block.type == "vertical" else block.children
    return OutlineBlock(
        key=str(block.key),
        type=block.type,
        title=block.display_name,
        due=block.get("due"),
        gradable=block.annotations["gradable"],
        children=[_shown(child) for child in below if "hidden_from_toc" not in child.annotations],
    )
