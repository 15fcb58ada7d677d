"""What documents say they refer to: the same that a reader of the structures finds."""

from __future__ import annotations

import pytest

from modulestore._async.ports import Backend
from modulestore._async.reading import Reader
from modulestore._async.roots import read_roots
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import closing
from modulestore.keys import VersionId
from modulestore.model.structure import Structure
from modulestore.upkeep.roots import Root, RootKind
from tests._async.histories import KEY, LIBRARY, History
from tests._async.stores import BACKENDS, fresh_backend

pytestmark = pytest.mark.anyio


def pins_in(structure: Structure) -> set[str]:
    """Versions of libraries that the blocks of a structure open."""
    pins: set[str] = set()
    for position in range(len(structure)):
        source = structure.data.edit_info(position).original_usage_version
        pin = structure.data.settings(position).get("source_library_version")
        pins.update(str(found) for found in (source, pin) if found is not None)
    return pins


async def every_id(backend: Backend) -> list[VersionId]:
    async with closing(backend.structures.ids()) as batches:
        return [version async for batch in batches for version in batch]


@BACKENDS
async def test_documents_and_what_they_build_on_refer_to_all_that_a_version_does(
    kind: str, request: pytest.FixtureRequest
) -> None:
    async with fresh_backend(kind, request) as backend:
        history = History(AsyncStore(backend), seed=3)
        await history.begin()
        await history.go_on(60)
        ids = await every_id(backend)
        links, references = await backend.structures.links(ids), await backend.structures.references(ids)
        structures = await Reader(backend).structures(ids)
        assert any(link.bases for link in links.values()) == (not kind.endswith("format-1"))
        assert any(pins_in(structure) for structure in structures.values())
        for version, structure in structures.items():
            link = links[version]
            header = structure.header
            assert (link.previous, link.original) == (header.previous_version, header.original_version)
            parts = [references[one] for one in (version, *link.bases)]
            definitions = {one for part in parts for one in part.definitions}
            pins = {str(one) for part in parts for one in part.pins}
            # Of what it builds on it may have dropped some: what is too much here is only kept for longer.
            assert set(structure.definitions) <= definitions
            assert pins_in(structure) <= pins
            if not link.bases:
                assert (set(structure.definitions), pins_in(structure)) == (definitions, pins)


@BACKENDS
async def test_roots_are_heads_tags_conflicts_deleted_courses_and_reruns(
    kind: str, request: pytest.FixtureRequest
) -> None:
    async with fresh_backend(kind, request) as backend:
        store = AsyncStore(backend)
        await History(store).begin()
        entry = await backend.index.get(KEY)
        library = await store.delete(LIBRARY)
        assert entry is not None
        head = entry.heads["draft"]
        await store.tag(KEY, head, "spring")
        await backend.records.put_if_absent(
            "conflict", "x", {"key": "k", "base": str(head), "mine": str(head)}
        )
        await backend.records.put_if_absent(
            "rerun claim", "new", {"entry": "e", "heads": {"draft": str(head)}}
        )
        key = str(KEY)
        assert set(await read_roots(backend)) == {
            *(Root(RootKind.HEAD, version, key, branch) for branch, version in entry.heads.items()),
            Root(RootKind.TAG, head, key, "spring"),
            Root(RootKind.CONFLICT, head, "k", "x (base)"),
            Root(RootKind.CONFLICT, head, "k", "x (mine)"),
            Root(RootKind.RERUN, head, "new", "draft"),
            Root(RootKind.DELETED, library.heads["library"], LIBRARY, "library"),
        }
