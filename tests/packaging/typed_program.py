"""A program on the library, as a type checker must understand it: `assert_type` refuses ``Any`` too."""

from __future__ import annotations

import asyncio
from typing import Any, assert_type

import modulestore
from modulestore import AsyncEditSession, AsyncStore, Block, Course, CourseSummary, EditSession, Store
from modulestore.errors import EditConflict, ModuleStoreError
from modulestore.keys import BlockKey, UsageKey, VersionId


def read(url: str, key: str) -> None:
    with modulestore.connect(url) as store:
        assert_type(store, Store)
        course = store.open(key)
        assert_type(course, Course)
        assert_type(course.version, VersionId)
        for summary in store.courses():
            assert_type(summary, CourseSummary)
        for block in course.blocks("video"):
            assert_type(block, Block)
            assert_type(block.key, UsageKey)
            assert_type(block.block_key, BlockKey)
            assert_type(block.display_name, str)
            assert_type(block.path, list[Block])
            assert_type(block.get("due"), Any)
        contents = store.load_content(course.blocks("problem"))
        assert_type(contents, dict[Block, dict[str, Any]])


def write(store: Store, key: str) -> None:
    try:
        with store.edit(key, author="ana") as edit:
            assert_type(edit, EditSession)
            assert_type(edit.add("html", edit.course.root), UsageKey)
        assert_type(edit.version, VersionId | None)
    except EditConflict as conflict:
        assert_type(conflict.hint, str | None)
    except ModuleStoreError as error:
        assert_type(error.message, str)


async def wait(url: str, key: str) -> None:
    async with await modulestore.connect_async(url) as store:
        assert_type(store, AsyncStore)
        course = await store.open(key)
        assert_type(course, Course)
        async with store.edit(key, author=7) as edit:
            assert_type(edit, AsyncEditSession)
            edit.update(course.root, display_name="A title")


asyncio.run(wait("sqlite:///courses.db", "course-v1:Example+MS101+2026"))
