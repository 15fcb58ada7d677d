"""What routes depend on: the store, and who sent the request."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Depends, HTTPException
from starlette.requests import Request

from modulestore import AsyncStore

__all__ = ["OpenStore", "UserName", "user_name"]


def _store(request: Request) -> AsyncStore:
    store: AsyncStore = request.state.store  # the lifespan of the application opened it
    return store


def user_name(request: Request) -> str:
    """Who sent a request: the proxy in front, which signs people in, says it, and takes this header from all
    others.

    Raises:
        HTTPException: nobody is signed in (401).
    """
    name = request.headers.get("X-Remote-User")
    if not name:
        raise HTTPException(401, "sign in first")
    return name


OpenStore: TypeAlias = Annotated[AsyncStore, Depends(_store)]
UserName: TypeAlias = Annotated[str, Depends(user_name)]
