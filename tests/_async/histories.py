"""Long histories of everything that authors do, by chance, the same for the same seed."""

from __future__ import annotations

import random
from typing import Any

from modulestore._async.ports import Backend
from modulestore._async.reading import Reader
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import Call, closing
from modulestore.formats import v1
from modulestore.formats.structures import schema_of
from modulestore.keys import VersionId, as_course_key
from modulestore.model.course import Block
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course

__all__ = ["KEY", "History", "contents", "schemas"]

KEY = as_course_key(SMALL_COURSE)
LIBRARY = "library-v1:Example+Bank"
BANK = ("library_content", "bank")


class History:
    """A course and a library, and what happens to them."""

    def __init__(self, store: AsyncStore, seed: int = 0) -> None:
        self.store = store
        self._dice = random.Random(seed)
        self._number = 0

    async def begin(self) -> None:
        """Make them."""
        await make_small_course(self.store, author=7)
        await self.store.create_library(LIBRARY, title="Bank", author=7)
        async with self.store.edit(LIBRARY, author=7) as edit:
            for name in ("one", "two", "three"):
                edit.add(
                    "problem", edit.course.root, id=name, display_name=name, data="<problem/>", weight=2.0
                )
        async with self.store.edit(KEY, author=7) as edit:
            edit.add("library_content", ("vertical", "a"), id="bank", display_name="From the bank")
        await self.store.copy_from_library(KEY.usage(*BANK), LIBRARY, author=7)

    async def go_on(self, steps: int) -> None:
        """Do something, so many times."""
        doings: list[Call[object]] = [
            self._update,
            self._update,
            self._update,
            self._add,
            self._delete,
            self._move,
            self._publish,
            self._publish_unit,
            self._edit_library,
            self._restore,
            self._two_at_once,
        ]
        for _ in range(steps):
            self._number += 1
            await self._dice.choice(doings)()

    async def _blocks(self, *types: str) -> list[Block]:
        draft = await self.store.open(KEY, branch="draft")
        return [block for block in draft.blocks() if block.type in types]

    async def _any(self, *types: str) -> Any:
        return self._dice.choice(await self._blocks(*types)).block_key

    async def _update(self) -> None:
        block = await self._any("html", "problem", "vertical", "sequential")
        async with self.store.edit(KEY, author=7) as edit:
            fields: dict[str, Any] = {"display_name": f"number {self._number}"}
            if block.type == "html":
                fields["data"] = f"<p>{self._number}</p>"
            edit.update(block, **fields)
            if self._number % 5 == 0:
                edit.set_asset("asset", "one.png", {"locked": self._number % 2 == 0})

    async def _add(self) -> None:
        unit = await self._any("vertical")
        async with self.store.edit(KEY, author=7) as edit:
            edit.add("html", unit, id=f"n{self._number}", index=self._number % 2, data="<p>new</p>")

    async def _delete(self) -> None:
        block = await self._any("html", "problem", "vertical")
        if len(await self._blocks("vertical")) > 1:
            async with self.store.edit(KEY, author=7) as edit:
                edit.delete(block)

    async def _move(self) -> None:
        unit, where = await self._any("vertical"), await self._any("sequential")
        async with self.store.edit(KEY, author=7) as edit:
            edit.move(unit, where, 0)

    async def _publish(self) -> None:
        await self.store.publish(KEY, author=7)

    async def _publish_unit(self) -> None:
        unit = await self._any("vertical")
        await self.store.publish(KEY, KEY.usage(*unit), author=7)

    async def _edit_library(self) -> None:
        async with self.store.edit(LIBRARY, author=7) as edit:
            edit.update(("problem", "one"), weight=float(self._number))
        draft = await self.store.open(KEY, branch="draft")
        if BANK in draft and draft[BANK].get("source_library_id"):
            await self.store.update_from_library(KEY.usage(*BANK), author=7)

    async def _restore(self) -> None:
        history = await self.store.history(KEY, branch="draft")
        await self.store.restore(KEY, self._dice.choice(history[:-2]).version, author=7)

    async def _two_at_once(self) -> None:
        mine = self.store.edit(KEY, author=7)
        async with mine:
            mine.update(("chapter", "one"), display_name=f"mine {self._number}")
            async with self.store.edit(KEY, author=8) as theirs:
                theirs.update(("chapter", "two"), display_name=f"theirs {self._number}")


async def contents(backend: Backend) -> dict[VersionId, bytes]:
    """What every version says, as a document of format 1, read by somebody who has nothing at hand."""
    found: dict[VersionId, bytes] = {}
    async with closing(backend.structures.headers(batch=50)) as headers:
        async for batch in headers:
            structures = await Reader(backend).structures([header.id for header in batch])
            found.update((version, v1.encode_structure(one)) for version, one in structures.items())
    return found


async def schemas(backend: Backend) -> set[int]:
    """The formats that structures are stored in."""
    found: set[int] = set()
    async with closing(backend.structures.headers()) as headers:
        async for batch in headers:
            documents = await backend.structures.get_many([header.id for header in batch])
            found.update(map(schema_of, documents.values()))
    return found
