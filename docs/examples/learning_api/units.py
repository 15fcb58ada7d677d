"""A unit: what is in it that this learner may see, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from learning_api.files import KnownFiles
from learning_api.views import SHOWN_SETTINGS, LearnerViews, headers_of
from modulestore import ViewBlock
from modulestore.keys import as_usage_key
from modulestore.model.fields import is_container
from service_kit.dependencies import OpenStore, UserName
from service_kit.etags import etag_of, has_already

__all__ = ["router"]

router = APIRouter(tags=["units"])

# Content that learners get, by type. Of what is not here, nothing: a problem's XML says the answers, and is
# for what renders and grades it.
_SHOWN_CONTENT = {"html": ("data",)}


class UnitBlock(BaseModel):
    """A block of a unit, with what of it is shown as it is."""

    key: str
    type: str
    title: str
    fields: dict[str, Any]


class Unit(BaseModel):
    """A unit of one version, as one learner sees it."""

    version: str
    key: str
    title: str
    blocks: list[UnitBlock]


@router.get("/units/{usage_key}", response_model=Unit)
async def unit(
    usage_key: str,
    store: OpenStore,
    views: LearnerViews,
    course_files: KnownFiles,
    name: UserName,
    request: Request,
    response: Response,
) -> Unit | Response:
    """404 if there is no such unit, or not for this learner now: nobody can tell which."""
    usage = as_usage_key(usage_key)
    view = await views.of(usage.course.bare, name)
    wanted = view[usage]
    shown = [block for block in view.walk(wanted) if not is_container(block.type)]

    files = await course_files.of(view.key)
    headers = headers_of(etag_of(view.version, files.mark, wanted.position, *(one.position for one in shown)))
    if has_already(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)

    # The same version that the view is of, and all contents at once.
    course = await store.open(view.key, version=view.version)
    contents = await store.load_content([course[one.block_key] for one in shown])
    response.headers.update(headers)
    return Unit(
        version=str(view.version),
        key=str(wanted.key),
        title=wanted.display_name,
        blocks=[
            UnitBlock(
                key=str(one.key),
                type=one.type,
                title=one.display_name,
                fields=files.with_urls(_fields_of(one, contents[course[one.block_key]])),
            )
            for one in shown
        ],
    )


def _fields_of(block: ViewBlock, content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: block.get(name) for name in SHOWN_SETTINGS.get(block.type, ())},
        **{name: content.get(name) for name in _SHOWN_CONTENT.get(block.type, ())},
    }
